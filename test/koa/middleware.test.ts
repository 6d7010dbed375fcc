import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type Koa from 'koa'
import { MissingTokenError, type TokenStore } from '../../src/index.js'
import { appOf, bearer, cookie, makeAuthX, serve } from '../support/app.js'
import { forgeWith } from '../support/signing.js'

const whoIsThere: Koa.Middleware = ctx => {
  ctx.body = { sub: ctx.state.token?.sub ?? null }
}

function fail(error: Error): never {
  throw error
}

const deadStore: TokenStore = {
  get: () => Promise.reject(new Error('away')),
  compareAndSet: () => Promise.reject(new Error('away')),
}

describe('middleware()', () => {
  test('recognises who is there', async t => {
    const authx = makeAuthX()
    const client = await serve(t, appOf(authx.middleware(), whoIsThere))
    assert.equal((await client({ headers: [bearer(authx.createAccessToken('test'))] })).json.sub, 'test')
  })

  test('never refuses a request, whatever it carries', async t => {
    const authx = makeAuthX({ tokenLocation: ['headers', 'cookies', 'query', 'json'] })
    const client = await serve(t, appOf(authx.middleware(), whoIsThere))
    const expired = makeAuthX({ now: () => 0 }).createAccessToken('test')
    const requests = [
      {},
      { headers: [bearer(expired)] },
      { headers: [bearer('nonsense')] },
      { headers: [bearer('a b')] },
      { headers: [bearer(authx.createRefreshToken('test'))] },
      { headers: [bearer(forgeWith({ aud: 'elsewhere' }))] },
      { headers: [cookie({ access_token_cookie: 'a' }), cookie({ access_token_cookie: 'b' })] },
      { method: 'POST', headers: [cookie({ access_token_cookie: authx.createAccessToken('test') })] },
      { path: '/?token=a&token=b' },
      { method: 'POST', headers: [['Content-Type', 'application/json'] as const], body: '{' },
    ]
    for (const request of requests) {
      const { status, json } = await client(request)
      assert.deepEqual([status, json], [200, { sub: null }], JSON.stringify(request))
    }
  })

  test('lets public pages live while the store is away; the guard answers 503', async t => {
    const authx = makeAuthX({ store: deadStore })
    const headers = [bearer(authx.createAccessToken('test'))]
    const open = await serve(t, appOf(authx.middleware(), whoIsThere))
    assert.deepEqual((await open({ headers })).json, { sub: null })
    const guarded = await serve(t, appOf(authx.middleware(), authx.accessTokenRequired({ optional: true }), whoIsThere))
    const { status, json, headers: replied } = await guarded({ headers })
    assert.deepEqual([status, json.error_type, replied['retry-after']], [503, 'StoreUnavailableError', '1'])
    assert.equal((await guarded()).status, 200)
  })

  test('leaves errors of the application alone', async t => {
    const authx = makeAuthX()
    const headers = [bearer(authx.createAccessToken('test'))]
    const throwers: readonly [throws: (ctx: Koa.Context) => never, status: number, text: string][] = [
      [ctx => ctx.throw(404, 'no such page'), 404, 'no such page'],
      [ctx => ctx.throw(401, 'your own reason'), 401, 'your own reason'],
      [() => fail(new Error('a detail')), 500, 'Internal Server Error'],
      [
        () => fail(Object.assign(new Error('invalid signature'), { name: 'JsonWebTokenError' })),
        500,
        'Internal Server Error',
      ],
    ]
    for (const [throws, status, text] of throwers) {
      for (const before of [[authx.middleware()], []]) {
        const client = await serve(t, appOf(...before, authx.accessTokenRequired(), throws))
        const reply = await client({ headers })
        assert.deepEqual([reply.status, reply.text], [status, text])
        assert.equal(reply.headers['www-authenticate'], undefined)
      }
    }
  })

  test('drops the headers that a failed handler set, and keeps those set before it', async t => {
    const authx = makeAuthX({ tokenLocation: ['cookies'] })
    const upstream: Koa.Middleware = (ctx, next) => {
      ctx.set('Access-Control-Allow-Origin', 'https://app.example')
      ctx.cookies.set('theme', 'dark')
      return next()
    }
    const failing: Koa.Middleware = async ctx => {
      await authx.login(ctx, 'test')
      ctx.cookies.set('of_the_failed', 'handler')
      ctx.set('X-Half-Done', 'yes')
      ctx.set('Access-Control-Allow-Origin', '*')
      ctx.type = 'text/html'
      ctx.status = 201
      ctx.body = 'half done'
      throw new MissingTokenError()
    }
    const { status, headers, cookies, json } = await (await serve(t, appOf(upstream, authx.middleware(), failing)))()
    assert.deepEqual([status, json.error_type], [401, 'MissingTokenError'])
    assert.equal(headers['access-control-allow-origin'], 'https://app.example')
    assert.equal(headers['x-half-done'], undefined)
    assert.equal(headers['cache-control'], undefined)
    assert.match(String(headers['content-type']), /^application\/json/)
    assert.deepEqual(
      cookies.map(line => line.split(';')[0]),
      ['theme=dark'],
    )
  })

  test('mounted twice changes nothing', async t => {
    const authx = makeAuthX()
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.middleware(), authx.accessTokenRequired(), whoIsThere),
    )
    assert.equal((await client()).json.error_type, 'MissingTokenError')
    assert.equal((await client({ headers: [bearer(authx.createAccessToken('test'))] })).json.sub, 'test')
  })

  test('of two instances each recognises its own', async t => {
    const [one, two] = [makeAuthX({ loginType: 'user' }), makeAuthX({ loginType: 'admin' })]
    const client = await serve(t, appOf(one.middleware(), two.middleware(), whoIsThere))
    for (const each of [one, two]) {
      assert.equal((await client({ headers: [bearer(each.createAccessToken('test'))] })).json.sub, 'test')
    }
    const guarded = await serve(t, appOf(one.middleware(), two.middleware(), two.accessTokenRequired(), whoIsThere))
    const { status, json } = await guarded({ headers: [bearer(one.createAccessToken('test'))] })
    assert.deepEqual([status, json.error_type], [401, 'LoginTypeMismatchError'])
  })
})
