import type { Lineage, SessionRecord, VoidedGenerations } from './record.js'

/**
 * Which used-up tokens of a session may still be exchanged, and which generations are voided. Pure functions; times are
 * milliseconds.
 */

/** Used-up tokens are kept for the grace period. This is enough for a browser that restores many tabs. */
const MOST_OLDER = 50

/** With more, a lost response ends the session. Only a client that tries loses so many within an access token's life. */
const MOST_VOIDED = 20

/** The options that decide about used-up tokens. Durations are seconds. */
export interface ExchangeConfig {
  readonly refreshGracePeriod: number
  readonly refreshRecovery: number
  readonly accessTokenRevocation: boolean
  readonly decodeLeeway: number
}

/**
 * Returns the lineage of a record. A record of an older version has none, or one of an earlier generation. It allows no
 * recovery then, because access tokens of that version confirm nothing.
 */
export function lineageOf({ lineage, gen, rotatedAt, endsAt }: SessionRecord): Lineage {
  if (lineage?.gen === gen) return lineage
  return { gen, from: gen - 1, exchangedAt: rotatedAt, accessEndsAt: endsAt, confirmed: true, older: [] }
}

/** When the current tokens were last given out. Until they are used, a late replay counts: its response may be lost too. */
const givenAt = (record: SessionRecord) => lineageOf(record).givenAt ?? record.rotatedAt

/** When the grace period of a generation's token began; `undefined` if it was not exchanged, or too long ago. */
export function exchangedAt(record: SessionRecord, gen: number): number | undefined {
  const { from, older } = lineageOf(record)
  return gen === from ? givenAt(record) : older.find(([each]) => each === gen)?.[1]
}

/** Whether `now` is within the grace period of `at`, in both directions: the clocks of two servers may differ. */
export const isInGrace = (at: number, now: number, { refreshGracePeriod }: ExchangeConfig) =>
  Math.abs(now - at) < refreshGracePeriod * 1000

/**
 * Whether the current generation came from an exchange and is not confirmed. False if recovery is off: guards that do
 * not ask the store confirm nothing, and without recovery there is nothing to confirm.
 */
export function isUnconfirmed(record: SessionRecord, config: ExchangeConfig): boolean {
  const { refreshRecovery, refreshGracePeriod, accessTokenRevocation } = config
  if (refreshRecovery === 0 || refreshGracePeriod === 0 || !accessTokenRevocation) return false
  const { from, confirmed } = lineageOf(record)
  return from >= 0 && !confirmed
}

/** Returns the record with its generation confirmed. */
export const confirmed = (record: SessionRecord): SessionRecord => ({
  ...record,
  lineage: { ...lineageOf(record), confirmed: true },
})

/** Whether the predecessor may get a new generation, because the response with the current one was lost. */
export function isRecoverable(record: SessionRecord, now: number, config: ExchangeConfig): boolean {
  if (!isUnconfirmed(record, config)) return false
  if (now - lineageOf(record).exchangedAt >= config.refreshRecovery * 1000) return false
  return voidedAfter(record, now, config).length <= MOST_VOIDED
}

/** Whether a recovery has voided the tokens of a generation. */
export const isVoided = ({ voided = [] }: SessionRecord, gen: number) =>
  voided.some(({ first, last }) => gen >= first && gen <= last)

/** Returns the voided generations after a recovery at `now`, without those whose access tokens have expired. */
export function voidedAfter(
  record: SessionRecord,
  now: number,
  { refreshGracePeriod, decodeLeeway }: ExchangeConfig,
): readonly VoidedGenerations[] {
  const { from, accessEndsAt } = lineageOf(record)
  // The access token of a replay may end later by this, without a note in the record.
  const until = accessEndsAt + (2 * refreshGracePeriod + decodeLeeway) * 1000
  const others = (record.voided ?? []).filter(({ first, until }) => first !== from + 1 && until > now)
  const before = record.voided?.find(({ first }) => first === from + 1)
  return [...others, { first: from + 1, last: record.gen, until: Math.max(until, before?.until ?? 0) }]
}

/** Returns the lineage after the token of generation `from` was exchanged for generation `gen` at `now`. */
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
 * Returns the record after a replay at `now` with an access token that ends at `accessEndsAt`. It is the same record if
 * nothing has to be remembered, so that many replays at the same time need few writes: the tokens were given out less
 * than half a grace period ago, and the token ends when others of this generation do.
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

/** Returns the lineage after a recovery. The predecessor stays, because the next response may be lost too. */
export function recovered(before: SessionRecord, gen: number, accessEndsAt: number): Lineage {
  const { from, exchangedAt } = lineageOf(before)
  return { gen, from, exchangedAt, accessEndsAt, older: [] }
}
