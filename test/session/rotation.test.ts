import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordKeptUntil, tokenKeptUntil, tombstoneKeptUntil } from '../../src/session/kept.js'
import type { SessionRecord, SubjectRecord, Tombstone } from '../../src/session/record.js'
import {
  assess,
  type Decision,
  decide,
  type Presented,
  reauthenticated,
  recordBefore,
  successor,
} from '../../src/session/rotation.js'

/** Ten seconds of grace, ninety days of session; the login was at NOW - 1 hour, the last rotation 5 seconds ago. */
const CONFIG = {
  refreshGracePeriod: 10,
  refreshRecovery: 86_400,
  accessTokenRevocation: true,
  sessionExpires: 90 * 86_400,
  decodeLeeway: 0,
}
const NOW = 1_800_000_000_000
const LOGIN = NOW - 3_600_000

const RECORD: SessionRecord = {
  sub: 'ada',
  gen: 3,
  cutoff: 100,
  createdAt: LOGIN,
  rotatedAt: NOW - 5_000,
  lastActiveAt: NOW - 5_000,
  expiresAt: LOGIN + CONFIG.sessionExpires * 1000,
  endsAt: NOW + 86_400_000,
  keptUntil: LOGIN + CONFIG.sessionExpires * 1000 + 600_000,
  jti: 'third',
  iat: NOW / 1000 - 5,
  exp: NOW / 1000 + 86_400,
  device: {},
}
const TOMBSTONE: Tombstone = { revoked: true }

const TOKEN: Presented = {
  sub: 'ada',
  jti: 'third',
  type: 'refresh',
  iat: RECORD.iat,
  exp: RECORD.exp,
  sid: 's',
  gen: 3,
}
const LONER: Presented = { sub: 'ada', jti: 'loner', type: 'refresh', iat: LOGIN / 1000, exp: RECORD.exp }

interface Row {
  says: string
  record?: SessionRecord | Tombstone | undefined
  subject?: SubjectRecord
  token?: Presented
  now?: number
  grace?: number
  outcome: Decision['outcome']
  gen?: number
  rollback?: boolean
}

const TABLE: Row[] = [
  { says: 'no record, and the token names a session', record: undefined, outcome: 'revoked' },
  { says: 'a tombstone', record: TOMBSTONE, outcome: 'revoked' },
  { says: 'a tombstone for a token that names no session', record: TOMBSTONE, token: LONER, outcome: 'revoked' },
  { says: 'a session past its absolute end', now: RECORD.expiresAt, outcome: 'revoked' },
  { says: 'a session in its last millisecond', now: RECORD.expiresAt - 1, outcome: 'rotate', gen: 4 },
  { says: 'a session below the cut-off', subject: { cutoff: 101 }, outcome: 'revoked' },
  { says: 'a session at the cut-off that its login read', subject: { cutoff: 100 }, outcome: 'rotate', gen: 4 },
  { says: 'a session that was excepted', subject: { cutoff: 101, except: 's' }, outcome: 'rotate', gen: 4 },
  { says: 'another session that was excepted', subject: { cutoff: 101, except: 'x' }, outcome: 'revoked' },
  { says: "somebody else's session", token: { ...TOKEN, sub: 'eve' }, outcome: 'revoked' },
  { says: 'a token that names a session but no generation', token: { ...TOKEN, gen: undefined }, outcome: 'revoked' },

  { says: 'the current token', outcome: 'rotate', gen: 4 },
  { says: 'another token of the current generation', token: { ...TOKEN, jti: 'fork' }, outcome: 'reuse' },
  { says: 'the predecessor, in time', token: { ...TOKEN, gen: 2, jti: 'second' }, outcome: 'replay' },
  {
    says: 'the predecessor, a millisecond before the end',
    token: { ...TOKEN, gen: 2 },
    now: NOW + 4_999,
    outcome: 'replay',
  },
  {
    says: 'the predecessor, when the grace period is over',
    token: { ...TOKEN, gen: 2 },
    now: NOW + 5_000,
    outcome: 'reuse',
  },
  { says: 'the predecessor, a clock behind', token: { ...TOKEN, gen: 2 }, now: NOW - 14_999, outcome: 'replay' },
  { says: 'the predecessor, a clock too far behind', token: { ...TOKEN, gen: 2 }, now: NOW - 15_000, outcome: 'reuse' },
  {
    says: 'the predecessor without a grace period',
    token: { ...TOKEN, gen: 2 },
    now: NOW - 5_000,
    grace: 0,
    outcome: 'reuse',
  },
  { says: 'a token before the predecessor', token: { ...TOKEN, gen: 1 }, outcome: 'reuse' },
  {
    says: 'a token one ahead of the store',
    token: { ...TOKEN, gen: 4, jti: 'lost' },
    outcome: 'rotate',
    gen: 5,
    rollback: true,
  },
  { says: 'a token further ahead', token: { ...TOKEN, gen: 5, jti: 'lost' }, outcome: 'revoked' },

  {
    says: 'a token that names no session and is not known',
    record: undefined,
    token: LONER,
    outcome: 'rotate',
    gen: 1,
  },
  {
    says: 'a loner issued in the second of the cut-off',
    record: undefined,
    token: LONER,
    subject: { cutoff: LOGIN },
    outcome: 'revoked',
  },
  {
    says: 'a loner issued after the cut-off',
    record: undefined,
    token: LONER,
    subject: { cutoff: LOGIN - 1 },
    outcome: 'rotate',
    gen: 1,
  },
  {
    says: 'a loner older than any session',
    record: undefined,
    token: LONER,
    now: RECORD.expiresAt,
    outcome: 'revoked',
  },
  {
    says: 'a loner that has opened a session just now',
    record: { ...RECORD, gen: 1 },
    token: LONER,
    outcome: 'replay',
  },
  { says: 'a loner that opened its session long ago', token: LONER, outcome: 'reuse' },
]

for (const row of TABLE) {
  const { says, token = TOKEN, subject = { cutoff: 0 }, now = NOW, grace = CONFIG.refreshGracePeriod } = row
  const record = 'record' in row ? row.record : RECORD
  const config = { ...CONFIG, refreshGracePeriod: grace }

  test(`${says}: ${row.outcome}`, () => {
    const decision = decide(token, { record, subject }, now, config)
    assert.equal(decision.outcome, row.outcome)
    if (decision.outcome !== 'rotate') return
    assert.equal(decision.gen, row.gen)
    assert.equal(decision.rollback, row.rollback ?? false)
  })

  test(`${says}: a refresh guard ${['rotate', 'replay'].includes(row.outcome) ? 'lets it pass' : 'refuses it'}`, () => {
    const { outcome } = assess(token, { record, subject }, now, config)
    assert.equal(outcome, ['rotate', 'replay'].includes(row.outcome) ? 'good' : row.outcome)
  })
}

const ACCESS: Presented = { ...TOKEN, type: 'access', jti: 'a', gen: undefined }
const { sid: _, ...LONE_ACCESS } = ACCESS

const ACCESS_TABLE: {
  says: string
  record?: Row['record']
  subject?: SubjectRecord
  token?: Presented
  good: boolean
}[] = [
  { says: 'of a live session', record: RECORD, good: true },
  { says: 'of a session that the store does not hold', good: false },
  { says: 'of a revoked session', record: TOMBSTONE, good: false },
  { says: 'of a session below the cut-off', record: RECORD, subject: { cutoff: 101 }, good: false },
  { says: "of somebody else's session", record: RECORD, token: { ...ACCESS, sub: 'eve' }, good: false },
  { says: 'of a session in its last millisecond', record: { ...RECORD, endsAt: NOW + 1 }, good: true },
  { says: 'of a session whose last token has expired', record: { ...RECORD, endsAt: NOW }, good: false },
  { says: 'without a session', token: LONE_ACCESS, good: true },
  { says: 'without a session, revoked by itself', record: TOMBSTONE, token: LONE_ACCESS, good: false },
  {
    says: 'without a session, issued in the second of the cut-off',
    subject: { cutoff: ACCESS.iat * 1000 },
    token: LONE_ACCESS,
    good: false,
  },
  {
    says: 'without a session, issued after the cut-off',
    subject: { cutoff: ACCESS.iat * 1000 - 1 },
    token: LONE_ACCESS,
    good: true,
  },
]

for (const { says, record, subject = { cutoff: 0 }, token = ACCESS, good } of ACCESS_TABLE) {
  test(`an access token ${says} is ${good ? 'good' : 'revoked'}`, () => {
    assert.equal(assess(token, { record, subject }, NOW, CONFIG).outcome, good ? 'good' : 'revoked')
  })
}

const CHANGE = { outcome: 'rotate' as const, gen: 4, jti: 'fourth', accessExp: NOW / 1000 + 900, now: NOW }

test('a successor lives as long as its predecessor was meant to, from now on', () => {
  const record = successor({ ...TOKEN, iat: 1000, exp: 1000 + 3600 }, RECORD, CHANGE, CONFIG)
  assert.equal(record.exp, NOW / 1000 + 3600)
  assert.equal(record.rotatedAt, NOW)
  assert.deepEqual([record.gen, record.jti, record.iat], [4, 'fourth', NOW / 1000])
})

test('no successor outlives the absolute end of its session', () => {
  const now = RECORD.expiresAt - 10_000
  const record = successor(TOKEN, RECORD, { ...CHANGE, now }, CONFIG)
  assert.equal(record.exp, Math.floor(RECORD.expiresAt / 1000))
  assert.equal(record.expiresAt, RECORD.expiresAt)
})

test('a record is kept ten minutes longer than the last of its tokens', () => {
  const before = { ...RECORD, keptUntil: 0 }
  const accessExp = NOW / 1000 + 400 * 86_400
  assert.equal(successor(TOKEN, before, { ...CHANGE, accessExp }, CONFIG).keptUntil, accessExp * 1000 + 600_000)
})

test('a session opened by a lone token began when that token was issued, and is kept until after its end', () => {
  const before = recordBefore(LONER, { record: undefined, subject: { cutoff: 7 } }, CONFIG)
  const record = successor(LONER, before, { ...CHANGE, gen: 1 }, CONFIG)
  assert.equal(record.createdAt, LOGIN)
  assert.equal(record.expiresAt, LOGIN + CONFIG.sessionExpires * 1000)
  assert.equal(record.keptUntil, record.expiresAt + 600_000)
  assert.equal(record.cutoff, 7)
})

test('credentials given again change no generation and no refresh token, and add their methods', () => {
  const before = { ...RECORD, authTime: 5, amr: ['pwd'] }
  const again = { amr: ['otp', 'pwd'], accessExp: NOW / 1000 + 900, now: NOW + 400 }
  const { authTime, amr, lastActiveAt, activeBefore, ...others } = reauthenticated(before, again)
  assert.deepEqual([authTime, amr, lastActiveAt], [NOW / 1000, ['pwd', 'otp'], NOW + 400])
  const { lastActiveAt: _, ...unchanged } = RECORD
  assert.deepEqual(others, unchanged)
  assert.ok(!('amr' in reauthenticated(RECORD, { ...again, amr: [] })))
})

test('credentials given again keep the record for the new access token', () => {
  const accessExp = NOW / 1000 + 400 * 86_400
  const { endsAt, keptUntil, expiresAt } = reauthenticated(RECORD, { amr: [], accessExp, now: NOW })
  assert.deepEqual([endsAt, keptUntil, expiresAt], [accessExp * 1000, accessExp * 1000 + 600_000, RECORD.expiresAt])
})

const TEN_MINUTES = 600_000
const DAY = 86_400_000

test('what takes the place of a login is kept for ten minutes, whatever its tokens last', () => {
  const record = { ...RECORD, keptUntil: RECORD.expiresAt - 1 }
  assert.equal(tombstoneKeptUntil(record, NOW), NOW + TEN_MINUTES)
  assert.equal(recordKeptUntil(record, NOW), record.keptUntil)
})

test('what refuses the token that opened a session is kept for the life of that token, by every clock', () => {
  const opener = { ...LONER, exp: LOGIN / 1000 + 200 * 86_400 }
  const record = recordBefore(opener, { record: undefined, subject: { cutoff: 0 } }, CONFIG)
  assert.equal(record.openerExp, opener.exp)
  for (const ahead of [0, TEN_MINUTES, DAY, 365 * DAY]) {
    const now = LOGIN + ahead
    assert.equal(tombstoneKeptUntil(record, now), now + 200 * DAY + TEN_MINUTES)
    assert.equal(recordKeptUntil(record, now), now + 200 * DAY + TEN_MINUTES)
  }
  assert.equal(tombstoneKeptUntil(record, LOGIN - 365 * DAY), opener.exp * 1000 + TEN_MINUTES)
})

test('what refuses a token that names no session is kept for its life, and for that of its renewals', () => {
  const token: Presented = { ...LONER, type: 'access', exp: LOGIN / 1000 + 900 }
  assert.equal(tokenKeptUntil(token, LOGIN, CONFIG), LOGIN + 900_000 + TEN_MINUTES)
  assert.equal(tokenKeptUntil({ ...token, renewable: true }, LOGIN, CONFIG), LOGIN + 90 * DAY + TEN_MINUTES)
  const renewed = { ...token, renewable: true, exp: LOGIN / 1000 + 100 * 86_400 }
  assert.equal(tokenKeptUntil(renewed, LOGIN, CONFIG), LOGIN + 100 * DAY + TEN_MINUTES)
})
