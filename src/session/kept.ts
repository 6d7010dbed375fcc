import type { Config } from '../config/table.js'
import type { TokenPayload } from '../token/payload.js'
import { KEPT_AFTER_EXP, type SessionRecord } from './record.js'

/**
 * How long the store keeps the records by which tokens are refused, as pure functions. Times are milliseconds, except
 * claims.
 */

/**
 * Until when (milliseconds) to keep the record by which a token without a session is refused. If the clock of this
 * server is fast, the token's end seems nearer than it is, so the whole life of the token is counted from now.
 */
const keptForLife = (beganAt: number, endsAt: number, now: number) =>
  Math.max(endsAt, now + endsAt - beganAt) + KEPT_AFTER_EXP

/**
 * Until when (milliseconds) to keep a live record. If a token without a `sid` opened the session, the record must exist
 * as long as this token is valid. Otherwise the token could open the session again.
 */
export function recordKeptUntil({ keptUntil, openerExp, createdAt }: SessionRecord, now: number): number {
  return openerExp === undefined ? keptUntil : Math.max(keptUntil, keptForLife(createdAt, openerExp * 1000, now))
}

/**
 * Until when (milliseconds) to keep the tombstone of a session. Tokens with a `sid` are refused even without the
 * tombstone, which only gives the reason. But a token without a `sid` that opened the session could open it again if
 * there were no tombstone.
 */
export function tombstoneKeptUntil(record: SessionRecord, now: number): number {
  const { createdAt, expiresAt, keptUntil, openerExp } = record
  if (openerExp !== undefined) return keptForLife(createdAt, openerExp * 1000, now)
  // Version 0.1.0 wrote no openerExp. In its records, keptUntil is as late as the absolute end only if a token without
  // a sid opened the session.
  return keptUntil >= expiresAt + KEPT_AFTER_EXP ? keptUntil : now + KEPT_AFTER_EXP
}

/**
 * Until when (milliseconds) to refuse a token without a session: until the token, and all tokens that renewals could
 * make from it, have expired.
 */
export function tokenKeptUntil(
  { iat, exp, renewable }: Pick<TokenPayload, 'iat' | 'exp' | 'renewable'>,
  now: number,
  { sessionExpires }: Pick<Config, 'sessionExpires'>,
): number {
  const end = renewable === true ? Math.max(exp, iat + sessionExpires) : exp
  return keptForLife(iat * 1000, end * 1000, now)
}
