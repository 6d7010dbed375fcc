import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type Koa from 'koa'
import { authRouter, type CompletedLogin } from 'koa-authx/router'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { InvalidCredentialsError, rateLimited, StoreUnavailableError } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { claimsOf } from '../examples/client.js'
import { appOf, bearer, makeAuthX, type Sent, serve } from '../support/app.js'
import { JSON_TYPE, login, type Person, person, scene } from './scene.js'

const GOOD = '{"username":"test","password":"test"}'
const logIn = (body = GOOD, headers: Sent['headers'] = []): Sent => {
  return { method: 'POST', path: '/login', headers: [JSON_TYPE, ...headers], body }
}

describe('before', () => {
  test('limits logins before their bodies are read, and no other route', async t => {
    const limited = rateLimited(new RateLimiterMemory({ points: 2, duration: 60 }))
    const { client } = await scene(t, {}, { login, before: { login: limited } })
    assert.equal((await client(logIn())).status, 200)
    assert.equal((await client(logIn('{'))).status, 400)
    const { status, json, headers } = await client(logIn('{'))
    assert.deepEqual([status, json.error_type], [429, 'RateLimitExceeded'])
    assert.ok(Number(headers['retry-after']) > 0)
    assert.equal((await client({ path: '/sessions' })).status, 401)
  })

  test('runs in order: all, that of the endpoint, then body, token and endpoint', async t => {
    const seen: string[] = []
    const note =
      (what: string): Koa.Middleware =>
      async (ctx, next) => {
        seen.push(`${what} ${ctx.req.readableDidRead}`)
        await next()
        seen.push(`${what} ${ctx.status}`)
      }
    const before = { all: [note('one'), note('two')], login: note('login'), sessions: [note('sessions')] }
    const { client, authx } = await scene(t, {}, { login, before })
    await client(logIn())
    assert.deepEqual(seen.splice(0), ['one false', 'two false', 'login false', 'login 200', 'two 200', 'one 200'])
    const headers = [bearer(authx.createAccessToken('test'))]
    for (const [method, path] of [
      ['GET', '/sessions'],
      ['DELETE', '/sessions'],
      ['DELETE', '/sessions/others'],
      ['DELETE', '/sessions/none'],
    ]) {
      await client({ method, path, headers })
      assert.equal(seen.splice(0)[2], 'sessions false', `${method} ${path}`)
    }
    await client({ method: 'POST', path: '/logout', headers })
    assert.deepEqual(seen.splice(0), ['one false', 'two false', 'two 204', 'one 204'])
  })

  test('sees the errors of the endpoint, and its own are rendered', async t => {
    const errors: unknown[] = []
    const watch: Koa.Middleware = (_, next) =>
      next().catch(error => {
        errors.push(error)
        throw new StoreUnavailableError()
      })
    const { client } = await scene(t, {}, { login, before: { login: watch } })
    const { status, json } = await client(logIn('{}'))
    assert.deepEqual([status, json.error_type], [503, 'StoreUnavailableError'])
    assert.ok(errors[0] instanceof InvalidCredentialsError)
  })

  test('may answer itself: then nothing else runs', async t => {
    const closed: Koa.Middleware = ctx => {
      ctx.status = 410
    }
    const { client } = await scene(t, {}, { login: () => assert.fail(), before: { all: closed } })
    assert.equal((await client(logIn())).status, 410)
  })
})

describe('afterLogin', () => {
  for (const [what, options] of [
    ['headers', {}],
    ['cookies', { tokenLocation: ['cookies'] }],
  ] as const) {
    test(`is called once for each login with tokens in ${what}, with its subject and its session`, async t => {
      const logins: CompletedLogin[] = []
      const afterLogin = (_ctx: Koa.Context, done: CompletedLogin) => void logins.push(done)
      const here = await scene(t, { ...options }, { login, afterLogin })
      const one = await person(here)
      await here.client(logIn('{}'))
      await one.refresh()
      assert.deepEqual(logins, [{ sub: 'test', sid: claimsOf(one.token('access')).sid }])
    })

    test(`that fails ends the login with tokens in ${what}: no token, no cookie, no session`, async t => {
      const logins: CompletedLogin[] = []
      const failure = new InvalidCredentialsError()
      const afterLogin = async (ctx: Koa.Context, done: CompletedLogin) => {
        logins.push(done)
        ctx.set('X-After', 'set')
        throw failure
      }
      const errors: unknown[] = []
      const caught: Koa.Middleware = (ctx, next) =>
        next().catch(error => {
          errors.push(error)
          ctx.status = 409
        })
      for (const before of [{}, { login: caught }]) {
        const here = await scene(t, { ...options }, { login, afterLogin, before })
        const { status, text, cookies, headers } = await here.client(logIn())
        assert.equal(status, before.login ? 409 : 401)
        assert.deepEqual([cookies, headers['x-after']], [[], undefined])
        assert.doesNotMatch(text, /token"/)
        assert.deepEqual(await here.authx.listSessions('test').then(list => list.length), 0)
        assert.equal(await here.authx.getSession(String(logins.at(-1)?.sid)), undefined)
      }
      assert.deepEqual(errors, [failure])
    })
  }

  test('that fails while the store fails too gives no token, and its own error', async t => {
    const store = new MemoryTokenStore()
    let isAway = false
    const failing = {
      get: (keys: readonly string[]) => (isAway ? Promise.reject(new Error('away')) : store.get(keys)),
      compareAndSet: (...args: Parameters<MemoryTokenStore['compareAndSet']>) =>
        isAway ? Promise.reject(new Error('away')) : store.compareAndSet(...args),
    }
    const afterLogin = (ctx: Koa.Context) => {
      isAway = true
      ctx.throw(409, 'no licence left')
    }
    const { client } = await scene(t, { store: failing }, { login, afterLogin })
    const { status, text } = await client(logIn())
    assert.deepEqual([status, text], [409, 'no licence left'])
  })

  test('has no session to name without a store', async t => {
    const logins: CompletedLogin[] = []
    const routes = authRouter(makeAuthX(), {
      login,
      afterLogin: (_, done) => void logins.push(done),
      paths: { sessions: false, revoke: false },
    })
    const client = await serve(t, appOf().use(routes.routes()))
    assert.equal((await client(logIn())).status, 200)
    assert.deepEqual(logins, [{ sub: 'test', sid: undefined }])
  })
})

describe('DELETE /sessions/others', () => {
  const others = (one: Person) => one.delete('/sessions/others')

  for (const [what, options] of [
    ['headers', {}],
    ['cookies', { tokenLocation: ['cookies'] }],
  ] as const) {
    test(`ends all sessions of the caller but this one, with tokens in ${what}`, async t => {
      const here = await scene(t, { ...options })
      const [one, two, three] = [await person(here), await person(here), await person(here)]
      const stranger = await person(here, 'stranger')
      const { status, text, cookies } = await others(one)
      assert.deepEqual([status, text, cookies], [204, '', []])
      for (const ended of [two, three]) assert.equal(await ended.access(), '401 RevokedTokenError')
      assert.equal(await one.access(), '200')
      assert.equal((await one.refresh()).status, 200)
      assert.equal(await stranger.access(), '200')
      assert.equal((await here.authx.listSessions('test')).length, 1)
    })
  }

  test('requires what ending other sessions requires', async t => {
    const here = await scene(t)
    const [one, two] = [await person(here), await person(here)]
    await one.refresh()
    assert.equal((await others(one)).json.error_type, 'FreshTokenRequiredError')
    const { sid } = claimsOf(two.token('access'))
    const limited = here.authx.createAccessToken('test', { sid: String(sid), scopes: ['notes'], fresh: true })
    const send = (token: string) =>
      here.client({ method: 'DELETE', path: '/sessions/others', headers: [bearer(token)] })
    assert.equal((await send(limited)).json.error_type, 'InsufficientScopeError')
    assert.equal(await two.access(), '200')
    assert.equal(await one.access(), '200')
  })

  test('with a token of no session ends nothing: 404', async t => {
    const here = await scene(t)
    const one = await person(here)
    const token = here.authx.createAccessToken('test', { fresh: true })
    const sent = { method: 'DELETE', path: '/sessions/others', headers: [bearer(token)] }
    const { status, json } = await here.client(sent)
    assert.deepEqual([status, json.error_type], [404, 'SessionNotFoundError'])
    assert.equal(await one.access(), '200')
  })

  test('needs the CSRF value of a cookie', async t => {
    const here = await scene(t, { tokenLocation: ['cookies'] })
    const [one, two] = [await person(here), await person(here)]
    const headers = [['Cookie', `access_token_cookie=${one.token('access')}`]] as const
    const { status } = await here.client({ method: 'DELETE', path: '/sessions/others', headers })
    assert.equal(status, 403)
    assert.equal(await two.access(), '200')
  })
})
