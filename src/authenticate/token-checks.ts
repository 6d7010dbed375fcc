import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import {
  AccessTokenRequiredError,
  FreshTokenRequiredError,
  LoginTypeMismatchError,
  RefreshTokenRequiredError,
} from '../errors.js'
import type { Candidate } from '../request/locate.js'
import type { TokenPayload } from '../token/payload.js'
import { describe, isTraced, traced, type VerifyTrace } from '../tracing.js'
import { chooseCandidate, type Identified } from './candidates.js'
import type { Internals } from './internals.js'
import { checkOwnKey } from './verification.js'

/** What is required of a token. */
export interface TokenRequirement {
  /** The type of token to look for. Default `'access'`. */
  readonly type?: TokenType | undefined
  /** Whether a token of the other type is refused. Default true. */
  readonly verifyType?: boolean | undefined
  /** Whether only a fresh token passes. Default false. */
  readonly verifyFresh?: boolean | undefined
  /** Whether a token is refused that only a key from `getKey` has signed. Default: if it is a refresh token. */
  readonly ownKey?: boolean | undefined
}

/** Where a token comes from, and how it is checked there: an HTTP request, an upgrade, or a string by itself. */
export interface TokenSource {
  /** The tokens that may be meant: several if a browser sent several cookies of one name. */
  locate(): readonly Candidate[]
  /** Check signature and claims. @throws JWTDecodeError, or rejects with one. */
  verify(candidate: Candidate): TokenPayload | Promise<TokenPayload>
  /** Refuse a token that a page of another site may have made the browser send. @throws CSRFError */
  checkOrigin(identified: Identified): void
  /** Ask the store and the blocklist; `undefined` if there is neither. Rejects with RevokedTokenError. */
  checkRevocation(identified: Identified): Promise<unknown> | undefined
}

/**
 * Check a token in the one order that the library has: signature and claims, type, login type, own key, origin and CSRF
 * value, revocation, freshness. The first check that fails gives the error.
 * @returns the payload; `undefined` if there is no token.
 * @throws AuthXError
 */
export function checkToken(
  internals: Internals,
  source: TokenSource,
  requirement: TokenRequirement,
): Promise<TokenPayload | undefined> {
  if (!isTraced('verify')) return runChecks(internals, source, requirement)
  const trace: VerifyTrace = { type: requirement.type ?? 'access' }
  return traced('verify', trace, () => runChecks(internals, describedIn(trace, source), requirement))
}

async function runChecks(
  internals: Internals,
  source: TokenSource,
  requirement: TokenRequirement,
): Promise<TokenPayload | undefined> {
  const identified = await identify(internals, source, requirement)
  if (!identified) return undefined
  await source.checkRevocation(identified)
  if (requirement.verifyFresh) checkFresh(identified.payload)
  return identified.payload
}

/**
 * The checks that ask neither the store nor the blocklist, from signature to CSRF value. A promise only if `getKey` is
 * asked, or if there are several candidates.
 * @throws AuthXError, or rejects with one.
 */
export function identify(
  internals: Internals,
  source: TokenSource,
  requirement: TokenRequirement,
): Identified | Promise<Identified> | undefined {
  const candidates = source.locate()
  const [first] = candidates
  if (!first) return undefined
  const read = (candidate: Candidate) =>
    after(source.verify(candidate), payload => checkKind(internals, candidate, payload, requirement))
  const accept = (identified: Identified) => {
    source.checkOrigin(identified)
    return identified
  }
  if (candidates.length === 1) return after(read(first), payload => accept({ payload, located: first }))
  // A session is over for the store also where it is not asked about access tokens (`accessTokenRevocation: false`).
  const askStore = ({ payload }: Identified) => internals.sessions && internals.revocation.endOf(payload)
  const ask = (identified: Identified) => source.checkRevocation(identified) ?? askStore(identified)
  return chooseCandidate(candidates, read, ask, internals.config).then(accept)
}

/** Apply `next` at once where the value is there: a promise costs each request more than the check. */
function after<T, U>(value: T | Promise<T>, next: (value: T) => U): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function checkKind(
  internals: Internals,
  { token }: Candidate,
  payload: TokenPayload,
  { type = 'access', verifyType = true, ownKey = payload.type === 'refresh' }: TokenRequirement,
): TokenPayload {
  if (verifyType) checkType(payload, type)
  checkLoginType(payload, internals.config)
  if (ownKey) checkOwnKey(internals, token)
  return payload
}

/** The source, which also notes in the trace whose token was verified. */
function describedIn(trace: VerifyTrace, source: TokenSource): TokenSource {
  const note = (payload: TokenPayload, location: TokenLocation | undefined) => {
    describe(trace, payload, location)
    return payload
  }
  return {
    locate: () => source.locate(),
    verify: candidate => after(source.verify(candidate), payload => note(payload, candidate.location)),
    checkOrigin: identified => {
      note(identified.payload, identified.located.location)
      source.checkOrigin(identified)
    },
    checkRevocation: identified => source.checkRevocation(identified),
  }
}

/** @throws AccessTokenRequiredError, RefreshTokenRequiredError */
export function checkType(payload: TokenPayload, type: TokenType): void {
  if (payload.type === type) return
  throw type === 'access' ? new AccessTokenRequiredError() : new RefreshTokenRequiredError()
}

/** @throws LoginTypeMismatchError */
export function checkLoginType(payload: TokenPayload, { loginType }: Config): void {
  if (loginType !== undefined && payload.login_type !== loginType) throw new LoginTypeMismatchError()
}

/** @throws FreshTokenRequiredError */
export function checkFresh(payload: TokenPayload): void {
  if (payload.fresh !== true) throw new FreshTokenRequiredError()
}
