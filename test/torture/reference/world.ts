import { type Exchanges, exchangeOf, isVoided, type Periods } from './exchange-rules.js'
import type { Json, Reading, TokenRules } from './token-rules.js'

/** What has happened to sessions and single tokens, as whoever did it remembers. Times are milliseconds. */
export interface World {
  readonly sessions: Map<string, KnownSession>
  /** Ids of tokens and sessions that were revoked. */
  readonly revoked: Set<string>
  /** By login type and subject, as `cutoffKey` writes them: everything up to here is over. */
  readonly cutoffs: Map<string, number>
}

export interface KnownSession extends Exchanges {
  readonly sub: string
  readonly loginType?: string
  /** Of the refresh token of this generation. */
  readonly jti: string
  readonly expiresAt: number
  /** The cut-off of its subject when it began. */
  readonly cutoff: number
}

export const emptyWorld = (): World => ({ sessions: new Map(), revoked: new Set(), cutoffs: new Map() })

/** Two login types may call different people by one name. */
export const cutoffKey = (sub: unknown, loginType: unknown) => JSON.stringify([loginType ?? '', sub])

export interface Wanted extends Partial<Periods> {
  readonly type: 'access' | 'refresh'
}

const DEFAULT_PERIODS: Periods = { graceMs: 10_000, recoveryMs: 86_400_000 }

/** Of a session that begins with a token which names none: it began when that was issued. */
const LONGEST_SESSION = 90 * 86_400

export interface Verdict extends Reading {
  /** Whether the store may be asked: only when everything that can be judged without it has passed. */
  readonly asksStore: boolean
}

const WRONG_TYPE = { access: 'AccessTokenRequiredError', refresh: 'RefreshTokenRequiredError' } as const

/** Type, login type, and what the world says of a token that `readToken` has found good. */
export function judge(reading: Reading, world: World, rules: TokenRules, wanted: Wanted): Verdict {
  const { payload } = reading
  const early = typeFaults(reading, rules, wanted)
  if (reading.good === 'no' || !payload || early.length > 0) return refusal(reading, early, false)
  const late = storeFaults(payload, world, rules, wanted)
  if (late.length > 0) return refusal(reading, late, true)
  const voided = wanted.type === 'access' ? voidedBy(payload, world, rules) : 'no'
  if (voided === 'yes') return refusal(reading, REUSED, true)
  return voided === 'no'
    ? { ...reading, asksStore: true }
    : { ...reading, good: 'perhaps', reasons: REUSED, asksStore: true }
}

/** Without the store. */
export function typeFaults({ payload, reasons }: Reading, { loginType }: TokenRules, { type }: Wanted): string[] {
  if (!payload) return [...reasons]
  if (payload.type !== type) return [WRONG_TYPE[type]]
  return loginType !== undefined && payload.login_type !== loginType ? ['LoginTypeMismatchError'] : []
}

function refusal(reading: Reading, reasons: readonly string[], asksStore: boolean): Verdict {
  const perhaps = reading.good === 'perhaps' ? reading.reasons : []
  return { good: 'no', signed: reading.signed, reasons: [...reasons, ...perhaps], asksStore }
}

const REVOKED = ['RevokedTokenError']
const REUSED = ['ReusedTokenError']

function voidedBy({ sid, gen, exp }: Json, { sessions }: World, { leeway = 0 }: TokenRules) {
  const session = sessions.get(String(sid))
  return session ? isVoided(gen, (Number(exp) + leeway) * 1000, session) : 'no'
}

function storeFaults(payload: Json, world: World, rules: TokenRules, wanted: Wanted): string[] {
  const sid = payload.sid as string | undefined
  const id = sid ?? String(payload.jti)
  const session = world.sessions.get(id)
  if (world.revoked.has(id)) return REVOKED
  if (!session) return sid === undefined && isGoodAlone(payload, world, rules, wanted) ? [] : REVOKED
  const cutoff = world.cutoffs.get(cutoffKey(session.sub, session.loginType)) ?? 0
  const isOwn = session.sub === payload.sub && session.loginType === payload.login_type
  if (!isOwn || session.cutoff < cutoff || rules.now() >= session.expiresAt) return REVOKED
  return wanted.type === 'refresh' ? generationFaults(payload, session, rules, wanted) : []
}

/** Whether the session that a payload belongs to goes on, whatever the times and the generation of the token are. */
export function isSessionLive(payload: Json, world: World, rules: TokenRules): boolean {
  const isOpen = payload.sid !== undefined || world.sessions.has(String(payload.jti))
  return isOpen && storeFaults(payload, world, rules, { type: 'access' }).length === 0
}

function isGoodAlone({ sub, iat, login_type }: Json, { cutoffs }: World, rules: TokenRules, { type }: Wanted): boolean {
  const cutoff = cutoffs.get(cutoffKey(sub, login_type))
  if (cutoff !== undefined && Number(iat) * 1000 <= cutoff) return false
  return type === 'access' || rules.now() < (Number(iat) + LONGEST_SESSION) * 1000
}

/** The table of rotation: which generations of a refresh token are good. */
function generationFaults(payload: Json, session: KnownSession, rules: TokenRules, wanted: Wanted) {
  const gen = payload.sid === undefined ? 0 : (payload.gen as number | undefined)
  if (gen === undefined || gen > session.gen + 1) return REVOKED
  if (gen === session.gen + 1 || (gen === session.gen && payload.jti === session.jti)) return []
  return exchangeOf(gen, session, rules.now(), { ...DEFAULT_PERIODS, ...wanted }) === 'reuse' ? REUSED : []
}
