/** What becomes of a refresh token of a session, said a second time: without a line of `src/`. Times are milliseconds. */

/** The refreshes of one session, as whoever was told of them remembers. */
export interface Exchanges {
  /** The current generation. */
  readonly gen: number
  /** When the grace period of the token began that was exchanged for the current one. */
  readonly rotatedAt: number
  /** The generation of that token. If left out: the one before the current. */
  readonly from?: number
  /** When that token was first exchanged. A recovery does not move it. If left out: at `rotatedAt`. */
  readonly exchangedAt?: number
  /** Nobody has used the current tokens, so the answer with them may be lost. */
  readonly isUnused?: boolean
  /** Refresh tokens that were used up before the last one and may still be within the grace period. */
  readonly older?: readonly (readonly [gen: number, at: number])[]
  /** Generations in whose place a recovery has put another. */
  readonly voided?: readonly number[]
  /** What the latest clock of a server that recovered said. */
  readonly recoveredAt?: number
}

export interface Periods {
  readonly graceMs: number
  /** 0: there is no recovery. */
  readonly recoveryMs: number
}

export type Exchange = 'rotate' | 'replay' | 'recover' | 'reuse'

/** What a refresh with the token of generation `gen` is, if it is not the current token. */
export function exchangeOf(gen: number, session: Exchanges, now: number, periods: Periods): Exchange {
  const { graceMs } = periods
  const usedUpAt = usedUp(session).find(([each]) => each === gen)?.[1]
  if (usedUpAt !== undefined && Math.abs(now - usedUpAt) < graceMs) return 'replay'
  if (gen !== fromOf(session) || !mayBeLost(session, periods)) return 'reuse'
  return now - (session.exchangedAt ?? session.rotatedAt) < periods.recoveryMs ? 'recover' : 'reuse'
}

/** The session after it, at `now`, by the token of generation `gen`. */
export function afterExchange<T extends Exchanges>(
  session: T,
  exchange: Exchange,
  gen: number,
  now: number,
  periods: Periods,
): T {
  if (exchange === 'replay') {
    // What nobody has used may be under way again.
    const isLate = mayBeLost(session, periods) && now - session.rotatedAt >= periods.graceMs / 2
    return isLate ? { ...session, rotatedAt: now, exchangedAt: session.exchangedAt ?? session.rotatedAt } : session
  }
  const next = { ...session, gen: session.gen + 1, rotatedAt: now, isUnused: true }
  if (exchange === 'recover') {
    const from = fromOf(session)
    const voided = Array.from({ length: session.gen - from }, (_, n) => from + 1 + n)
    return {
      ...next,
      from,
      exchangedAt: session.exchangedAt ?? session.rotatedAt,
      older: [],
      voided: [...(session.voided ?? []), ...voided],
      recoveredAt: Math.max(now, session.recoveredAt ?? now),
    }
  }
  const older = usedUp(session).filter(([, at]) => Math.abs(now - at) < periods.graceMs)
  return { ...next, from: gen, exchangedAt: now, older }
}

/**
 * Whether an access token of generation `gen` shows that somebody has an answer that was lost. `perhaps`: it had expired,
 * `endsAt`, by the clock of a server that recovered, which may have forgotten it.
 */
export function isVoided(gen: unknown, endsAt: number, { voided = [], recoveredAt = 0 }: Exchanges) {
  if (typeof gen !== 'number' || !voided.includes(gen)) return 'no'
  return recoveredAt >= endsAt ? 'perhaps' : 'yes'
}

const fromOf = ({ from, gen }: Exchanges) => from ?? gen - 1

const usedUp = (session: Exchanges): (readonly [gen: number, at: number])[] =>
  session.gen > 0
    ? [...(session.older ?? []), [fromOf(session), session.rotatedAt] as const]
    : [...(session.older ?? [])]

const mayBeLost = ({ isUnused = false }: Exchanges, { graceMs, recoveryMs }: Periods) =>
  isUnused && graceMs > 0 && recoveryMs > 0
