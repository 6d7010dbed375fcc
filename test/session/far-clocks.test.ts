import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { AuthX } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_NOW, TEST_SECRET } from '../support/app.js'
import { refreshing } from '../support/refresh.js'

const MINUTE = 60_000
const DAY = 86_400_000
const YEAR = 365 * DAY
const GONE = { name: 'RevokedTokenError' }

/** A server with the right clock, and one whose clock is wrong by `error`, at one store. */
let store: MemoryTokenStore
let time: number
let error: number
let right: AuthX
let wrong: AuthX

beforeEach(() => {
  store = new MemoryTokenStore()
  time = TEST_NOW
  error = 0
  const options = { secretKey: TEST_SECRET, store, sessionTracking: true }
  right = new AuthX({ ...options, now: () => time })
  wrong = new AuthX({ ...options, now: () => time + error })
})
afterEach(() => store.close())

const later = async (authx: AuthX, by: number) => {
  time += by
  return authx.createAccessToken('ada')
}

describe('revokeAllSessions on a server whose clock is a year ahead', () => {
  beforeEach(async () => {
    error = YEAR
    await wrong.revokeAllSessions('ada')
  })

  test('refuses tokens of the subject that name no session until that year is over, and nobody else’s', async () => {
    await assert.rejects(right.verifyToken(await later(right, DAY)), GONE)
    await assert.rejects(right.verifyToken(await later(right, YEAR - DAY)), GONE)
    assert.equal((await right.verifyToken(await later(right, 1_000))).sub, 'ada')
    time = TEST_NOW
    assert.equal((await right.verifyToken(right.createAccessToken('grace'))).sub, 'grace')
  })

  test('is not undone by another call on a server whose clock is right', async () => {
    await right.revokeAllSessions('ada')
    await assert.rejects(right.verifyToken(await later(right, DAY)), GONE)
  })

  test('lets sessions live that begin after it, and the tokens that are made for them', async () => {
    const { access_token } = await right.createTokenPair('ada')
    const { sid } = await right.verifyToken(access_token)
    assert.equal((await right.verifyToken(right.createAccessToken('ada', { sid: String(sid) }))).sub, 'ada')
    assert.equal((await right.listSessions('ada')).length, 1)
  })
})

describe('revokeAllSessions on a server whose clock is an hour behind', () => {
  test('ends every session, and leaves tokens good that name none and are younger than that', async () => {
    const { refresh_token } = await right.createTokenPair('ada')
    const old = right.createAccessToken('ada', { expiry: '1d' })
    const young = await later(right, 61 * MINUTE)
    error = -60 * MINUTE
    await wrong.revokeAllSessions('ada')
    await assert.rejects(right.verifyToken(old), GONE)
    assert.equal((await right.verifyToken(young)).sub, 'ada')
    await assert.rejects(right.verifyToken(refresh_token, { type: 'refresh' }), GONE)
    await right.revokeAllSessions('ada')
    await assert.rejects(right.verifyToken(young), GONE)
  })
})

describe('a server whose clock is ahead', () => {
  test('issues tokens that others refuse as not valid yet, until their clocks are there', async () => {
    error = 10 * MINUTE
    const { access_token } = await wrong.createTokenPair('ada')
    await assert.rejects(right.verifyToken(access_token), { name: 'JWTDecodeError' })
    time += 9 * MINUTE
    assert.equal((await right.verifyToken(access_token)).sub, 'ada')
  })

  test('writes activity that is not shown, and that the next refresh puts right', async t => {
    const send = await refreshing(t, right)
    const { access_token, refresh_token } = await right.createTokenPair('ada', { accessExpiry: '1d' })
    const lastActive = async () => (Number((await right.listSessions('ada'))[0]?.lastActiveAt) - TEST_NOW) / MINUTE
    time += 5 * MINUTE
    await right.verifyToken(access_token)
    time += 5 * MINUTE
    error = 600 * MINUTE
    await wrong.verifyToken(access_token)
    assert.equal(await lastActive(), 5)
    time += 5 * MINUTE
    await right.verifyToken(access_token)
    time += 5 * MINUTE
    assert.equal(await lastActive(), 5)
    await send(refresh_token)
    time += 5 * MINUTE
    assert.equal(await lastActive(), 20)
  })

  test('orders the list by what is shown', async () => {
    const pairs = [await right.createTokenPair('ada'), await right.createTokenPair('ada')]
    const [first, second] = await Promise.all(pairs.map(({ access_token }) => right.verifyToken(access_token)))
    time += 2 * MINUTE
    error = 10 * MINUTE
    await wrong.verifyToken(String(pairs[0]?.access_token))
    time += 2 * MINUTE
    await right.verifyToken(String(pairs[1]?.access_token))
    time += 2 * MINUTE
    const listed = await right.listSessions('ada')
    assert.deepEqual(
      listed.map(({ sid }) => sid),
      [second?.sid, first?.sid],
    )
  })
})
