import type { Context, Middleware } from 'koa'
import { AuthXClient } from 'koa-authx/client'
import { renderToString } from 'react-dom/server'
import type { Note } from './notes-api.js'
import { Page } from './ssr-page.js'

/** The page `/`, rendered with what the API of `api`, such as `https://api.example.com`, answers for its visitor. */
export function pages(api: string): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== '/') return next()
    const client = clientOf(ctx, api)
    const response = await client.fetch('/notes')
    const { notes } = response.ok ? ((await response.json()) as { notes: Note[] }) : { notes: [] }
    // The page belongs to one user, and its Set-Cookie lines too: no cache may keep it.
    ctx.set('Cache-Control', 'private, no-store')
    ctx.type = 'html'
    ctx.body = `<!doctype html>${renderToString(<Page client={client} notes={notes} />)}`
  }
}

/** A client for one request. It sends the cookies of the request, and hands those that it gets to the browser. */
export function clientOf(ctx: Context, api: string): AuthXClient {
  const isApi = (url: string) => new URL(url).origin === new URL(api).origin
  let pairs = pairsOf(ctx.get('Cookie'))
  const cookies = () => pairs.map(([name, value]) => `${name}=${value}`).join('; ')

  const keep = (line: string) => {
    ctx.append('Set-Cookie', line)
    const [cookie] = pairsOf(line)
    pairs = pairs.filter(([name]) => name !== cookie?.[0])
    if (cookie && !/; *max-age=0(;|$)/i.test(line)) pairs.push(cookie)
  }

  const fetchWithCookies = async (input: string | Request, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (isApi(typeof input === 'string' ? input : input.url)) headers.set('Cookie', cookies())
    const response = await fetch(input, { ...init, headers })
    // After a redirect it may be the answer of somebody else.
    if (isApi(response.url)) for (const line of response.headers.getSetCookie()) keep(line)
    return response
  }
  return new AuthXClient({ tokens: 'cookies', baseUrl: api, fetch: fetchWithCookies, cookies, tabs: false })
}

/** Names and values of `a=b; c=d`. */
function pairsOf(text: string): [name: string, value: string][] {
  return [...text.matchAll(/(?:^|; *)([^=;]+)=([^;]*)/g)].map(([, name = '', value = '']) => [name, value])
}
