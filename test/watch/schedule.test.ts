import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import * as watching from '../../src/watch/schedule.js'

/** How the store takes one question. */
interface Behaviour {
  /** How much of its time it takes, from 0 to 1. */
  readonly slowness: number
  /** When in between it looks, from 0 to 1. */
  readonly looks: number
  readonly isSilent: boolean
}

interface Course {
  readonly within: number
  readonly storeTimeout: number
  /** What becomes of the questions, in turn; the last one of all that follow. */
  readonly store: readonly Behaviour[]
  readonly revokedAt: number
  /** When something happens in this process. */
  readonly hurries: readonly number[]
  readonly chance: number
}

interface Ending {
  readonly at: number
  readonly reason: 'revoked' | 'unknown' | 'still open'
  /** When each question was asked, and when the good answers were asked for. */
  readonly asked: readonly number[]
  readonly good: readonly number[]
}

/** From the end of what is known to the end of the connection. */
const SECOND = 1000

/** Watch one socket for ten times `within`, on a clock of our own whose timers are exact. */
function run({ within, storeTimeout, store, revokedAt, hurries, chance }: Course): Ending {
  const pace = watching.paceOf(within, storeTimeout)
  const [asked, good]: [number[], number[]] = [[], []]
  let watch = watching.begin(0)
  let answer: { at: number; outcome: 'good' | 'revoked' | 'silent' } | undefined
  const waiting = [...hurries].sort((a, b) => a - b)
  for (let now = 0; now < 10 * within; ) {
    if (answer && answer.at <= now) {
      const { outcome } = answer
      answer = undefined
      if (outcome === 'revoked') return { at: now, reason: 'revoked', asked, good }
      if (outcome === 'good') good.push(asked.at(-1) as number)
      watch = watching.answered(watch, outcome === 'good', now, pace, chance)
    }
    if (waiting[0] !== undefined && waiting[0] <= now) {
      waiting.shift()
      watch = watching.recheckNow(watch, now)
    }
    if (watching.isOver(watch, now, pace)) return { at: now, reason: 'unknown', asked, good }
    if (watching.isDue(watch, now)) {
      assert.equal(answer, undefined, 'one question at a time')
      watch = watching.ask(watch, now)
      const { slowness, looks, isSilent } = store[Math.min(asked.length, store.length - 1)] as Behaviour
      const looksAt = now + slowness * looks * storeTimeout
      const outcome = isSilent ? 'silent' : looksAt >= revokedAt ? 'revoked' : 'good'
      answer = { at: now + slowness * storeTimeout, outcome }
      asked.push(now)
    }
    const next = Math.min(watching.wakeAt(watch, now, pace), answer?.at ?? Infinity, waiting[0] ?? Infinity)
    assert.ok(next > now || answer?.at === now || waiting[0] === now || watching.isDue(watch, now), 'it does not spin')
    now = Math.max(now, next)
  }
  return { at: 10 * within, reason: 'still open', asked, good }
}

const share = fc.double({ min: 0, max: 1, noNaN: true })
const behaviour = fc.record({ slowness: share, looks: share, isSilent: fc.boolean() })
const times = fc
  .integer({ min: 1, max: 60_000 })
  .chain(storeTimeout =>
    fc
      .integer({ min: watching.leastWithinMs(storeTimeout), max: watching.leastWithinMs(storeTimeout) + 60_000 })
      .map(within => ({ storeTimeout, within })),
  )
const course = times.chain(({ storeTimeout, within }) =>
  fc.record({
    storeTimeout: fc.constant(storeTimeout),
    within: fc.constant(within),
    store: fc.array(behaviour, { minLength: 1, maxLength: 30 }),
    revokedAt: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 5 * within })),
    hurries: fc.array(fc.integer({ min: 0, max: 5 * within }), { maxLength: 3 }),
    chance: share,
  }),
)
const steady = (isSilent: boolean, slowness: number): Behaviour => ({ slowness, looks: 0, isSilent })

describe('a watched socket, whatever the store does', () => {
  test('is closed a second before the time that was promised is over, or earlier', () => {
    fc.assert(
      fc.property(course, given => {
        const { at, reason } = run(given)
        if (given.revokedAt === Infinity) return
        assert.notEqual(reason, 'still open')
        assert.ok(at <= given.revokedAt + given.within - SECOND + 1e-6, `${at} ${reason}`)
      }),
      { numRuns: 3000 },
    )
  })

  test('is not given up before its last good answer is as old as that, nor before it was asked twice in vain', () => {
    fc.assert(
      fc.property(course, given => {
        const { at, reason, good, asked } = run(given)
        if (reason !== 'unknown') return
        const last = good.at(-1) ?? 0
        assert.ok(at >= last + given.within - SECOND - 1e-6)
        assert.ok(asked.filter(when => when > last || good.length === 0).length >= 2)
      }),
      { numRuns: 3000 },
    )
  })

  test('stays open as long as one question in two is answered', () => {
    fc.assert(
      fc.property(times, share, share, (given, slowness, chance) => {
        // An answer that takes all of its time may be too late by a rounding.
        const store = Array.from({ length: 200 }, (_, n) => steady(n % 2 === 0, slowness * 0.999))
        assert.equal(run({ ...given, store, chance, revokedAt: Infinity, hurries: [] }).reason, 'still open')
      }),
    )
  })

  test('is closed as soon as the store says so, if it is told of a revocation in this process', () => {
    fc.assert(
      fc.property(times, share, share, share, (given, slowness, when, chance) => {
        const revokedAt = when * 5 * given.within
        const store = [steady(false, slowness)]
        const { at, reason } = run({ ...given, store, chance, revokedAt, hurries: [revokedAt] })
        assert.equal(reason, 'revoked')
        // The question under way may have been answered before.
        assert.ok(at <= revokedAt + 2 * slowness * given.storeTimeout + 1e-6)
      }),
    )
  })
})

describe('the questions about a socket', () => {
  const paces: readonly [within: number, storeTimeout: number, chance: number, expected: readonly number[]][] = [
    [10_000, 250, 0, [0, 4375, 8750, 13_125]],
    [10_000, 250, 1, [0, 3281.25, 6562.5, 9843.75]],
    [2000, 250, 0, [0, 375, 750, 1125]],
  ]
  for (const [within, storeTimeout, chance, expected] of paces) {
    test(`come at ${expected.join(', ')} ms for ${within} ms, if all is well`, () => {
      const store = [steady(false, 0.5)]
      const { asked } = run({ within, storeTimeout, store, revokedAt: Infinity, hurries: [], chance })
      assert.deepEqual(asked.slice(0, 4), expected)
    })
  }

  const outages: readonly [slowness: number, expected: readonly number[]][] = [
    [0, [0, 2187.5, 4375, 6562.5, 8750]],
    [1, [0, 2437.5, 4875, 7312.5, 8750]],
  ]
  for (const [slowness, expected] of outages) {
    test(`go on while the store is away (${slowness}), the last so late that it can just be answered`, () => {
      const given = { within: 10_000, storeTimeout: 250, revokedAt: Infinity, hurries: [], chance: 0 }
      const { asked, at } = run({ ...given, store: [steady(true, slowness)] })
      assert.deepEqual([asked, at], [expected, 9000])
    })
  }

  test('go on soon after one that came to nothing, however long a good answer holds', () => {
    const given = { within: 36_000_000, storeTimeout: 250, revokedAt: 1, hurries: [1], chance: 0 }
    const { asked, at, reason } = run({ ...given, store: [steady(false, 0), steady(true, 1), steady(false, 0)] })
    assert.deepEqual([asked, at, reason], [[0, 1, 5251], 5251, 'revoked'])
  })

  test('are answered for the moment when they were asked: the store may have looked then', () => {
    const store = [steady(false, 1), steady(true, 0)]
    const { at } = run({ within: 10_000, storeTimeout: 250, store, revokedAt: 1, hurries: [], chance: 0 })
    assert.equal(at, 9000)
  })

  test('begin at once: what was known of the login is as old as its last judgement', () => {
    const store = [steady(false, 0)]
    const { at, asked } = run({ within: 10_000, storeTimeout: 250, store, revokedAt: 0, hurries: [], chance: 0 })
    assert.deepEqual([at, asked], [0, [0]])
  })
})

describe('the least time that can be promised', () => {
  for (const [storeTimeout, least] of [
    [1, 2000],
    [250, 2000],
    [333, 2000],
    [1000, 4000],
    [60_000, 181_000],
  ] as const) {
    test(`is ${least} ms for a store that may take ${storeTimeout} ms`, () => {
      assert.equal(watching.leastWithinMs(storeTimeout), least)
      const { intervalMs } = watching.paceOf(least, storeTimeout)
      assert.ok(intervalMs >= storeTimeout)
    })
  }
})

describe('a process that was busy when a question was due', () => {
  const pace = watching.paceOf(10_000, 250)
  const late = 20_000
  const due = watching.begin(0)
  const good = watching.answered(watching.ask(due, 0), true, 5, pace, 0)

  test('asks it late, and the socket stays open if the answer is good', () => {
    assert.equal(watching.isOver(good, late, pace), false)
    assert.equal(watching.isDue(good, late), true)
    const asked = watching.ask(good, late)
    assert.equal(watching.isOver(asked, late + 100, pace), false)
    assert.equal(watching.wakeAt(asked, late + 100, pace), Number.POSITIVE_INFINITY)
    const again = watching.answered(asked, true, late + 200, pace, 0)
    assert.equal(watching.isOver(again, late + 200, pace), false)
    assert.equal(watching.endOf(again, pace), late + 9000)
  })

  test('asks it late, and the socket is closed if there is no answer', () => {
    const asked = watching.ask(good, late)
    const missed = watching.answered(asked, false, late + 260, pace, 0)
    assert.equal(watching.isOver(missed, late + 260, pace), true)
  })

  test('hears late what was answered in time', () => {
    const asked = watching.ask(good, 4375)
    assert.equal(watching.isOver(asked, late, pace), false)
    // What is heard is as old as its question: the next one is due at once, and decides.
    const heard = watching.answered(asked, true, late, pace, 0)
    assert.deepEqual([watching.isOver(heard, late, pace), watching.isDue(heard, late)], [false, true])
  })

  test('asks again if something happened in it meanwhile', () => {
    const recheck = watching.recheckNow(watching.ask(good, 4375), 4400)
    const heard = watching.answered(recheck, true, late, pace, 0)
    assert.deepEqual([watching.isOver(heard, late, pace), watching.isDue(heard, late)], [false, true])
    assert.equal(watching.isOver(watching.answered(recheck, false, late, pace, 0), late, pace), true)
  })
})
