import type { Config } from '../config/table.js'
import { AuthXError, ReusedTokenError, RevokedTokenError, TokenExpiredError, UnavailableError } from '../errors.js'
import { ambiguousCookies } from '../request/cookies.js'
import type { Candidate, LocatedToken } from '../request/locate.js'
import { idOf } from '../session/rotation.js'
import { issuerOf } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'

/** A verified token with its payload. */
export interface Identified {
  readonly payload: TokenPayload
  readonly located: Candidate
}

/**
 * Choose one token if a request has several cookies of one name. Invalid tokens are ignored if there is a valid one. Of
 * the valid tokens of one session, the newest counts. If tokens of several sessions remain, revoked ones are ignored
 * too.
 * @param verify returns the payload of a candidate; rejects if it is invalid.
 * @param checkRevocation rejects if the store or the blocklist rejects a token; `undefined` if neither is asked.
 * @throws MalformedTokenRequestError if tokens of several sessions remain; the error of a candidate if none is valid.
 */
export async function chooseCandidate(
  candidates: readonly Candidate[],
  verify: (located: Candidate) => TokenPayload | Promise<TokenPayload>,
  checkRevocation: (identified: Identified) => Promise<unknown> | undefined,
  config: Config,
): Promise<Identified> {
  const read = async (located: Candidate) => ({ located, payload: await verify(located) })
  const results = await Promise.allSettled(candidates.map(read))
  const valid = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const reasons = results.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
  // A token that cannot be checked may be the newest. Using an older refresh token instead would count as reuse.
  const unknown = reasons.find(reason => reason instanceof UnavailableError)
  if (unknown && candidates[0]?.type === 'refresh') throw unknown
  if (valid.length === 0) throw reasonOf(reasons)
  const newest = newestOfEachSession(valid)
  return newest.length > 1 ? chooseSession(newest, checkRevocation, config) : (newest[0] as Identified)
}

/**
 * From tokens of several sessions, choose the token whose session is live. The order of `tokens` does not matter. If no
 * session is live, but some tokens are used up, choose the used-up token that was issued last: its reuse is then
 * detected, even if there is also a cookie of an ended session.
 * @throws MalformedTokenRequestError if several sessions are live; otherwise the error of the first token.
 */
async function chooseSession(
  tokens: readonly Identified[],
  checkRevocation: (identified: Identified) => Promise<unknown> | undefined,
  config: Config,
): Promise<Identified> {
  const refusals = await refusalsOf(tokens, checkRevocation)
  const [live, ...others] = tokens.filter(token => !refusals.has(token))
  if (others.length > 0) throw severalSessions(config)
  const chosen = live ?? newestOf(tokens.filter(token => refusals.get(token) instanceof ReusedTokenError))
  if (chosen) return chosen
  throw refusals.get(tokens[0] as Identified)
}

/** Choose one token if there are several, without `getKey` and the store. @throws MalformedTokenRequestError */
export function chooseAtOnce(
  candidates: readonly LocatedToken[],
  verify: (located: LocatedToken) => TokenPayload,
  config: Config,
): LocatedToken {
  const valid = candidates.flatMap(located => {
    try {
      return [{ located, payload: verify(located) }]
    } catch {
      return []
    }
  })
  const [newest, ...others] = newestOfEachSession(valid)
  if (newest && others.length === 0) return newest.located
  throw newest ? severalSessions(config) : ambiguousCookies('several different cookies of one name, none valid', config)
}

const severalSessions = (config: Config) =>
  ambiguousCookies(
    'several cookies of one name have valid tokens of different sessions; if cookieDomain, a cookie path or cookiePartitioned was changed, set formerCookies',
    config,
  )

/** Returns the newest token of each session. */
export function newestOfEachSession<Token extends { readonly payload: TokenPayload }>(
  tokens: readonly Token[],
): Token[] {
  const newest = new Map<string, Token>()
  for (const token of tokens) {
    const login = loginOf(token.payload)
    const known = newest.get(login)
    if (!known || isNewer(token.payload, known.payload)) newest.set(login, token)
  }
  return [...newest.values()]
}

/**
 * Returns an id of the login of a verified token: its session or, without a session, the token. An issuer's ids are kept
 * apart from ours: an issuer's token never counts as one of our sessions.
 */
export const loginOf = (payload: TokenPayload): string => JSON.stringify([issuerOf(payload) ?? '', idOf(payload)])

/**
 * Whether `one` is newer than `other`. Compares generation, then `iat`, then `exp`: a renewed token may have the same
 * `iat`.
 */
function isNewer(one: TokenPayload, other: TokenPayload): boolean {
  const ages = ({ gen = 0, iat, exp }: TokenPayload) => [gen, iat, exp]
  const others = ages(other)
  const differing = ages(one).map((age, n) => age - Number(others[n]))
  return (differing.find(difference => difference !== 0) ?? 0) > 0
}

/** Returns the token that was issued last. If two have the same `iat`, `jti` decides. `undefined` for an empty list. */
function newestOf(tokens: readonly Identified[]): Identified | undefined {
  const isLater = ({ payload: one }: Identified, { payload: other }: Identified) =>
    one.iat === other.iat ? one.jti > other.jti : one.iat > other.iat
  const [first, ...others] = tokens
  return others.reduce((last, token) => (last && isLater(token, last) ? token : last), first)
}

/** Returns the error of each token that is revoked or used up. @throws any other error, such as UnavailableError. */
async function refusalsOf(
  tokens: readonly Identified[],
  checkRevocation: (identified: Identified) => Promise<unknown> | undefined,
): Promise<Map<Identified, RevokedTokenError>> {
  const answers = await Promise.allSettled(tokens.map(token => checkRevocation(token)))
  const refusals = new Map<Identified, RevokedTokenError>()
  for (const [n, answer] of answers.entries()) {
    if (answer.status === 'fulfilled') continue
    if (!(answer.reason instanceof RevokedTokenError)) throw answer.reason
    refusals.set(tokens[n] as Identified, answer.reason)
  }
  return refusals
}

/**
 * Chooses the error to report, in this order: an error that is not an AuthXError (a bug), an outage, an expired token
 * (a refresh helps), the first error.
 */
function reasonOf(reasons: readonly unknown[]): unknown {
  return (
    reasons.find(reason => !(reason instanceof AuthXError)) ??
    reasons.find(reason => reason instanceof UnavailableError) ??
    reasons.find(reason => reason instanceof TokenExpiredError) ??
    reasons[0]
  )
}
