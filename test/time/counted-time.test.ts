import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CountedTime } from '../../src/time/counted-time.js'

/** A clock that stands until it is moved. */
function handDriven(start = 1000) {
  const clock = { now: start }
  return { clock, time: new CountedTime(() => clock.now) }
}

describe('the counted time', () => {
  test('goes with the clock as long as slices end when they should, or a little later', () => {
    const { clock, time } = handDriven()
    for (const took of [10, 10.6, 11, 14.9, 3, 10]) {
      clock.now += took
      assert.equal(time.endSlice(10), false)
    }
    assert.ok(Math.abs(time.now() - 59.5) < 1e-9)
  })

  test('counts a slice that ends late for little more than it was planned for, however late', () => {
    for (const took of [17, 100, 400, 86_400_000]) {
      const { clock, time } = handDriven()
      clock.now += took
      assert.equal(time.endSlice(10), true)
      assert.equal(time.now(), 16)
    }
  })

  test('gives a saturated process forty long turns to read answers before 250 ms are over', () => {
    const { clock, time } = handDriven()
    for (let turn = 0; turn < 39; turn++) {
      clock.now += 180
      time.endSlice(10)
    }
    assert.equal(time.now(), 16 + 38 * 6)
    assert.ok(time.now() < 250)
  })

  test('counts as before once slices end in time again', () => {
    const { clock, time } = handDriven()
    for (const took of [180, 180, 10, 10]) {
      clock.now += took
      time.endSlice(10)
    }
    assert.equal(time.now(), 16 + 6 + 6 + 10)
  })

  test('stands still inside a turn that blocks, once it has counted as much as a slice can', () => {
    const { clock, time } = handDriven()
    const seen: number[] = []
    for (const step of [0, 4, 6, 10, 380]) {
      clock.now += step
      seen.push(time.now())
    }
    assert.deepEqual(seen, [0, 4, 10, 16, 16])
    time.endSlice(10)
    assert.equal(time.now(), 16)
  })

  test('does not count a time in which nobody waited', () => {
    const { clock, time } = handDriven()
    clock.now += 10
    time.endSlice(10)
    clock.now += 5000
    assert.equal(time.begin(), 10)
    assert.equal(time.now(), 10)
  })

  test('goes on by the timers where an application has stopped or turned back the clock', () => {
    const { clock, time } = handDriven()
    time.endSlice(10)
    clock.now -= 3_600_000
    time.endSlice(4)
    assert.equal(time.now(), 14)
    clock.now -= 1000
    assert.equal(time.now(), 14)
  })

  test('never goes back, and never on by more than the clock', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.double({ min: 0.001, max: 500, noNaN: true })), { maxLength: 60 })
    fc.assert(
      fc.property(steps, all => {
        const { clock, time } = handDriven()
        for (const [ends, step] of all) {
          const before = time.now()
          clock.now += step
          if (ends) time.endSlice(10)
          const wentOn = time.now() - before
          assert.ok(wentOn >= 0 && wentOn <= step + 1e-6)
        }
      }),
    )
  })
})
