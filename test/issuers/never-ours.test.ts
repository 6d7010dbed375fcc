import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import { appOf, bearer, type Client, cookie, type Reply, serve, TEST_SECRET } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { NAVIGATION } from '../support/visitor.js'
import { instanceOf, secondsNow } from './scene.js'

describe('an issuer’s token becomes none of ours', () => {
  /** Every request that could exchange a token, with the token of an issuer in every place. */
  async function attempts(send: Client, token: string, expired: string): Promise<Reply[]> {
    const both = cookie({ access_token_cookie: token, refresh_token_cookie: token })
    const old = cookie({ access_token_cookie: expired, refresh_token_cookie: token })
    return [
      await send({ method: 'POST', path: '/refresh', headers: [bearer(token)] }),
      await send({ method: 'POST', path: '/refresh', headers: [both] }),
      await send({ path: '/refreshable', headers: [both] }),
      await send({ method: 'POST', path: '/reauthenticate', headers: [bearer(token)] }),
      await send({ method: 'POST', path: '/reauthenticate', headers: [both] }),
      await send({ path: '/protected', headers: [...NAVIGATION, old] }),
      await send({ path: '/protected', headers: [...NAVIGATION, cookie({ refresh_token_cookie: token })] }),
    ]
  }

  test('at an instance with a key of its own', async t => {
    const { server, authx } = await instanceOf(t, {
      secretKey: TEST_SECRET,
      tokenLocation: ['headers', 'cookies'],
      cookieCsrfProtect: false,
    })
    const router = addLoginRoutes(new Router(), authx)
    router.post('/reauthenticate', async ctx => {
      ctx.body = await authx.reauthenticate(ctx, { amr: ['otp'] })
    })
    const app = appOf(authx.middleware(), authx.autoRefresh(), authx.implicitRefresh()).use(router.routes())
    const send = await serve(t, app)
    const { access_token } = await authx.createTokenPair('ada')
    const { sid } = await authx.verifyToken(access_token)
    const events: string[] = []
    for (const type of ['issued', 'refreshed', 'replayed', 'recovered', 'revoked', 'reuse'] as const) {
      authx.on(type, () => events.push(type))
    }
    const claims = { renewable: true, fresh: true, auth_time: secondsNow(), gen: 0, scope: 'a' }
    for (const more of [{}, { sid }, { type: 'refresh' }, { type: 'refresh', sid, gen: 1 }]) {
      const token = await server.token({ ...claims, ...more, jti: `${JSON.stringify(more)}`, exp: secondsNow() + 60 })
      const expired = await server.token({ ...claims, ...more, iat: secondsNow() - 60, exp: secondsNow() - 1 })
      for (const [n, reply] of (await attempts(send, token, expired)).entries()) {
        assert.notEqual(reply.status, 200, `${n}`)
        assert.ok(reply.status < 500, `${n}: ${reply.text}`)
        assert.deepEqual(
          reply.cookies.filter(line => line.includes('eyJ')),
          [],
        )
      }
    }
    // A token that is about to expire is accepted, and not renewed.
    const soon = await server.token({ ...claims, exp: secondsNow() + 60 })
    const { status, cookies } = await send({ path: '/protected', headers: [cookie({ access_token_cookie: soon })] })
    assert.deepEqual([status, cookies], [200, []])
    assert.deepEqual(events, [])
    assert.equal((await authx.verifyToken(access_token)).sid, sid)
  })

  test('at an instance without a key of its own, which signs nothing at all', async t => {
    const { server, authx } = await instanceOf(t, { tokenLocation: ['headers', 'cookies'], cookieCsrfProtect: false })
    for (const make of [
      () => authx.createAccessToken('ada'),
      () => authx.createRefreshToken('ada'),
      () => authx.autoRefresh(),
      () => authx.implicitRefresh(),
    ]) {
      assert.throws(make, { name: 'BadConfigurationError' })
    }
    const router = addLoginRoutes(new Router(), authx)
    const send = await serve(t, appOf(authx.middleware()).use(router.routes()))
    assert.equal((await send({ method: 'POST', path: '/login' })).status, 500)
    const token = await server.token({ sid: 's', renewable: true })
    for (const headers of [[bearer(token)], [cookie({ refresh_token_cookie: token })]]) {
      const reply = await send({ method: 'POST', path: '/refresh', headers })
      assert.equal(reply.status, 401)
      assert.deepEqual(reply.json.access_token, undefined)
    }
    assert.equal((await send({ path: '/protected', headers: [bearer(token)] })).status, 200)
  })

  test('and the cookies of a login are never made of it', async t => {
    const { server, authx } = await instanceOf(t, { secretKey: TEST_SECRET })
    const token = await server.token()
    const errors: unknown[] = []
    const send = await serve(
      t,
      appOf(ctx => {
        for (const set of [() => authx.setAccessCookies(ctx, token), () => authx.setRefreshCookies(ctx, token)]) {
          try {
            set()
          } catch (error) {
            errors.push((error as Error).name)
          }
        }
        ctx.status = 204
      }),
    )
    assert.deepEqual((await send()).cookies, [])
    assert.equal(errors.length, 2)
  })
})
