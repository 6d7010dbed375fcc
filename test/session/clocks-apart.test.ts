import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { AuthX, AuthXOptions, TokenPayload } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { refreshWith } from '../support/refresh.js'
import { contentOf } from '../support/signing.js'

const SECOND = 1000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** By how much the clock of a server is ahead. */
const AHEAD = {
  '5 minutes': 5 * MINUTE,
  '3 hours': 3 * HOUR,
  '30 days': 30 * DAY,
  'a year': YEAR,
  'minus a year': -YEAR,
}

/** A server whose clock is that of the store, and others, at one store. */
let store: MemoryTokenStore
let right: AuthX
beforeEach(() => {
  store = new MemoryTokenStore()
  right = server()
})
afterEach(() => store.close())

const server = (options: AuthXOptions = {}, ahead = 0) =>
  makeAuthX({ store, now: () => Date.now() + ahead, ...options })
const stopped = (t: TestContext) => t.mock.timers.enable({ apis: ['Date'], now: TEST_NOW })
const claims = (token: string) => contentOf(token).claims as unknown as TokenPayload
const sidOf = ({ access_token }: { access_token: string }) => String(claims(access_token).sid)
const sidsIn = async (authx: AuthX) => (await authx.listSessions('ada')).map(({ sid }) => sid).sort()

/** Whether a server would accept a token of the session, if it had one that is good long enough. */
const isAccepted = async (authx: AuthX, sid: string, sub = 'ada') => {
  const [iat, exp] = [TEST_NOW / 1000, (TEST_NOW + 400 * DAY) / 1000]
  return !(await authx.isRevoked({ sub, sid, jti: 'any', type: 'access', iat, exp }))
}

for (const [by, ahead] of Object.entries(AHEAD)) {
  describe(`on a server whose clock is ahead by ${by}`, () => {
    let wrong: AuthX
    beforeEach(() => {
      wrong = server({}, ahead)
    })

    test('revokeSession ends a session for all servers, and says so', async () => {
      for (const options of [{}, { sub: 'ada' }]) {
        const pair = await right.createTokenPair('ada')
        assert.equal(await wrong.revokeSession(sidOf(pair), { ...options }), true)
        await assert.rejects(right.verifyToken(pair.access_token), { name: 'RevokedTokenError' })
        assert.equal(await right.getSession(sidOf(pair)), undefined)
        for (const authx of [wrong, right]) assert.equal(await authx.revokeSession(sidOf(pair)), false)
      }
      const theirs = sidOf(await right.createTokenPair('eve'))
      assert.equal(await wrong.revokeSession(theirs, { sub: 'ada' }), false)
      assert.equal(await isAccepted(right, theirs, 'eve'), true)
    })

    test('revokeSession says no of a session that revokeAllSessions has ended', async () => {
      const pair = await right.createTokenPair('ada')
      await right.revokeAllSessions('ada')
      assert.equal(await wrong.revokeSession(sidOf(pair)), false)
    })

    test('revokeAllSessions spares the session that is named, and no other', async () => {
      const [mine, other] = [await right.createTokenPair('ada'), await right.createTokenPair('ada')]
      await wrong.revokeAllSessions('ada', { except: sidOf(mine) })
      assert.deepEqual([await isAccepted(right, sidOf(mine)), await isAccepted(right, sidOf(other))], [true, false])
      await wrong.revokeAllSessions('ada', { except: sidOf(other) })
      assert.deepEqual([await isAccepted(right, sidOf(mine)), await isAccepted(right, sidOf(other))], [false, false])
    })

    test('looking at the list, or logging out, hides no live session from the others, however long', async t => {
      stopped(t)
      const [ended, kept, out] = [
        await right.createTokenPair('ada'),
        await right.createTokenPair('ada'),
        await right.createTokenPair('ada'),
      ]
      await right.revokeAllSessions('eve')
      await right.revokeSession(sidOf(ended))
      await wrong.listSessions('ada')
      await wrong.revoke(out.access_token)
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      let { refresh_token } = kept
      for (let days = 10; days < 90; days += 10) {
        t.mock.timers.setTime(TEST_NOW + days * DAY)
        refresh_token = (await refreshWith(right, refresh_token)).refresh_token
        assert.deepEqual(await sidsIn(right), [sidOf(kept)], `after ${days} days`)
      }
    })
  })
}

describe('what is shown and what is accepted agree', () => {
  test('of a session whose own tokens have expired: a longer-lived token that names it ends with it', async t => {
    stopped(t)
    const pair = await right.createTokenPair('ada', { refreshExpiry: '1h' })
    const sid = sidOf(pair)
    const token = right.createAccessToken('ada', { sid, expiry: '30d' })
    t.mock.timers.setTime(TEST_NOW + HOUR - 1)
    assert.ok(await right.getSession(sid))
    assert.equal((await right.verifyToken(token)).sid, sid)
    t.mock.timers.setTime(TEST_NOW + HOUR)
    assert.equal(await right.getSession(sid), undefined)
    const { cause } = await right.verifyToken(token).then(
      () => assert.fail('it was accepted'),
      error => error,
    )
    assert.match(cause, /last token .* has expired/)
  })

  test('in the leeway too', async t => {
    stopped(t)
    const lenient = server({ decodeLeeway: 300 })
    const pair = await lenient.createTokenPair('ada', { refreshExpiry: '1h' })
    t.mock.timers.setTime(TEST_NOW + HOUR + 299 * SECOND)
    assert.ok(await lenient.getSession(sidOf(pair)))
    assert.equal((await lenient.verifyToken(pair.refresh_token, { type: 'refresh' })).sub, 'ada')
    t.mock.timers.setTime(TEST_NOW + HOUR + 300 * SECOND)
    assert.equal(await lenient.getSession(sidOf(pair)), undefined)
    await assert.rejects(lenient.verifyToken(pair.refresh_token, { type: 'refresh' }))
  })

  test('a replay gives no token that outlives what is shown', async t => {
    stopped(t)
    const brief = server({ refreshTokenExpires: '20s', accessTokenExpires: '15m', refreshGracePeriod: 10 })
    const { refresh_token } = await brief.createTokenPair('ada')
    const first = await refreshWith(brief, refresh_token)
    t.mock.timers.setTime(TEST_NOW + 9 * SECOND)
    const again = await refreshWith(brief, refresh_token)
    assert.equal(claims(again.access_token).exp, claims(first.access_token).exp)
    t.mock.timers.setTime(claims(again.access_token).exp * 1000 - 1)
    assert.ok(await brief.getSession(sidOf(again)))
    assert.equal((await brief.verifyToken(again.access_token)).sub, 'ada')
  })

  const minutes = (max: number) => fc.integer({ min: 1, max }).map(count => `${count}m`)
  const clocks = fc.constantFrom(0, ...Object.values(AHEAD), -3 * HOUR)
  const step = fc.oneof(
    fc.record({ does: fc.constant('wait' as const), by: fc.integer({ min: 0, max: 30 * MINUTE }) }),
    fc.record({ does: fc.constantFrom('refresh', 'logout', 'everywhere' as const), by: fc.nat(2) }),
  )
  test('on every server, whatever the lives of tokens, the leeways and the clocks are', async t => {
    stopped(t)
    const leeway = fc.constantFrom(0, 60, 300)
    const setting = fc.record({
      accessExpiry: minutes(90),
      refreshExpiry: minutes(90),
      sessionExpires: minutes(120),
      clocks: fc.tuple(fc.constant(0), clocks, clocks),
      leeways: fc.tuple(leeway, leeway, leeway),
      opensAlone: fc.boolean(),
      steps: fc.array(step, { maxLength: 8 }),
    })
    const property = fc.asyncProperty(setting, async ({ clocks, leeways, steps, opensAlone, ...lives }) => {
      t.mock.timers.setTime(TEST_NOW)
      await store.close()
      store = new MemoryTokenStore()
      const { accessExpiry, refreshExpiry, sessionExpires } = lives
      const servers = clocks.map((ahead, n) => server({ sessionExpires, decodeLeeway: leeways[n] ?? 0 }, ahead))
      const [first, ...others] = servers as [AuthX, ...AuthX[]]
      let pair = opensAlone
        ? await refreshWith(first, first.createRefreshToken('ada', { expiry: refreshExpiry }))
        : await first.createTokenPair('ada', { accessExpiry, refreshExpiry })
      const sid = sidOf(pair)
      const agree = async () => {
        for (const authx of servers) {
          const shown = (await authx.getSession(sid)) !== undefined
          assert.equal(shown, await isAccepted(authx, sid))
          // The list goes with the absolute end. What a lone token has opened is remembered for its life, and to a clock that
          // is far behind it lives on.
          if (!shown || !opensAlone) assert.deepEqual(await sidsIn(authx), shown ? [sid] : [])
          for (const [token, type] of [
            [pair.access_token, 'access'],
            [pair.refresh_token, 'refresh'],
          ] as const) {
            const passes = await authx.verifyToken(token, { type }).then(Boolean, () => false)
            if (passes) assert.ok(shown, `an ${type} token is accepted of a session that is not shown`)
          }
        }
      }
      await agree()
      for (const { does, by } of steps) {
        const authx = servers[by] ?? first
        if (does === 'wait') t.mock.timers.tick(by)
        else if (does === 'logout') await authx.revokeSession(sid)
        else if (does === 'everywhere') await authx.revokeAllSessions('ada')
        else pair = await refreshWith(first, pair.refresh_token).catch(() => pair)
        await agree()
        if (does === 'logout' || does === 'everywhere') assert.equal(await others[0]?.getSession(sid), undefined)
      }
    })
    await fc.assert(property, { numRuns: 200 })
  })
})
