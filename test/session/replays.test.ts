import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseSession, type SessionRecord } from '../../src/session/record.js'
import { assess, type Decision, decide, type Presented, successor } from '../../src/session/rotation.js'
import { Play } from './play.js'

const CONFIG = {
  refreshGracePeriod: 10,
  refreshRecovery: 0,
  accessTokenRevocation: true,
  sessionExpires: 90 * 86_400,
  decodeLeeway: 0,
}
const NOW = 1_800_000_000_000
const NEVER_CUT = { cutoff: 0 }

const RECORD: SessionRecord = {
  sub: 'ada',
  gen: 7,
  cutoff: 0,
  createdAt: NOW - 60_000,
  rotatedAt: NOW - 5_000,
  lastActiveAt: NOW - 5_000,
  expiresAt: NOW + 86_400_000,
  endsAt: NOW + 86_400_000,
  keptUntil: NOW + 87_000_000,
  jti: 'gen-7',
  iat: NOW / 1000 - 5,
  exp: NOW / 1000 + 86_400,
  device: {},
}

const tokenOf = ({ sub, iat, exp }: SessionRecord, gen: number): Presented => ({
  sub,
  iat,
  exp,
  type: 'refresh',
  sid: 's',
  gen,
  jti: `gen-${gen}`,
})

const decided = (record: SessionRecord, gen: number, now = NOW): Decision =>
  decide(tokenOf(record, gen), { record, subject: NEVER_CUT }, now, CONFIG)

const TABLE: {
  says: string
  replayed?: SessionRecord['replayed']
  expected: NonNullable<SessionRecord['replayed']>
  isCounted: boolean
}[] = [
  { says: 'the first of all', expected: { gen: 7, inARow: 1 }, isCounted: false },
  {
    says: 'the second of the same generation',
    replayed: { gen: 7, inARow: 1 },
    expected: { gen: 7, inARow: 1 },
    isCounted: true,
  },
  {
    says: 'one of the next generation',
    replayed: { gen: 6, inARow: 1 },
    expected: { gen: 7, inARow: 2 },
    isCounted: false,
  },
  {
    says: 'one of the next generation, after many',
    replayed: { gen: 6, inARow: 41 },
    expected: { gen: 7, inARow: 42 },
    isCounted: false,
  },
  {
    says: 'one after a generation without',
    replayed: { gen: 5, inARow: 3 },
    expected: { gen: 7, inARow: 1 },
    isCounted: false,
  },
]

describe('a replay', () => {
  for (const { says, replayed, expected, isCounted } of TABLE) {
    test(`(${says}) is number ${expected.inARow} in a row, and is ${isCounted ? 'counted already' : 'written down'}`, () => {
      const record = replayed ? { ...RECORD, replayed } : RECORD
      const decision = decided(record, 6)
      assert.equal(decision.outcome, 'replay')
      assert.deepEqual(decision.replays, expected.inARow)
      assert.equal(decision.isCounted, isCounted)
      assert.deepEqual(decision.record, { ...record, replayed: expected })
    })
  }

  test('of a token that names no session begins a row', () => {
    const record = { ...RECORD, gen: 1 }
    const { sid, gen, ...loner } = tokenOf(record, 0)
    const decision = decide(loner, { record, subject: NEVER_CUT }, NOW, CONFIG)
    assert.deepEqual(decision.outcome === 'replay' && decision.record.replayed, { gen: 1, inARow: 1 })
  })

  test('changes nothing else: neither the generation nor its times', () => {
    const decision = decided(RECORD, 6)
    assert.ok(decision.outcome === 'replay')
    const { replayed, ...others } = decision.record
    assert.deepEqual(others, RECORD)
  })

  test('is forgotten by no rotation: the next generation goes on with the row', () => {
    const replayed = { gen: 7, inARow: 2 }
    const next = successor(
      tokenOf(RECORD, 7),
      { ...RECORD, replayed },
      { outcome: 'rotate', gen: 8, jti: 'gen-8', accessExp: NOW / 1000, now: NOW },
      CONFIG,
    )
    assert.deepEqual(next.replayed, replayed)
    const decision = decided(next, 7)
    assert.equal(decision.outcome === 'replay' && decision.replays, 3)
  })
})

/** What somebody does with the newest refresh token that they have, and how long after the last one. */
const step = fc.record({ holder: fc.nat(1), after: fc.constantFrom(0, 1, 5_000, 9_999, 10_000, 60_000) })

/** A session without recovery: an exchanged token that comes after the grace period ends it. */
const newPlay = () => new Play({ refreshRecovery: 0 })

describe('two holders of one session', () => {
  test('that both go on are told of at every generation that both have', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const play = newPlay()
        const holds = [0, 0]
        for (const { holder, after } of steps) {
          play.waitMs(after)
          play.refresh(holds[holder] ?? 0)
          if (play.ended) return
          holds[holder] = play.record.gen
          if (holds[0] === holds[1] && play.record.gen > 0) assert.equal(play.record.replayed?.gen, play.record.gen)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('who come through every generation make a row as long as the generations are', () => {
    const play = newPlay()
    for (let gen = 0; gen < 20; gen++) {
      play.waitMs(900_000)
      assert.equal(play.refresh(gen), 'rotate')
      assert.equal(play.refresh(gen), 'replay')
    }
    assert.deepEqual(
      play.told,
      Array.from({ length: 20 }, (_, n) => n + 1),
    )
  })

  test('get no number twice for two generations, and no higher one for a second replay of the same', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const play = newPlay()
        const holds = [0, 0]
        const numbers = new Map<number, number>()
        for (const { holder, after } of steps) {
          play.waitMs(after)
          const before = play.told.length
          play.refresh(holds[holder] ?? 0)
          const { gen } = play.record
          if (play.ended) return
          holds[holder] = gen
          if (play.told.length === before) continue
          const number = play.told.at(-1) ?? 0
          assert.equal(numbers.get(gen) ?? number, number)
          numbers.set(gen, number)
        }
        const counted = [...numbers].sort(([a], [b]) => a - b).map(([, number]) => number)
        for (const [n, number] of counted.entries()) if (number !== 1) assert.equal(number, (counted[n - 1] ?? 0) + 1)
      }),
      { numRuns: 1_000 },
    )
  })
})

test('one holder whose answers are never lost is told of by no replay, whatever came before', () => {
  const play = newPlay()
  play.record = { ...play.record, replayed: { gen: -3, inARow: 9 } }
  for (let gen = 0; gen < 20; gen++) {
    play.waitMs(900_000)
    assert.equal(play.refresh(gen), 'rotate')
  }
  assert.deepEqual([play.told, play.ended, play.record.gen], [[], false, 20])
  play.refresh(19)
  assert.deepEqual(play.told, [1])
})

test('a record whose row of replays is none is not one of ours', () => {
  const { replayed: _, ...record } = RECORD
  for (const replayed of [null, 1, 'text', [], {}, { gen: 1 }, { inARow: 1 }, { gen: '1', inARow: 1 }]) {
    assert.throws(() => parseSession(JSON.stringify({ ...record, replayed })), { name: 'StoreUnavailableError' })
  }
  for (const activeBefore of [null, 'text', {}, '1']) {
    assert.throws(() => parseSession(JSON.stringify({ ...record, activeBefore })), { name: 'StoreUnavailableError' })
  }
  const sound = { ...record, replayed: { gen: 1, inARow: 1 }, activeBefore: 1 }
  assert.deepEqual(parseSession(JSON.stringify(sound)), sound)
})

test('a refresh guard lets a replay pass, and says nothing of numbers', () => {
  assert.deepEqual(assess(tokenOf(RECORD, 6), { record: RECORD, subject: NEVER_CUT }, NOW, CONFIG), { outcome: 'good' })
})
