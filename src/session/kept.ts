import type { Config } from '../config/table.js'
import type { TokenPayload } from '../token/payload.js'
import { KEPT_AFTER_EXP, type SessionRecord } from './record.js'

/** For how long the store keeps what refuses tokens, as pure functions. Times are milliseconds but for claims. */

/**
 * Until when to keep what refuses a token that names no session. To a clock that is ahead less of its life is left than
 * there is: the whole of it is counted from now.
 */
const keptForLife = (beganAt: number, endsAt: number, now: number) =>
  Math.max(endsAt, now + endsAt - beganAt) + KEPT_AFTER_EXP

/** Until when (milliseconds) to keep a live record, so that a token that opened it cannot open it again. */
export function recordKeptUntil({ keptUntil, openerExp, createdAt }: SessionRecord, now: number): number {
  return openerExp === undefined ? keptUntil : Math.max(keptUntil, keptForLife(createdAt, openerExp * 1000, now))
}

/**
 * Until when (milliseconds) to keep what takes the place of a session's record. Tokens that name a session are refused
 * without it: it says why for a while. One that names none has opened the session, and would open it again.
 */
export function tombstoneKeptUntil(record: SessionRecord, now: number): number {
  const { createdAt, expiresAt, keptUntil, openerExp } = record
  if (openerExp !== undefined) return keptForLife(createdAt, openerExp * 1000, now)
  // Version 0.1.0 wrote no openerExp, and kept only sessions that were opened in this way until their absolute end.
  return keptUntil >= expiresAt + KEPT_AFTER_EXP ? keptUntil : now + KEPT_AFTER_EXP
}

/** Until when (milliseconds) to refuse a token that names no session: while it, or what it is renewed to, can be good. */
export function tokenKeptUntil(
  { iat, exp, renewable }: Pick<TokenPayload, 'iat' | 'exp' | 'renewable'>,
  now: number,
  { sessionExpires }: Pick<Config, 'sessionExpires'>,
): number {
  const end = renewable === true ? Math.max(exp, iat + sessionExpires) : exp
  return keptForLife(iat * 1000, end * 1000, now)
}
