import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, serve, TEST_NOW } from '../support/app.js'

describe('TestClock', () => {
  test('lets tokens expire when it is advanced, and not before', async t => {
    const clock = new TestClock(TEST_NOW)
    const authx = makeAuthX({ now: clock.now, store: new MemoryTokenStore(), accessTokenExpires: '15m' })
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
        ctx.body = {}
      }),
    )
    const { access_token } = await authx.createTokenPair('test')
    const ask = async () => {
      const { status, json } = await client({ headers: [bearer(access_token)] })
      return json.error_type ?? status
    }
    assert.equal(await ask(), 200)
    clock.advance('14m59s')
    assert.equal(await ask(), 200)
    clock.advance(1)
    assert.equal(await ask(), 'TokenExpiredError')
    clock.set(TEST_NOW)
    assert.equal(await ask(), 200)
  })

  test('stands still by itself, and begins at the present if not told otherwise', () => {
    const before = Date.now()
    const clock = new TestClock()
    const start = clock.now()
    assert.ok(before <= start && start <= Date.now())
    const later = Date.now() + 5
    while (Date.now() < later);
    assert.equal(clock.now(), start)
  })

  test('takes Dates, milliseconds and durations, and `now` by itself', () => {
    const clock = new TestClock(new Date(TEST_NOW))
    const { now } = clock
    assert.equal(now(), TEST_NOW)
    clock.advance('1h30m')
    assert.equal(now(), TEST_NOW + 5_400_000)
    clock.advance(0.5)
    assert.equal(now(), TEST_NOW + 5_400_500)
    clock.set(new Date('2030-01-01'))
    assert.equal(now(), Date.UTC(2030, 0, 1))
    clock.set(0)
    assert.equal(now(), 0)
  })

  test('names the argument that is wrong, and stays where it was', () => {
    const clock = new TestClock(TEST_NOW)
    const wrong: unknown[] = [new Date('x'), Number.NaN, Number.POSITIVE_INFINITY, -1, '2026-01-01', null, {}, 1e15]
    for (const time of wrong) {
      assert.throws(() => new TestClock(time as never), { name: 'TypeError', message: /^start / })
      assert.throws(() => clock.set(time as never), { name: 'TypeError', message: /^date / })
    }
    assert.throws(() => clock.set(undefined as never), { name: 'TypeError', message: /^date / })
    for (const duration of ['soon', -1, Number.NaN, '', undefined, null, new Date(), '1y']) {
      assert.throws(() => clock.advance(duration as never), { name: 'TypeError', message: /^duration / })
    }
    clock.set(Date.UTC(9999, 11, 31))
    assert.throws(() => clock.advance('7d'), { name: 'TypeError', message: /^duration / })
    assert.equal(clock.now(), Date.UTC(9999, 11, 31))
  })
})
