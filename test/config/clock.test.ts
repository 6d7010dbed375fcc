import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import { makeToken } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, serve, TEST_NOW } from '../support/app.js'

const NO_TIMES = [Number.NaN, undefined, null, '1767225600000', new Date(), 10n, -1, Number.POSITIVE_INFINITY, {}]

describe('a clock that does not tell the time', () => {
  const EXPIRED = { iat: 0, exp: 1, nbf: 0 }

  for (const wrong of NO_TIMES) {
    test(`never lets an expired token pass, and is an error of the server: ${String(wrong)}`, async t => {
      const clock: { now: unknown } = { now: TEST_NOW }
      const authx = makeAuthX({ store: new MemoryTokenStore(), now: () => clock.now as number })
      const { access_token, refresh_token } = await authx.createTokenPair('test')
      const tokens = [makeToken(authx, EXPIRED), access_token]
      const app = appOf(authx.middleware(), async ctx => {
        if (ctx.path === '/refresh') ctx.body = await authx.refresh(ctx)
        else if (ctx.path === '/login') ctx.body = await authx.login(ctx, 'test')
        else
          await authx.accessTokenRequired()(ctx as never, async () => {
            ctx.body = 'in'
          })
      })
      const client = await serve(t, app)
      clock.now = wrong
      for (const token of tokens) {
        await assert.rejects(authx.verifyToken(token), { name: 'BadConfigurationError' })
        assert.equal((await client({ headers: [bearer(token)] })).status, 500)
      }
      assert.throws(() => authx.createAccessToken('test'), { name: 'BadConfigurationError' })
      assert.equal((await client({ method: 'POST', path: '/login' })).status, 500)
      assert.equal((await client({ method: 'POST', path: '/refresh', headers: [bearer(refresh_token)] })).status, 500)
      clock.now = TEST_NOW
      assert.equal((await client({ method: 'POST', path: '/refresh', headers: [bearer(refresh_token)] })).status, 200)
    })
  }
})

test('a clock that throws or rejects is an error of the server, and ends no process', async t => {
  const broken: unknown[] = [
    () => {
      throw undefined
    },
    async () => {
      throw new Error('no time')
    },
  ]
  for (const now of broken) {
    const authx = makeAuthX({ now: now as () => number, tokenLocation: ['cookies', 'headers'] })
    const app = appOf(authx.middleware(), authx.implicitRefresh(), ctx => {
      ctx.body = 'public'
    })
    const client = await serve(t, app)
    assert.equal((await client({})).status, 200)
    assert.throws(() => authx.createAccessToken('test'), { name: 'BadConfigurationError' })
  }
})

test('a WebSocket whose clock stops telling the time is closed, and the process goes on', async () => {
  const clock: { now: unknown } = { now: TEST_NOW }
  const authx = makeAuthX({ store: new MemoryTokenStore(), now: () => clock.now as number })
  const { access_token } = await authx.createTokenPair('test')
  const payload = await authx.verifyToken(access_token)
  const closed = new Promise<number>(resolve => {
    authx.closeWhenOver({ close: resolve, terminate() {}, once() {}, off() {} }, payload)
  })
  clock.now = Number.NaN
  await assert.rejects(authx.revoke(payload), { name: 'BadConfigurationError' })
  clock.now = TEST_NOW
  const other = makeAuthX({ store: new MemoryTokenStore(), now: () => clock.now as number })
  const stopped = new Promise<number>(resolve => {
    clock.now = Number.NaN
    other.closeWhenOver({ close: resolve, terminate() {}, once() {}, off() {} }, payload)
  })
  assert.equal(await stopped, 1008)
  clock.now = TEST_NOW
  await authx.revoke(payload)
  assert.equal(await closed, 1008)
})

describe('without the option now the time is that of Date.now', () => {
  test('of the mock timers of node:test', async () => {
    const authx = makeAuthX()
    mock.timers.enable({ apis: ['Date'], now: TEST_NOW })
    try {
      const token = authx.createAccessToken('test')
      assert.equal((await authx.verifyToken(token)).iat, TEST_NOW / 1000)
      mock.timers.tick(16 * 60_000)
      await assert.rejects(authx.verifyToken(token), { name: 'TokenExpiredError' })
    } finally {
      mock.timers.reset()
    }
  })

  test('put in its place after the import, as sinon, jest, vitest and mockdate do', async () => {
    const authx = makeAuthX()
    const { now } = Date
    try {
      Date.now = () => TEST_NOW
      const token = authx.createAccessToken('test')
      Date.now = () => TEST_NOW + 16 * 60_000
      await assert.rejects(authx.verifyToken(token), { name: 'TokenExpiredError' })
    } finally {
      Date.now = now
    }
  })
})
