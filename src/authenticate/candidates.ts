import type { Config } from '../config/table.js'
import { AuthXError, ReusedTokenError, RevokedTokenError, TokenExpiredError, UnavailableError } from '../errors.js'
import { ambiguousCookies } from '../request/cookies.js'
import type { Candidate, LocatedToken } from '../request/locate.js'
import { idOf } from '../session/rotation.js'
import type { TokenPayload } from '../token/payload.js'

/** A token of a request with its payload, verified. */
export interface Identified {
  readonly payload: TokenPayload
  readonly located: Candidate
}

/**
 * Of several cookies of one name the token that the request means: the newest of its session. What is not valid does not
 * count if anything is, and neither does what has been revoked where two sessions are left.
 * @param verify the payload of a candidate; rejects if it is not valid.
 * @param checkRevocation rejects if the store, or the blocklist, refuses a token; `undefined` if neither is asked.
 * @throws MalformedTokenRequestError if tokens of two sessions are left; why no candidate is valid, if none is.
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
  // One that is not known may be the newest, and to use an older refresh token in its place would be reuse.
  const unknown = reasons.find(reason => reason instanceof UnavailableError)
  if (unknown && candidates[0]?.type === 'refresh') throw unknown
  if (valid.length === 0) throw reasonOf(reasons)
  const newest = newestOfEachSession(valid)
  if (newest.length === 1) return newest[0] as Identified
  const { live, refused } = await askAbout(newest, checkRevocation)
  if (live.length > 1) throw severalSessions(config)
  return live[0] ?? toAnswerFor(refused)
}

interface Refused {
  readonly identified: Identified
  readonly reason: RevokedTokenError
}

/** If no session is live, a token that was used up must be noticed, in whatever order the cookies come. */
function toAnswerFor(refused: readonly Refused[]): Identified {
  const reused = refused.filter(({ reason }) => reason instanceof ReusedTokenError)
  const all = (reused.length > 0 ? reused : refused).map(({ identified }) => identified)
  return all.reduce((one, other) => (isNewer(other.payload, one.payload) ? other : one))
}

/** The same by what `verify` alone can tell at once, for who asks about no more. @throws MalformedTokenRequestError */
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
    'several cookies of one name hold valid tokens of different sessions; if their domain or path was changed, say in formerCookies where they were',
    config,
  )

/** Of the tokens of one session only the newest is kept. */
export function newestOfEachSession<Token extends { readonly payload: TokenPayload }>(
  tokens: readonly Token[],
): Token[] {
  const newest = new Map<string, Token>()
  for (const token of tokens) {
    const known = newest.get(idOf(token.payload))
    if (!known || isNewer(token.payload, known.payload)) newest.set(idOf(token.payload), token)
  }
  return [...newest.values()]
}

/** A later generation, else a later issue, else a later end: a renewal may keep the issue. */
function isNewer(one: TokenPayload, other: TokenPayload): boolean {
  const ages = ({ gen = 0, iat, exp }: TokenPayload) => [gen, iat, exp]
  const others = ages(other)
  const differing = ages(one).map((age, n) => age - Number(others[n]))
  return (differing.find(difference => difference !== 0) ?? 0) > 0
}

async function askAbout(
  tokens: readonly Identified[],
  checkRevocation: (identified: Identified) => Promise<unknown> | undefined,
): Promise<{ live: Identified[]; refused: Refused[] }> {
  const answers = await Promise.allSettled(tokens.map(token => checkRevocation(token)))
  const refused = tokens.flatMap((identified, n): Refused[] => {
    const answer = answers[n]
    if (answer?.status !== 'rejected') return []
    if (answer.reason instanceof RevokedTokenError) return [{ identified, reason: answer.reason }]
    throw answer.reason
  })
  return { live: tokens.filter((_, n) => answers[n]?.status === 'fulfilled'), refused }
}

/** Of several reasons the one to act on: what is no refusal, what is unknown, what a refresh mends, else the first. */
function reasonOf(reasons: readonly unknown[]): unknown {
  return (
    reasons.find(reason => !(reason instanceof AuthXError)) ??
    reasons.find(reason => reason instanceof UnavailableError) ??
    reasons.find(reason => reason instanceof TokenExpiredError) ??
    reasons[0]
  )
}
