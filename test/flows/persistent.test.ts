import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type { AuthXOptions, TokenPairOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, makeAuthX, type Reply, serve, TEST_NOW } from '../support/app.js'
import { type Asked, addLoginRoutes } from '../support/login-routes.js'

const MINUTE = 60_000

/** A web application and one browser. `replies` says which lives the cookies of a reply have. */
async function webApp(t: TestContext, options: AuthXOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const authx = makeAuthX({ store, tokenLocation: ['cookies'], now: () => clock.now, ...options })
  const asked: Asked = {}
  const router = addLoginRoutes(new Router(), authx, asked)
  router.post('/confirm', async ctx => {
    ctx.body = await authx.reauthenticate(ctx, { amr: ['pwd'] })
  })
  const send = await serve(t, appOf(authx.middleware(), authx.implicitRefresh()).use(router.routes()))
  const jar: Record<string, string> = {}
  const browse = async (path: string, csrf = jar.csrf_refresh_token ?? '') => {
    const reply = await send({ method: 'POST', path, headers: [cookie(jar), ['X-CSRF-TOKEN', csrf]] })
    for (const line of reply.cookies) {
      const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split(/=(.*)/s)
      jar[name] = value
    }
    return reply
  }
  const login = (wanted: TokenPairOptions = {}) => {
    asked.login = wanted
    return browse('/login')
  }
  return { authx, clock, login, browse, jar }
}

/** The `Max-Age` of the cookies that a reply sets, access token first. `undefined`: they end with the browser. */
const lives = ({ cookies }: Reply) =>
  cookies.map(line => {
    const [, seconds] = /; Max-Age=(\d+)/.exec(line) ?? []
    return seconds === undefined ? undefined : Number(seconds)
  })

const ENDS_WITH_BROWSER = [undefined, undefined, undefined, undefined]
const AS_TOKENS = [900, 900, 1_728_000, 1_728_000]

/** The lives of the cookies of a login, by the options of the instance and `persistent`. */
const LIVES: readonly [options: AuthXOptions, persistent: boolean | undefined, lives: readonly unknown[]][] = [
  [{}, undefined, ENDS_WITH_BROWSER],
  [{}, true, AS_TOKENS],
  [{}, false, ENDS_WITH_BROWSER],
  [{ sessionCookie: false }, undefined, AS_TOKENS],
  [{ sessionCookie: false }, true, AS_TOKENS],
  [{ sessionCookie: false }, false, ENDS_WITH_BROWSER],
  [{ cookieMaxAge: 60 }, undefined, [60, 60, 60, 60]],
  [{ cookieMaxAge: 60 }, true, [60, 60, 60, 60]],
  [{ cookieMaxAge: 60 }, false, ENDS_WITH_BROWSER],
]

describe('the cookies of a login, a refresh, a renewal and reauthenticate live as long as the login asks', () => {
  for (const [options, persistent, expected] of LIVES) {
    test(`persistent: ${persistent}, with ${JSON.stringify(options)}`, async t => {
      const app = await webApp(t, options)
      assert.deepEqual(lives(await app.login({ persistent })), expected)
      for (let n = 0; n < 2; n++) {
        app.clock.now += MINUTE
        assert.deepEqual(lives(await app.browse('/refresh')), expected)
      }
      const confirmed = await app.browse('/confirm', app.jar.csrf_access_token)
      assert.deepEqual(lives(confirmed), expected.slice(0, 2))
      app.clock.now += 10 * MINUTE
      const renewed = await app.browse('/protected', app.jar.csrf_access_token)
      assert.equal(renewed.status, 200)
      assert.deepEqual(lives(renewed), expected.slice(0, 2))
    })
  }
})

test('two logins on one instance keep their own lives', async t => {
  const app = await webApp(t)
  await app.login({ persistent: true })
  const first = { ...app.jar }
  // The second login is of another browser: in the same one, it would end the first.
  for (const name of Object.keys(first)) delete app.jar[name]
  await app.login({ persistent: false })
  assert.deepEqual(lives(await app.browse('/refresh')), ENDS_WITH_BROWSER)
  Object.assign(app.jar, first)
  assert.deepEqual(lives(await app.browse('/refresh')), AS_TOKENS)
})

test('a claim of the application with this name says nothing about cookies', async t => {
  const app = await webApp(t)
  assert.deepEqual(lives(await app.login({ data: { persistent: true } })), ENDS_WITH_BROWSER)
  assert.deepEqual(lives(await app.browse('/refresh')), ENDS_WITH_BROWSER)
  app.clock.now += 10 * MINUTE
  assert.deepEqual(lives(await app.browse('/protected', app.jar.csrf_access_token)), [undefined, undefined])
})

test('a value that is not a boolean is a TypeError, and nothing is written', async () => {
  const authx = makeAuthX({ store: new MemoryTokenStore() })
  for (const persistent of ['yes', 1, null, {}]) {
    await assert.rejects(authx.createTokenPair('ada', { persistent: persistent as never }), {
      name: 'TypeError',
      message: /^persistent must be /,
    })
  }
  assert.deepEqual(await authx.listSessions('ada'), [])
})

test('without a store it is a TypeError, because nothing would remember it', async () => {
  for (const persistent of [true, false]) {
    const attempt = makeAuthX().createTokenPair('ada', { persistent })
    await assert.rejects(attempt, { name: 'TypeError', message: /option store/ })
  }
})
