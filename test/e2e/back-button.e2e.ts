import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { until } from '../support/until.js'
import { newVisitorWithPageCache } from './support/browser.js'
import { CREDENTIALS, OTHERS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, type Visitor, visitorOf } from './support/tab.js'

declare global {
  /** The states that the page has shown: at first, and after each change. */
  var shown: string[]
  /** Whether the browser had kept the page in memory when it was last shown. */
  var isKept: boolean | undefined
}

const KEEPING: Readonly<Record<string, (t: TestContext) => Promise<Visitor>>> = {
  ...VISITORS,
  Chromium: async t => visitorOf(await newVisitorWithPageCache(t)),
}

async function scene(t: TestContext, browser: string, tokens: 'cookies' | 'dual') {
  const { origin } = await serveSite(t, pageApp(tokens).app)
  const elsewhere = await serveSite(t, (_, response) => {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Elsewhere</title>')
  })
  const visitor = await KEEPING[browser]?.(t)
  assert.ok(visitor)
  const tab = await visitor.newTab(origin)
  const other = await visitor.newTab(origin)
  /** The visitor logs in, leaves the page, does something in another tab, and comes back by the back button. */
  const comesBackAfter = async (meanwhile: (other: Tab) => Promise<unknown>) => {
    await tab.goto(origin)
    await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
    await tab.evaluate(() => {
      window.shown = [client.state.status]
      client.subscribe(() => shown.push(client.state.status))
      // As docs/client.md says.
      window.addEventListener('pageshow', ({ persisted }) => {
        window.isKept = persisted
        if (persisted) statusOf('/protected')
      })
    })
    // No browser keeps a page that holds a lock.
    await until(() => tab.evaluate(async () => (await navigator.locks.query()).held?.length === 0))
    await tab.goto(elsewhere.origin)
    await meanwhile(other)
    await tab.back()
    // A page that was kept has its client before it hears that it is shown; one that was loaded anew hears nothing.
    await until(() => tab.evaluate(() => window.isKept !== undefined || (!window.shown && window.client !== undefined)))
  }
  return { tab, comesBackAfter }
}

/** As a page without the client does. */
const post = (tab: Tab, path: string, body?: object) =>
  tab.evaluate(
    async ([path, body]) => {
      const csrf = /csrf_refresh_token=([^;]*)/.exec(document.cookie)?.[1] ?? ''
      const headers = { 'X-CSRF-TOKEN': csrf, 'Content-Type': 'application/json' }
      const { ok } = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
      if (!ok) throw new Error(`POST ${path} was refused`)
    },
    [path, body ?? {}] as const,
  )

for (const [browser, tokens] of [
  ['Chromium', 'dual'],
  ['Firefox', 'cookies'],
] as const)
  test(`a page in ${browser} with tokens: '${tokens}' that the visitor has left and comes back to`, async t => {
    const { tab, comesBackAfter } = await scene(t, browser, tokens)

    await t.test('has no login that another tab has ended meanwhile', async () => {
      await comesBackAfter(other => other.evaluate(() => client.logout()))
      assert.equal(await tab.evaluate(() => client.state.status), 'unauthenticated')
    })

    await t.test('shows with its next request that a page without the client has ended the login', async () => {
      await comesBackAfter(other => post(other, '/logout'))
      assert.equal(await tab.evaluate(() => window.isKept), true)
      await until(() => tab.evaluate(() => shown.at(-1) === 'unauthenticated'))
    })

    await t.test('acts as the user who has logged in meanwhile, and says so', async () => {
      await comesBackAfter(other => post(other, '/login', OTHERS))
      assert.equal(await tab.evaluate(() => window.isKept), true)
      await until(() => tab.evaluate(() => heard.some(([type, { elsewhere }]) => type === 'login' && elsewhere)))
      assert.equal((await tab.evaluate(() => answerOf('/protected', 'POST'))).sub, 'grace')
    })
  })
