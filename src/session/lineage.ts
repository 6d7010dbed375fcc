import type { Lineage, SessionRecord, VoidedGenerations } from './record.js'

/**
 * Rules about used-up refresh tokens: which of them may be sent again, and which generations a recovery has voided.
 * Pure functions. Times are milliseconds. The glossary in ARCHITECTURE.md explains the words.
 */

/**
 * The maximum number of used-up refresh tokens that a record keeps besides the predecessor, the last one that was
 * rotated. Each is kept for its grace period. 50 are enough for a browser that restores many tabs.
 */
const MOST_OLDER = 50

/**
 * The maximum number of recovered predecessors that a record keeps in `voided`. Each is kept until the voided access
 * tokens have expired. Beyond the maximum no recovery is allowed: sending the predecessor counts as reuse. No honest
 * client loses so many responses within the life of an access token.
 */
const MOST_VOIDED = 20

/** The options that the rules about used-up tokens need. Durations are seconds. */
export interface ExchangeConfig {
  readonly refreshGracePeriod: number
  readonly refreshRecovery: number
  readonly accessTokenRevocation: boolean
  readonly decodeLeeway: number
}

/**
 * Returns the lineage of a record. If a version before 0.2.0 wrote the record, its lineage is missing or describes an
 * earlier generation. Then the current generation counts as confirmed and no recovery is allowed, because servers of
 * that version confirm nothing.
 */
export function lineageOf({ lineage, gen, rotatedAt, endsAt }: SessionRecord): Lineage {
  if (lineage?.gen === gen) return lineage
  return { gen, from: gen - 1, exchangedAt: rotatedAt, accessEndsAt: endsAt, confirmed: true, older: [] }
}

/**
 * When (milliseconds) the current tokens were last given out: by the exchange that made them, or by a replay in the
 * second half of the grace period while the generation was not confirmed.
 */
const givenAt = (record: SessionRecord) => lineageOf(record).givenAt ?? record.rotatedAt

/**
 * When (milliseconds) the grace period of the refresh token of generation `gen` began. `undefined` if the token was not
 * exchanged, or if the record does not keep it any more.
 */
export function exchangedAt(record: SessionRecord, gen: number): number | undefined {
  const { from, older } = lineageOf(record)
  return gen === from ? givenAt(record) : older.find(([each]) => each === gen)?.[1]
}

/**
 * Whether `now` is within the grace period that began at `at`; both milliseconds. A `now` before `at` counts too,
 * because the clocks of two servers may differ.
 */
export const isInGrace = (at: number, now: number, { refreshGracePeriod }: ExchangeConfig) =>
  Math.abs(now - at) < refreshGracePeriod * 1000

/**
 * Whether the current generation came from an exchange and is not confirmed yet. Always false if recovery is off,
 * because only recovery uses the result. Recovery is also off with `accessTokenRevocation: false`: guards do not ask
 * the store then, so they cannot confirm.
 */
export function isUnconfirmed(record: SessionRecord, config: ExchangeConfig): boolean {
  const { refreshRecovery, refreshGracePeriod, accessTokenRevocation } = config
  if (refreshRecovery === 0 || refreshGracePeriod === 0 || !accessTokenRevocation) return false
  const { lineage, gen } = record
  return lineage?.gen === gen && lineage.from >= 0 && !lineage.confirmed
}

/** Returns the record with its generation confirmed. */
export const confirmed = (record: SessionRecord): SessionRecord => ({
  ...record,
  lineage: { ...lineageOf(record), confirmed: true },
})

/**
 * Whether a recovery is allowed: the predecessor gets a new generation, because the response with the current one was
 * lost.
 */
export function isRecoverable(record: SessionRecord, now: number, config: ExchangeConfig): boolean {
  if (!isUnconfirmed(record, config)) return false
  if (now - lineageOf(record).exchangedAt >= config.refreshRecovery * 1000) return false
  return voidedAfter(record, now, config).length <= MOST_VOIDED
}

/**
 * Whether a recovery has voided the tokens of generation `gen`. False again after all access tokens of the generation
 * have expired and the record has dropped the generation.
 */
export const isVoided = ({ voided }: SessionRecord, gen: number): boolean =>
  voided?.some(({ first, last }) => gen >= first && gen <= last) ?? false

/**
 * Returns the voided generations after a recovery at `now`: the one that the recovery replaces, and earlier ones whose
 * access tokens may still be valid.
 */
export function voidedAfter(
  record: SessionRecord,
  now: number,
  { refreshGracePeriod, decodeLeeway }: ExchangeConfig,
): readonly VoidedGenerations[] {
  const { from, accessEndsAt } = lineageOf(record)
  // `givenAgain` does not record an access token that expires at most two grace periods after `accessEndsAt`.
  const until = accessEndsAt + (2 * refreshGracePeriod + decodeLeeway) * 1000
  const others = (record.voided ?? []).filter(({ first, until }) => first !== from + 1 && until > now)
  const before = record.voided?.find(({ first }) => first === from + 1)
  return [...others, { first: from + 1, last: record.gen, until: Math.max(until, before?.until ?? 0) }]
}

/** Returns the lineage after a rotation at `now`: the token of generation `from` was exchanged for generation `gen`. */
export function rotated(
  before: SessionRecord,
  { from, gen, accessEndsAt, now }: { from: number; gen: number; accessEndsAt: number; now: number },
  config: ExchangeConfig,
): Lineage {
  const { from: last, older } = lineageOf(before)
  const exchanged = last < 0 ? older : [...older, [last, givenAt(before)] as const]
  const young = exchanged.filter(([each, at]) => each !== from && isInGrace(at, now, config)).slice(-MOST_OLDER)
  return { gen, from, exchangedAt: now, accessEndsAt, older: young }
}

/**
 * Returns the record after a replay at `now`. The access token of the replay ends at `accessEndsAt`. Returns `record`
 * itself, so that nothing is written, if the generation is confirmed or recovery is off. It does so too if the tokens
 * were given out less than half a grace period ago and the new access token does not end much later than the others of
 * the generation. Because of this, few writes are needed even if there are many replays at the same time.
 */
export function givenAgain(
  record: SessionRecord,
  { now, accessEndsAt }: { now: number; accessEndsAt: number },
  config: ExchangeConfig,
): SessionRecord {
  const { lineage } = record
  if (!lineage || !isUnconfirmed(record, config)) return record
  const grace = config.refreshGracePeriod * 1000
  const endsLater = accessEndsAt > lineage.accessEndsAt + 2 * grace
  const isOld = now - givenAt(record) >= grace / 2
  if (!endsLater && !isOld) return record
  const latest = Math.max(accessEndsAt, lineage.accessEndsAt)
  return { ...record, lineage: { ...lineage, accessEndsAt: latest, ...(isOld && { givenAt: now }) } }
}

/**
 * Returns the lineage after a recovery that made generation `gen`. The predecessor stays the same, because the response
 * of the recovery may be lost too.
 */
export function recovered(before: SessionRecord, gen: number, accessEndsAt: number): Lineage {
  const { from, exchangedAt } = lineageOf(before)
  return { gen, from, exchangedAt, accessEndsAt, older: [] }
}
