/** Pages of somebody else, and what they can make a visitor's browser send. */
import type { TestContext } from 'node:test'
import Koa from 'koa'
import { serveSite } from './site.js'
import type { Tab } from './tab.js'

/**
 * Serves pages of somebody else. `/?policy=no-referrer` has this `Referrer-Policy`; `/bounce` passes forms on to the
 * address in its query.
 */
export async function stranger(t: TestContext, tls: boolean): Promise<(host: string) => string> {
  const pages = new Koa().use(ctx => {
    ctx.body = '<!doctype html><title>You have won</title>'
    if (ctx.query.policy) ctx.set('Referrer-Policy', String(ctx.query.policy))
    if (ctx.path !== '/bounce') return
    ctx.redirect(String(ctx.query.to))
    ctx.status = 307
  })
  pages.silent = true
  return (await serveSite(t, pages, { tls })).at
}

/** Ways of making the visitor's browser send a POST. */
export const WAYS: Readonly<Record<string, (tab: Tab, url: string, page: string) => Promise<unknown>>> = {
  form: (tab, url) => postForm(tab, url),
  'form by way of a redirect': (tab, url, page) => postForm(tab, `${page}/bounce?to=${encodeURIComponent(url)}`),
  'form in a sandboxed frame': (tab, url) =>
    tab.evaluate(action => {
      const frame = document.createElement('iframe')
      frame.setAttribute('sandbox', 'allow-forms allow-scripts')
      frame.srcdoc = `<form method="post" action="${action}"></form><script>document.forms[0].submit()</script>`
      document.body.append(frame)
    }, url),
  'fetch, no-cors': (tab, url) => post(tab, url, { mode: 'no-cors' }),
  'fetch, cors': (tab, url) => post(tab, url, { mode: 'cors' }),
  'fetch with a header': (tab, url) => post(tab, url, { mode: 'cors', headers: { 'X-CSRF-TOKEN': 'guessed' } }),
}

export const postForm = (tab: Tab, url: string): Promise<void> =>
  tab.follow(action => {
    const form = Object.assign(document.createElement('form'), { method: 'POST', action })
    form.append(Object.assign(document.createElement('input'), { name: 'username', value: 'mallory' }))
    document.body.append(form)
    form.submit()
  }, url)

export const post = (tab: Tab, url: string, init: RequestInit): Promise<unknown> =>
  tab.evaluate(
    ([target, init]) => {
      const body = new URLSearchParams({ username: 'mallory' })
      return fetch(target, { method: 'POST', credentials: 'include', body, ...init }).then(
        ({ status }) => status,
        () => 'hidden',
      )
    },
    [url, init] as const,
  )

/** What a socket says first, or `'refused'`. */
export const told = (tab: Tab, url: string): Promise<string> =>
  tab.evaluate(
    address =>
      new Promise(resolve => {
        const socket = new WebSocket(address)
        socket.onmessage = ({ data }) => {
          socket.close()
          resolve(data)
        }
        socket.onclose = () => resolve('refused')
      }),
    url.replace(/^http/, 'ws'),
  )
