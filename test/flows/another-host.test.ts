/**
 * docs/another-host.md: a page and an API on one host, on two hosts of a site, and on two sites, with the browser client.
 * The browser here follows the rules for cookies, CORS and Sec-Fetch-Site. Real browsers: test/e2e/cross-origin.e2e.ts,
 * test/e2e/csrf-origin.e2e.ts, test/e2e/partitioned.e2e.ts.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type { Middleware } from 'koa'
import { AuthXClient, type TokensIn } from 'koa-authx/client'
import type { AuthXOptions } from '../../src/index.js'
import { TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, type Client, makeAuthX, serve } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { type BrowserRules, SiteBrowser } from '../support/site-browser.js'

const PAGE = 'https://app.example.com'
const SIBLING = 'https://api.example.com'
const OTHER_SITE = 'https://api.other.example'

/** What @koa/cors does with `{ origin, credentials: true, allowHeaders }`. */
const cors =
  (allowHeaders: string): Middleware =>
  async (ctx, next) => {
    ctx.set({ 'Access-Control-Allow-Origin': PAGE, 'Access-Control-Allow-Credentials': 'true' })
    if (ctx.method !== 'OPTIONS') return next()
    ctx.set('Access-Control-Allow-Headers', allowHeaders)
    ctx.status = 204
  }

interface Setting {
  readonly api: string
  readonly options: AuthXOptions
  readonly tokens?: TokensIn
  readonly allowHeaders?: string
  readonly browser?: BrowserRules
}

interface Scene {
  readonly clock: TestClock
  readonly send: Client
  readonly browser: SiteBrowser
  /** Loads the page: a client without memory, and the cookies of the browser. */
  load(): AuthXClient
}

async function scene(t: TestContext, { api, options, tokens = 'cookies', ...rest }: Setting): Promise<Scene> {
  const clock = new TestClock()
  const authx = makeAuthX({ tokenLocation: ['cookies'], store: new MemoryTokenStore(), now: clock.now, ...options })
  const { allowHeaders = 'Authorization, Content-Type, X-CSRF-TOKEN' } = rest
  const app = appOf(cors(allowHeaders), authx.middleware()).use(addLoginRoutes(new Router(), authx).routes())
  app.proxy = true
  const send = await serve(t, app)
  const browser = new SiteBrowser(send, rest.browser)
  const load = () => {
    const { fetch, cookies } = browser.page(PAGE)
    const client = new AuthXClient({ tokens, baseUrl: api, fetch, cookies })
    t.after(() => client.close())
    return client
  }
  return { clock, send, browser, load }
}

const statusOf = async (client: AuthXClient, method = 'POST') => (await client.fetch('/protected', { method })).status
const CREDENTIALS = { username: 'ada' }
const ORIGIN: AuthXOptions = { csrfCheck: 'origin', trustedOrigins: [PAGE] }
const DUAL: AuthXOptions = { tokenLocation: { access: ['headers'], refresh: ['cookies'] } }
const HEADERS: AuthXOptions = { tokenLocation: ['headers'] }

/** Every setting of the page that works, and whether the client knows of the login after a reload. */
const WORKS: readonly (Setting & { name: string; reload: 'knows' | 'asks' | 'logged out' })[] = [
  { name: 'one origin', api: PAGE, options: {}, reload: 'knows' },
  { name: "one origin, 'origin'", api: PAGE, options: { csrfCheck: 'origin' }, reload: 'knows' },
  { name: "two hosts, 'origin'", api: SIBLING, options: ORIGIN, reload: 'asks' },
  { name: "two hosts, 'origin', dual", api: SIBLING, options: { ...ORIGIN, ...DUAL }, tokens: 'dual', reload: 'asks' },
  { name: 'two hosts, cookieDomain', api: SIBLING, options: { cookieDomain: 'example.com' }, reload: 'knows' },
  { name: 'two hosts, csrfInCookies', api: SIBLING, options: { csrfInCookies: false }, reload: 'logged out' },
  { name: "two sites, 'origin'", api: OTHER_SITE, options: { ...ORIGIN, cookieSamesite: 'none' }, reload: 'asks' },
  { name: 'two sites, headers', api: OTHER_SITE, options: HEADERS, tokens: 'headers', reload: 'logged out' },
]

describe('the client of a page', () => {
  for (const { name, reload, ...setting } of WORKS) {
    test(`and its API (${name}): logs in, calls, refreshes, logs out; after a reload: ${reload}`, async t => {
      const { clock, load } = await scene(t, setting)
      const first = load()
      await assert.rejects(first.refresh(), { errorType: 'MissingTokenError' })
      assert.equal(first.loggedIn, false)
      await first.login(CREDENTIALS)
      assert.equal(await statusOf(first), 200)
      clock.advance('16m')
      assert.deepEqual([await statusOf(first), first.loggedIn], [200, true])

      const again = load()
      assert.equal(again.loggedIn, reload === 'knows')
      if (reload === 'asks') await again.refresh()
      if (reload === 'logged out') {
        await assert.rejects(again.refresh(), ({ errorType }) => /^Missing(CSRF)?TokenError$/.test(errorType))
        await again.login(CREDENTIALS)
      }
      assert.deepEqual([await statusOf(again), again.loggedIn], [200, true])
      await again.logout()
      assert.deepEqual([await statusOf(again), again.loggedIn], [401, false])
    })
  }
})

describe('a page on another host gets nothing', () => {
  const refusal = async (t: TestContext, setting: Setting): Promise<string> => {
    const client = (await scene(t, setting)).load()
    const attempt = client.login(CREDENTIALS).then(async () => String(await statusOf(client)))
    return attempt.catch(error => String(error.errorType ?? error.message))
  }

  test('without CORS headers that allow it', async t => {
    assert.equal(await refusal(t, { api: SIBLING, options: ORIGIN, allowHeaders: 'X-CSRF-TOKEN' }), 'CORS')
    const headers = { api: SIBLING, options: HEADERS, tokens: 'headers', allowHeaders: 'Content-Type' } as const
    assert.equal(await refusal(t, headers), 'CORS')
  })

  test("with 'origin' and without trustedOrigins", async t => {
    assert.equal(await refusal(t, { api: SIBLING, options: { csrfCheck: 'origin' } }), 'CSRFError')
  })

  test("with 'token', if it cannot read the CSRF cookie", async t => {
    assert.equal(await refusal(t, { api: SIBLING, options: {} }), '403')
  })

  test('by cookies of another site that are not SameSite=None, or that the browser blocks', async t => {
    assert.equal(await refusal(t, { api: OTHER_SITE, options: ORIGIN }), 'MissingTokenError')
    const options: AuthXOptions = { ...ORIGIN, cookieSamesite: 'none' }
    const browser = { blocksThirdParties: true }
    assert.equal(await refusal(t, { api: OTHER_SITE, options, browser }), 'MissingTokenError')
  })
})

test('with cookieDomain, every host of the site gets the cookies; without, only the API does', async t => {
  for (const [options, sent] of [
    [{ cookieDomain: 'example.com' }, true],
    [{}, false],
  ] as const) {
    const { browser, load } = await scene(t, { api: SIBLING, options })
    await load().login(CREDENTIALS)
    assert.equal(browser.sentTo('https://blog.example.com/').includes('refresh_token_cookie'), sent)
  }
})

test("ports of localhost share cookies: 'token' works, 'origin' needs the port of the page in trustedOrigins", async t => {
  const page = 'http://localhost:5173'
  for (const [options, status] of [
    [{}, 200],
    [{ csrfCheck: 'origin' }, 403],
    [{ csrfCheck: 'origin', trustedOrigins: [page] }, 200],
  ] as const) {
    const { send, browser } = await scene(t, {
      api: 'http://localhost:8000',
      options: { ...options, cookieSecure: false },
    })
    const own = browser.page('http://localhost:8000')
    await own.fetch('http://localhost:8000/login', { method: 'POST' })
    const { cookies } = browser.page(page)
    const [, value = ''] = /csrf_access_token=([^;]*)/.exec(cookies()) ?? []
    const headers = [
      ['Host', 'localhost:8000'],
      ['Origin', page],
      ['Sec-Fetch-Site', 'same-site'],
      ['Cookie', browser.sentTo('http://localhost:8000/protected')],
      ['X-CSRF-TOKEN', decodeURIComponent(value)],
    ] as const
    assert.equal((await send({ method: 'POST', path: '/protected', headers })).status, status)
  }
})
