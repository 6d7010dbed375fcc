import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { activityAt, minuteOf, shownActivity } from '../../src/session/activity.js'

const NOON = Date.UTC(2026, 0, 1, 12)
const at = (minutes: number, seconds = 0, milliseconds = 0) => NOON + minutes * 60_000 + seconds * 1000 + milliseconds

const TABLE: { says: string; acts: number[]; now: number; shown: number }[] = [
  { says: 'the login, in its own minute', acts: [at(0, 17, 345)], now: at(0, 17, 345), shown: at(0) },
  { says: 'the login, later', acts: [at(0, 17, 345)], now: at(9), shown: at(0) },
  {
    says: 'the login, while its minute has a second activity',
    acts: [at(0, 17), at(0, 40)],
    now: at(0, 41),
    shown: at(0),
  },
  {
    says: 'the one before, while its minute goes on',
    acts: [at(0, 17), at(15, 2)],
    now: at(15, 59, 999),
    shown: at(0),
  },
  { says: 'an activity, when its minute is over', acts: [at(0, 17), at(15, 2)], now: at(16), shown: at(15) },
  { says: 'the last of several', acts: [at(0), at(3), at(5, 59, 999)], now: at(6), shown: at(5) },
  { says: 'the last but one minute of several', acts: [at(0), at(3), at(5, 1), at(5, 2)], now: at(5, 3), shown: at(3) },
  { says: 'nothing that a clock ahead has written', acts: [at(0), at(3), at(5_000)], now: at(7), shown: at(3) },
  { says: 'the truth again after one', acts: [at(0), at(5_000), at(8, 30)], now: at(9), shown: at(8) },
]

function recordOf([login = 0, ...others]: readonly number[]) {
  let record: ReturnType<typeof activityAt> & { createdAt: number } = { createdAt: login, lastActiveAt: login }
  for (const act of others) record = { createdAt: login, ...activityAt(record, act) }
  return record
}

for (const { says, acts, now, shown } of TABLE) {
  test(`shown is ${says}`, () => assert.equal(shownActivity(recordOf(acts), now), shown))
}

const acts = fc
  .array(fc.integer({ min: at(0), max: at(30) }), { minLength: 1, maxLength: 20 })
  .map(each => each.sort((a, b) => a - b))

test('activity is shown to the minute, never before the login and never later than it was', () => {
  fc.assert(
    fc.property(acts, fc.nat(600_000), (acts, later) => {
      const now = (acts.at(-1) ?? 0) + later
      const shown = shownActivity(recordOf(acts), now)
      assert.equal(shown % 60_000, 0)
      assert.ok(shown >= minuteOf(acts[0] ?? 0) && shown <= (acts.at(-1) ?? 0))
      if (minuteOf(now) > (acts.at(-1) ?? 0)) assert.equal(shown, minuteOf(acts.at(-1) ?? 0))
    }),
  )
})

test('in the minute of an activity the same is shown as if there were none', () => {
  fc.assert(
    fc.property(acts, fc.nat(59_999), fc.nat(59_999), (acts, first, second) => {
      const minute = minuteOf(acts.at(-1) ?? 0) + 60_000
      const now = minute + Math.max(first, second)
      const without = recordOf(acts)
      const one = recordOf([...acts, minute + Math.min(first, second)])
      assert.equal(shownActivity(one, now), shownActivity(without, now))
    }),
  )
})
