/** What the client makes of the requests of a page, in real browsers. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type { AuthXClient, AuthXClientOptions, ClientEventType } from 'koa-authx/client'
import type { AuthX, AuthXOptions } from '../../src/index.js'
import { allow } from './support/cors.js'
import { CREDENTIALS, OTHERS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { VISITORS, visit } from './support/tab.js'

type Tokens = 'cookies' | 'dual'

interface Options extends AuthXOptions {
  /** Of the client of the page. */
  client?: Partial<AuthXClientOptions>
}

function routes(authx: AuthX) {
  const router = new Router()
  router.get('/news', authx.accessTokenRequired({ optional: true }), ctx => {
    ctx.body = { sub: ctx.state.token?.sub }
  })
  // Browsers do this by themselves when the cookies expire.
  router.post('/drop', ctx => {
    authx.unsetAccessCookies(ctx)
    ctx.status = 204
  })
  router.post('/moved', ctx => ctx.redirect('/protected'))
  router.post('/headers', ctx => {
    ctx.body = { authorization: ctx.get('Authorization'), csrf: ctx.get('X-CSRF-TOKEN') !== '' }
  })
  return router.routes()
}

/** A tab that is logged in as ada. */
async function scene(t: TestContext, browser: string, tokens: Tokens, { client: more = {}, ...options }: Options = {}) {
  const api = pageApp(tokens, options)
  api.app.use(routes(api.authx))
  const { origin } = await serveSite(t, api.app)
  const visitor = await visit(t, browser)
  const tab = await visitor.newTab(`${origin}/?options=${encodeURIComponent(JSON.stringify(more))}`)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  return { api, origin, tab }
}

declare global {
  /** The client of another server, and what it told. */
  var second: AuthXClient
  var told: ClientEventType[]
}

/** Names of the cookies of another server on the same host. */
const NAMES = {
  accessCookieName: 'second_access',
  refreshCookieName: 'second_refresh',
  accessCsrfCookieName: 'second_csrf_access',
  refreshCsrfCookieName: 'second_csrf_refresh',
}

for (const browser of Object.keys(VISITORS))
  for (const tokens of ['cookies', 'dual'] as const)
    describe(`a page in ${browser}, tokens: '${tokens}'`, () => {
      test('asks with HEAD again when the access token has expired', async t => {
        const { api, tab } = await scene(t, browser, tokens)
        api.clock.advance('16m')
        assert.equal(await tab.evaluate(() => statusOf('/protected', 'HEAD')), 200)
        assert.deepEqual([api.count('HEAD /protected'), api.count('POST /refresh')], [2, 1])
      })

      test('sends a Request without a body again when the access token has expired, whatever its method', async t => {
        const { api, tab } = await scene(t, browser, tokens)
        api.clock.advance('16m')
        const status = await tab.evaluate(async () => {
          const request = new Request('/protected', { method: 'POST' })
          return (await client.fetch(request)).status
        })
        assert.equal(status, 200)
        assert.deepEqual([api.count('POST /protected'), api.count('POST /refresh')], [2, 1])
      })

      test('is taken for its user by an optional guard when the access token has expired, also after a reload', async t => {
        const { api, tab } = await scene(t, browser, tokens)
        api.clock.advance('16m')
        await tab.evaluate(async () => {
          await fetch('/drop', { method: 'POST' })
        })
        assert.deepEqual(await tab.evaluate(() => answerOf('/news')), { sub: 'ada' })
        api.clock.advance('16m')
        await tab.evaluate(async () => {
          await fetch('/drop', { method: 'POST' })
        })
        await tab.reload()
        assert.deepEqual(await tab.evaluate(() => answerOf('/news')), { sub: 'ada' })
        assert.equal(api.count('POST /refresh'), 2)
      })

      test('is still logged in after a reload if its server has no CSRF values', async t => {
        const { api, tab } = await scene(t, browser, tokens, { cookieCsrfProtect: false, client: { csrf: 'origin' } })
        for (let n = 0; n < 2; n++) {
          await tab.reload()
          const state = await tab.evaluate(async () => {
            await client.ready
            return [client.loggedIn, document.cookie]
          })
          assert.deepEqual(state, [true, ''])
          assert.deepEqual(await tab.evaluate(() => answerOf('/protected', 'POST')), { sub: 'ada' })
          api.clock.advance('16m')
        }
      })

      test('sends a Request as its caller made it: without cookies, or with a redirect that is not followed', async t => {
        const { api, tab } = await scene(t, browser, tokens)
        const handled = api.requests.length
        const answers = await tab.evaluate(async () => {
          const url = `${location.origin}/protected`
          const omitted = await client.fetch(new Request(url, { method: 'POST', credentials: 'omit' }))
          const manual = await client.fetch(new Request('/moved', { method: 'POST', redirect: 'manual' }))
          const followed = await client.fetch('/moved', { method: 'POST' }).then(String, ({ name }) => name)
          return [omitted.status, manual.type, followed]
        })
        // A CSRF value follows no redirect: it could lead to another server.
        const isCookies = tokens === 'cookies'
        assert.deepEqual(answers, [
          isCookies ? 401 : 200,
          'opaqueredirect',
          isCookies ? 'TypeError' : '[object Response]',
        ])
        assert.deepEqual(
          api.requests.slice(handled).map(({ line, withToken }) => [line, withToken]),
          [
            ['POST /protected', false],
            ['POST /moved', true],
            ['POST /moved', true],
            ...(isCookies ? [] : [['GET /protected', true]]),
          ],
        )
      })

      test('keeps the Authorization header that its caller has set', async t => {
        const { api, tab } = await scene(t, browser, tokens)
        const answers = await tab.evaluate(async () => {
          const headers = { Authorization: 'Basic YTpi' }
          const kept = await client.fetch('/headers', { method: 'POST', headers })
          const asRequest = await client.fetch(new Request('/headers', { method: 'POST', headers }))
          return [await kept.json(), await asRequest.json()]
        })
        const expected = { authorization: 'Basic YTpi', csrf: tokens === 'cookies' }
        assert.deepEqual(answers, [expected, expected])
        assert.equal(api.count('POST /refresh'), 0)
      })

      test('has clients of two servers, and neither sends or tells what is of the other', async t => {
        const { api, origin, tab } = await scene(t, browser, tokens)
        const other = pageApp(tokens, NAMES)
        other.app.middleware.unshift(allow(origin))
        const { origin: baseUrl } = await serveSite(t, other.app)
        const { accessCsrfCookieName, refreshCsrfCookieName } = NAMES
        await tab.evaluate(
          async ([options, credentials]) => {
            window.second = newClient(options)
            window.told = []
            for (const type of ['login', 'refresh', 'logout'] as const) second.on(type, () => told.push(type))
            await second.login(credentials)
          },
          [{ tokens, baseUrl, accessCsrfCookieName, refreshCsrfCookieName }, OTHERS] as const,
        )
        for (let n = 0; n < 2; n++) {
          const answers = await tab.evaluate(async () => {
            const answer = await second.fetch('/protected', { method: 'POST' })
            return [await answerOf('/protected', 'POST'), await answer.json()]
          })
          assert.deepEqual(answers, [{ sub: 'ada' }, { sub: 'grace' }])
          for (const { clock } of [api, other]) clock.advance('16m')
        }
        assert.deepEqual([api.count('POST /refresh'), other.count('POST /refresh')], [1, 1])
        const { error_type } = await tab.evaluate(url => answerOf(url), `${baseUrl}/protected`)
        assert.equal(error_type, 'MissingTokenError')
        await tab.evaluate(() => client.logout())
        assert.deepEqual(await tab.evaluate(() => [client.loggedIn, second.loggedIn]), [false, true])
        assert.equal(await tab.evaluate(async () => (await second.fetch('/protected', { method: 'POST' })).status), 200)
        assert.deepEqual(await tab.evaluate(() => heard.map(([type]) => type)), ['login', 'refresh', 'logout'])
        assert.deepEqual(await tab.evaluate(() => told), ['login', 'refresh', 'refresh'])
      })
    })
