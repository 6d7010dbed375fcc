/**
 * What pages of others can do with a visitor's cookies. To a browser `localhost` and `127.0.0.1` are two sites, and two
 * ports of `localhost` two origins of one site. `SameSite=None` has to be `Secure`, and is shown over TLS.
 */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Koa, { type Middleware } from 'koa'
import type { Page } from 'playwright-core'
import type { AuthXOptions } from '../../src/index.js'
import { newTab, newVisitor, newVisitorWithThirdPartyCookies } from './support/browser.js'
import { CREDENTIALS, OTHERS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'

interface Circumstances {
  readonly options?: AuthXOptions
  readonly tls?: boolean
  /** Whether the browser sends them, if `SameSite` lets it. */
  readonly thirdPartyCookies?: boolean
  /** Of the page of the attacker. */
  readonly host: string
  /** Stands between the application and the browser. */
  readonly between?: Middleware
}

interface Scene {
  readonly api: PageApp
  /** Where the visitor is logged in. */
  readonly target: string
  /** A page of the attacker, open in the visitor's browser. */
  readonly evil: Page
  /** The page of the visitor. */
  readonly tab: Page
}

async function scene(t: TestContext, circumstances: Circumstances): Promise<Scene> {
  const { options, tls = false, thirdPartyCookies, host, between } = circumstances
  const api = pageApp('cookies', options)
  if (between) api.app.middleware.unshift(between)
  const site = await serveSite(t, api.app, { tls })
  const prizes = new Koa().use(ctx => {
    ctx.body = '<!doctype html><title>You have won</title>'
  })
  const attacker = await serveSite(t, prizes, { tls })
  const visitor = await (thirdPartyCookies ? newVisitorWithThirdPartyCookies(t) : newVisitor(t))
  const tab = await newTab(visitor, site.origin)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  return { api, target: site.origin, tab, evil: await newTab(visitor, attacker.at(host)) }
}

async function postForm(page: Page, url: string, fields: Record<string, string> = {}): Promise<void> {
  await page.evaluate(
    ([action, entries]) => {
      const form = Object.assign(document.createElement('form'), { method: 'POST', action })
      for (const [name, value] of entries) form.append(Object.assign(document.createElement('input'), { name, value }))
      document.body.append(form)
      form.submit()
    },
    [url, Object.entries(fields)] as const,
  )
  await page.waitForURL(url)
}

/** `no-cors` goes out without asking the server first, and its answer is hidden. Resolves to whether it was sent. */
function post(page: Page, url: string, mode: RequestMode, headers: Record<string, string> = {}): Promise<boolean> {
  const init = { method: 'POST', credentials: 'include', mode, headers } as const
  return page.evaluate(
    ([target, options]) =>
      fetch(target, options).then(
        () => true,
        () => false,
      ),
    [url, init] as const,
  )
}

/** How requests with POST to `path` were answered. */
const verdicts = ({ api }: Scene, path: string) =>
  api.requests
    .filter(({ line }) => line === `POST ${path}`)
    .map(({ status, errorType, withToken }) => [status, errorType, withToken])

const NO_TOKEN = [401, 'MissingTokenError', false]
const NO_CSRF_VALUE = [403, 'MissingCSRFTokenError', true]
const FROM_ELSEWHERE = [403, 'CSRFError', true]

/** As a proxy might that does not know the attribute: browsers take it for Lax, but not in the first two minutes. */
const withoutSameSite: Middleware = async (ctx, next) => {
  await next()
  const lines = [ctx.response.get('Set-Cookie') || []].flat()
  if (lines.length > 0) {
    ctx.set(
      'Set-Cookie',
      lines.map(line => line.replace(/; SameSite=\w+/i, '')),
    )
  }
}

const NONE: Omit<Circumstances, 'host'> = { options: { cookieSamesite: 'none' }, tls: true, thirdPartyCookies: true }

const TAKEN_OFF: Circumstances = { host: '127.0.0.1', between: withoutSameSite }

/** What such pages can do where `csrfCheck` is `'origin'` is shown in csrf-origin.e2e.ts, but for the last of these. */
const cases: [name: string, circumstances: Circumstances, form: unknown[], fetch: unknown[]][] = [
  ['another site, SameSite=Lax', { host: '127.0.0.1' }, NO_TOKEN, NO_TOKEN],
  ['another site over TLS, SameSite=Lax', { host: '127.0.0.1', tls: true }, NO_TOKEN, NO_TOKEN],
  ['another site over TLS, SameSite=None', { host: '127.0.0.1', ...NONE }, NO_CSRF_VALUE, NO_CSRF_VALUE],
  ['another site, SameSite taken off', TAKEN_OFF, NO_CSRF_VALUE, NO_TOKEN],
  ['another origin of the site, SameSite=Lax', { host: 'localhost' }, NO_CSRF_VALUE, NO_CSRF_VALUE],
  [
    "another site, SameSite taken off, with csrfCheck: 'origin'",
    { ...TAKEN_OFF, options: { csrfCheck: 'origin' } },
    FROM_ELSEWHERE,
    NO_TOKEN,
  ],
]

for (const [name, circumstances, byForm, byFetch] of cases) {
  describe(`a page of ${name}`, () => {
    test('changes nothing, neither with a form nor with fetch', async t => {
      const set = await scene(t, circumstances)
      const { evil, target, tab } = set
      assert.equal(await post(evil, `${target}/protected`, 'no-cors'), true)
      assert.deepEqual(verdicts(set, '/protected'), [byFetch])
      await postForm(evil, `${target}/protected`)
      assert.deepEqual(verdicts(set, '/protected'), [byFetch, byForm])
      assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
    })

    test('ends no login and refreshes none', async t => {
      const set = await scene(t, circumstances)
      const { evil, target, tab } = set
      for (const path of ['/logout', '/refresh']) {
        await post(evil, `${target}${path}`, 'no-cors')
        assert.deepEqual(verdicts(set, path), [byFetch])
      }
      assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
    })

    test('cannot send a header, be its value right or wrong, and reads no answer', async t => {
      const set = await scene(t, circumstances)
      const { evil, target, tab } = set
      const csrf = await tab.evaluate(() => /csrf_access_token=([^;]*)/.exec(document.cookie)?.[1] ?? '')
      assert.notEqual(csrf, '')
      for (const value of ['guessed', csrf]) {
        assert.equal(await post(evil, `${target}/protected`, 'cors', { 'X-CSRF-TOKEN': value }), false)
      }
      assert.deepEqual(verdicts(set, '/protected'), [])
      const read = await evil.evaluate(
        url =>
          fetch(url, { credentials: 'include' }).then(
            response => response.text(),
            () => 'hidden',
          ),
        `${target}/protected`,
      )
      assert.equal(read, 'hidden')
    })
  })
}

test("with csrfCheck: 'origin', a form of another site logs nobody in by the routes of authRouter", async t => {
  const set = await scene(t, { host: '127.0.0.1', options: { csrfCheck: 'origin' } })
  const { evil, target, tab } = set
  await postForm(evil, `${target}/login`, OTHERS)
  assert.deepEqual(verdicts(set, '/login').at(-1), [403, 'CSRFError', false])
  assert.equal((await tab.evaluate(() => answerOf('/protected'))).sub, CREDENTIALS.username)
})

test('a client of the library sends its CSRF value to no page of others, however the address is written', async t => {
  const api = pageApp('cookies')
  const site = await serveSite(t, api.app)
  const seen: unknown[] = []
  const other = await serveSite(
    t,
    new Koa().use(ctx => {
      seen.push(ctx.get('X-CSRF-TOKEN'))
      ctx.set({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': '*' })
      ctx.body = ''
    }),
  )
  const tab = await newTab(await newVisitor(t), site.origin)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  const host = `127.0.0.1:${other.port}`
  for (const address of [`//${host}/x`, `/\\${host}/x`, `http://${host}/x`]) {
    assert.equal(await tab.evaluate(url => statusOf(url, 'POST'), address), 200)
  }
  assert.deepEqual(seen, ['', '', ''])
})
