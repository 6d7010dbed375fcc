import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StoreUnavailableError } from '../../src/index.js'
import { confirmed, isVoided } from '../../src/session/lineage.js'
import { type Lineage, parseSession, type SessionRecord, type VoidedGenerations } from '../../src/session/record.js'
import { assess, decide, type Presented, type RotationConfig, successor } from '../../src/session/rotation.js'

const CONFIG: RotationConfig = {
  refreshGracePeriod: 10,
  refreshRecovery: 86_400,
  accessTokenRevocation: true,
  sessionExpires: 90 * 86_400,
  decodeLeeway: 0,
}
const SECOND = 1_000
const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = 1_800_000_000_000
const ROTATED = NOW - HOUR
const LOGIN = NOW - 2 * DAY
const NEVER_CUT = { cutoff: 0 }

/** Generation 5 came from generation 4 an hour ago, and nobody has used it. */
const LINEAGE: Lineage = { gen: 5, from: 4, exchangedAt: ROTATED, accessEndsAt: ROTATED + 900 * SECOND, older: [] }
const RECORD: SessionRecord = {
  sub: 'ada',
  gen: 5,
  cutoff: 0,
  createdAt: LOGIN,
  rotatedAt: ROTATED,
  lastActiveAt: ROTATED,
  expiresAt: LOGIN + 90 * DAY,
  endsAt: NOW + 20 * DAY,
  keptUntil: LOGIN + 91 * DAY,
  jti: 'gen-5',
  iat: ROTATED / 1000,
  exp: (NOW + 20 * DAY) / 1000,
  lineage: LINEAGE,
  device: {},
}
const CONFIRMED = confirmed(RECORD)
const { lineage: _, ...WITHOUT_LINEAGE } = RECORD
/** A server of an older version has rotated the session of `RECORD` and changed only what it knows. */
const ROTATED_BY_OLDER = { ...RECORD, gen: 6, jti: 'gen-6' }

const refreshToken = (gen: number): Presented => ({
  sub: 'ada',
  sid: 's',
  jti: `gen-${gen}`,
  type: 'refresh',
  iat: RECORD.iat,
  exp: RECORD.exp,
  gen,
})
const accessToken = (gen: number | undefined): Presented => ({ ...refreshToken(0), type: 'access', jti: 'a', gen })
const LONER: Presented = { ...refreshToken(0), sid: undefined, gen: undefined }

const voidedRange = (first: number, last = first, until = NOW + HOUR): VoidedGenerations => ({ first, last, until })
/** Voided generations of other predecessors than the one of `RECORD`. */
const voidedOthers = (count: number, until?: number) =>
  Array.from({ length: count }, (_, n) => voidedRange(-2 * n - 2, -2 * n - 2, until))

interface RefreshRow {
  readonly says: string
  readonly record?: SessionRecord
  /** The generation of the refresh token. Default: the predecessor. */
  readonly gen?: number
  readonly token?: Presented
  readonly now?: number
  readonly config?: Partial<RotationConfig>
  readonly outcome: 'rotate' | 'replay' | 'recover' | 'reuse'
}

const young = (first: number, second: number) =>
  ({
    ...RECORD,
    rotatedAt: NOW - SECOND,
    lineage: {
      ...LINEAGE,
      exchangedAt: NOW - SECOND,
      older: [
        [2, NOW - first],
        [3, NOW - second],
      ],
    },
  }) satisfies SessionRecord
const YOUNG = young(9_999, 5_000)

/** The predecessor was exchanged 20 hours ago, and for the last time a minute ago. */
const RECOVERED = {
  ...RECORD,
  gen: 6,
  jti: 'gen-6',
  rotatedAt: NOW - 60 * SECOND,
  lineage: { ...LINEAGE, gen: 6, exchangedAt: NOW - 20 * HOUR },
  voided: [voidedRange(5)],
} satisfies SessionRecord

const REFRESHES: readonly RefreshRow[] = [
  { says: 'the predecessor of tokens that nobody has used', outcome: 'recover' },
  { says: 'the predecessor of tokens that somebody has used', record: CONFIRMED, outcome: 'reuse' },
  { says: 'the current token', gen: 5, outcome: 'rotate' },
  { says: 'a token before the predecessor', gen: 3, outcome: 'reuse' },
  { says: 'the predecessor, a millisecond before recovery is over', now: ROTATED + DAY - 1, outcome: 'recover' },
  { says: 'the predecessor, when recovery is over', now: ROTATED + DAY, outcome: 'reuse' },
  { says: 'the predecessor, in the grace period', now: ROTATED + 9_999, outcome: 'replay' },
  { says: 'the predecessor, when the grace period is over', now: ROTATED + 10_000, outcome: 'recover' },
  { says: 'the predecessor by a clock that is too far behind', now: ROTATED - 10_000, outcome: 'recover' },
  { says: 'the predecessor without recovery', config: { refreshRecovery: 0 }, outcome: 'reuse' },
  { says: 'the predecessor without a grace period', config: { refreshGracePeriod: 0 }, outcome: 'reuse' },
  { says: 'the predecessor where guards do not ask', config: { accessTokenRevocation: false }, outcome: 'reuse' },
  { says: 'the predecessor in a record without lineage', record: WITHOUT_LINEAGE, outcome: 'reuse' },
  {
    says: 'the predecessor in a record without lineage, in the grace period',
    record: WITHOUT_LINEAGE,
    now: ROTATED + 9_999,
    outcome: 'replay',
  },
  {
    says: 'the predecessor in a record whose lineage is of an older generation',
    record: ROTATED_BY_OLDER,
    gen: 5,
    outcome: 'reuse',
  },
  { says: 'what an older lineage calls the predecessor', record: ROTATED_BY_OLDER, gen: 4, outcome: 'reuse' },
  {
    says: 'a token without a session that opened the session of tokens that nobody has used',
    record: { ...RECORD, gen: 1, lineage: { ...LINEAGE, gen: 1, from: 0 } },
    token: LONER,
    outcome: 'recover',
  },

  { says: 'the predecessor again, a minute after a recovery', record: RECOVERED, outcome: 'recover' },
  {
    says: 'the predecessor again, in the grace period of a recovery',
    record: RECOVERED,
    now: RECOVERED.rotatedAt + 9_999,
    outcome: 'replay',
  },
  {
    says: 'the predecessor a day after its first exchange, soon after a recovery',
    record: { ...RECOVERED, rotatedAt: NOW + 4 * HOUR - 60 * SECOND },
    now: NOW + 4 * HOUR,
    outcome: 'reuse',
  },
  { says: 'a token that a recovery has voided', record: RECOVERED, gen: 5, outcome: 'reuse' },
  {
    says: 'a token that a recovery has voided, in the grace period of the recovery',
    record: RECOVERED,
    gen: 5,
    now: RECOVERED.rotatedAt,
    outcome: 'reuse',
  },

  {
    says: 'the predecessor after answers to 19 others were lost',
    record: { ...RECORD, voided: voidedOthers(19) },
    outcome: 'recover',
  },
  {
    says: 'the predecessor after answers to 20 others were lost',
    record: { ...RECORD, voided: voidedOthers(20) },
    outcome: 'reuse',
  },
  {
    says: 'the predecessor after the access tokens of 20 lost answers have expired',
    record: { ...RECORD, voided: voidedOthers(20, NOW) },
    outcome: 'recover',
  },
  {
    says: 'the predecessor that was answered without effect before, and 19 others',
    record: { ...RECOVERED, voided: [...voidedOthers(19), voidedRange(5)] },
    outcome: 'recover',
  },

  {
    says: 'the predecessor, 9.999 s after a late replay of tokens that nobody has used',
    record: { ...RECORD, lineage: { ...LINEAGE, givenAt: NOW - 9_999 } },
    outcome: 'replay',
  },
  {
    says: 'the predecessor, 10 s after a late replay of tokens that nobody has used',
    record: { ...RECORD, lineage: { ...LINEAGE, givenAt: NOW - 10_000 } },
    outcome: 'recover',
  },
  { says: 'a token three generations back, 9.999 s after its exchange', record: YOUNG, gen: 2, outcome: 'replay' },
  { says: 'a token two generations back, 5 s after its exchange', record: YOUNG, gen: 3, outcome: 'replay' },
  { says: 'the predecessor, 1 s after its exchange', record: YOUNG, gen: 4, outcome: 'replay' },
  { says: 'a token three generations back, 10 s after', record: young(10_000, 5_000), gen: 2, outcome: 'reuse' },
  { says: 'a token further back than the young ones', record: YOUNG, gen: 1, outcome: 'reuse' },
  {
    says: 'a token three generations back without a grace period',
    record: YOUNG,
    gen: 2,
    config: { refreshGracePeriod: 0 },
    outcome: 'reuse',
  },
  { says: 'a token three generations back, of tokens in use', record: confirmed(YOUNG), gen: 2, outcome: 'replay' },
]

describe('what a refresh token gets', () => {
  for (const { says, record = RECORD, gen = 4, token = refreshToken(gen), now = NOW, config, outcome } of REFRESHES) {
    test(`${says}: ${outcome}`, () => {
      const known = { record, subject: NEVER_CUT }
      const decision = decide(token, known, now, { ...CONFIG, ...config })
      assert.equal(decision.outcome, outcome)
      if (decision.outcome === 'recover') assert.deepEqual([decision.gen, decision.rollback], [record.gen + 1, false])
      const guarded = assess(token, known, now, { ...CONFIG, ...config })
      assert.equal(guarded.outcome, outcome === 'reuse' ? 'reuse' : 'good', 'what a guard for refresh tokens says')
    })
  }
})

interface AccessRow {
  readonly says: string
  readonly record?: SessionRecord
  /** The generation of the access token. Default: the current one. */
  readonly gen?: number
  readonly config?: Partial<RotationConfig>
  readonly outcome: 'good' | 'unconfirmed' | 'reuse' | 'revoked'
}

const OF_LOGIN = { ...RECORD, gen: 0, lineage: undefined } as unknown as SessionRecord

const ACCESSES: readonly AccessRow[] = [
  { says: 'of a generation that nobody has used', outcome: 'unconfirmed' },
  { says: 'of a generation that somebody has used', record: CONFIRMED, outcome: 'good' },
  { says: 'of the predecessor', gen: 4, outcome: 'good' },
  { says: 'of a generation ahead of the store', gen: 6, outcome: 'good' },
  { says: 'of a login', record: OF_LOGIN, gen: 0, outcome: 'good' },
  { says: 'without recovery', config: { refreshRecovery: 0 }, outcome: 'good' },
  { says: 'without a grace period', config: { refreshGracePeriod: 0 }, outcome: 'good' },
  { says: 'of a record without lineage', record: WITHOUT_LINEAGE, outcome: 'good' },
  { says: 'of a record with the lineage of an older generation', record: ROTATED_BY_OLDER, gen: 6, outcome: 'good' },
  { says: 'of a generation that a recovery has made', record: RECOVERED, gen: 6, outcome: 'unconfirmed' },
  { says: 'of a voided generation', record: RECOVERED, gen: 5, outcome: 'reuse' },
  { says: 'of the generation before voided ones', record: RECOVERED, gen: 4, outcome: 'good' },
  {
    says: 'of a voided generation, since recovery was turned off',
    record: RECOVERED,
    gen: 5,
    config: { refreshRecovery: 0 },
    outcome: 'reuse',
  },
  {
    says: 'of a voided generation of an ended login',
    record: { ...RECOVERED, endsAt: NOW },
    gen: 5,
    outcome: 'revoked',
  },
]

describe('what a guard says to an access token', () => {
  for (const { says, record = RECORD, gen = record.gen, config, outcome } of ACCESSES) {
    test(`${says}: ${outcome}`, () => {
      const known = { record, subject: NEVER_CUT }
      assert.equal(assess(accessToken(gen), known, NOW, { ...CONFIG, ...config }).outcome, outcome)
    })
  }

  test('that has no generation: good, and it confirms nothing', () => {
    for (const record of [RECORD, RECOVERED]) {
      assert.equal(assess(accessToken(undefined), { record, subject: NEVER_CUT }, NOW, CONFIG).outcome, 'good')
    }
  })
})

/** `record` after its predecessor was recovered at `now`, with access tokens of 15 minutes. */
function recoveredAt(record: SessionRecord, now: number): SessionRecord {
  const gen = record.gen + 1
  const change = { outcome: 'recover' as const, gen, jti: `gen-${gen}`, accessExp: now / 1000 + 900, now }
  return successor(refreshToken(4), record, change, CONFIG)
}

describe('the record after a recovery', () => {
  test('keeps the predecessor and when it was first exchanged, and voids the lost generation', () => {
    const { gen, rotatedAt, lineage, voided } = recoveredAt(RECORD, NOW)
    assert.deepEqual([gen, rotatedAt], [6, NOW])
    assert.deepEqual(lineage, {
      gen: 6,
      from: 4,
      exchangedAt: ROTATED,
      accessEndsAt: NOW + 900 * SECOND,
      older: [],
    })
    assert.deepEqual(voided, [voidedRange(5, 5, LINEAGE.accessEndsAt + 20_000)])
  })

  test('has one range for all lost answers to one token, until the last of their access tokens has expired', () => {
    let record = RECORD
    for (let n = 0; n < 30; n++) record = recoveredAt(record, NOW + n * 11_000)
    assert.equal(record.gen, 35)
    assert.deepEqual(record.voided, [voidedRange(5, 34, NOW + 28 * 11_000 + 920_000)])
  })

  test('keeps what other recoveries have voided, and drops what has expired', () => {
    const before = { ...RECORD, voided: [voidedRange(1, 1, NOW), voidedRange(3, 3, NOW + 1)] }
    const { voided } = recoveredAt(before, NOW)
    assert.deepEqual(
      voided?.map(({ first }) => first),
      [3, 5],
    )
  })

  test('stays what it is for those that were voided when the session goes on', () => {
    const after = confirmed(recoveredAt(RECORD, NOW))
    const change = { outcome: 'rotate' as const, gen: 7, jti: 'gen-7', accessExp: NOW / 1000 + 1800, now: NOW + HOUR }
    const rotated = successor(refreshToken(6), after, change, CONFIG)
    assert.deepEqual(
      [4, 5, 6, 7].filter(gen => isVoided(rotated, gen)),
      [5],
    )
    assert.equal(assess(accessToken(5), { record: rotated, subject: NEVER_CUT }, NOW, CONFIG).outcome, 'reuse')
  })
})

describe('the record after a rotation', () => {
  const rotatedAt = (record: SessionRecord, now: number) => {
    const gen = record.gen + 1
    const change = { outcome: 'rotate' as const, gen, jti: `gen-${gen}`, accessExp: now / 1000 + 900, now }
    return successor(refreshToken(record.gen), record, change, CONFIG)
  }

  test('is not confirmed, and has the exchanged token as predecessor', () => {
    const { lineage } = rotatedAt(CONFIRMED, NOW)
    assert.deepEqual(lineage, { gen: 6, from: 5, exchangedAt: NOW, accessEndsAt: NOW + 900 * SECOND, older: [] })
  })

  test('keeps the tokens that were exchanged within the grace period, each with its time, and at most fifty', () => {
    let record = rotatedAt(RECORD, NOW)
    for (let n = 1; n <= 3; n++) record = rotatedAt(record, NOW + n * 4_000)
    assert.deepEqual(record.lineage?.older, [
      [6, NOW + 4_000],
      [7, NOW + 8_000],
    ])
    for (let n = 1; n <= 100; n++) record = rotatedAt(record, NOW + 12_000 + n)
    assert.equal(record.lineage?.older.length, 50)
    assert.equal(record.lineage?.older.at(-1)?.[0], record.gen - 2)
  })
})

describe('a stored record', () => {
  const stored = (change: object) => JSON.stringify({ ...RECOVERED, ...change })

  test('with a lineage and voided generations is read as it was written', () => {
    for (const record of [RECOVERED, confirmed(YOUNG), WITHOUT_LINEAGE])
      assert.deepEqual(parseSession(JSON.stringify(record)), record)
  })

  const LINEAGES: readonly unknown[] = [
    null,
    7,
    [],
    'lineage',
    {},
    ...['gen', 'from', 'exchangedAt', 'accessEndsAt', 'older'].flatMap(name => [
      { ...LINEAGE, [name]: undefined },
      { ...LINEAGE, [name]: '5' },
      { ...LINEAGE, [name]: null },
    ]),
    { ...LINEAGE, older: [[2]] },
    { ...LINEAGE, older: [[2, 3, 4]] },
    { ...LINEAGE, older: [['2', 3]] },
    { ...LINEAGE, older: [2, 3] },
    { ...LINEAGE, givenAt: 'now' },
    { ...LINEAGE, confirmed: 'yes' },
    { ...LINEAGE, confirmed: 1 },
  ]
  const VOIDED: readonly unknown[] = [
    null,
    7,
    {},
    'voided',
    [null],
    [5],
    [[5, 6, NOW]],
    ...['first', 'last', 'until'].flatMap(name => [
      [{ ...voidedRange(5), [name]: undefined }],
      [voidedRange(5), { ...voidedRange(5), [name]: '5' }],
    ]),
  ]

  for (const [member, values] of [
    ['lineage', LINEAGES],
    ['voided', VOIDED],
  ] as const) {
    for (const value of values) {
      test(`whose ${member} is ${JSON.stringify(value)} was not written by the library`, () => {
        assert.throws(() => parseSession(stored({ [member]: value })), StoreUnavailableError)
      })
    }
  }
})
