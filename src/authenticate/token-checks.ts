import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import {
  AccessTokenRequiredError,
  FreshTokenRequiredError,
  LoginTypeMismatchError,
  RefreshTokenRequiredError,
} from '../errors.js'
import type { Candidate } from '../request/locate.js'
import { checkSignedByOwnKey } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { describe, isTraced, traced, type VerifyTrace } from '../tracing.js'
import { chooseCandidate, type Identified } from './candidates.js'
import type { Internals } from './internals.js'

/** The requirements for a token. */
export interface TokenRequirement {
  /** The required type of the token. Default `'access'`. */
  readonly type?: TokenType | undefined
  /** Reject a token of the other type. Default true. */
  readonly verifyType?: boolean | undefined
  /** Require a fresh token. Default false. */
  readonly verifyFresh?: boolean | undefined
  /** When and how the user must have given credentials. Default: at any time, in any way. */
  readonly freshness?: Freshness | undefined
  /**
   * Reject a token that only a key from `getKey` has signed, not a configured key. Default: true for refresh tokens,
   * false for access tokens.
   */
  readonly ownKey?: boolean | undefined
}

/** When and how the user must have given credentials, by the claims `auth_time` and `amr`. */
export interface Freshness {
  /** How long ago the user may have given credentials, seconds. Default: any time. */
  readonly withinSeconds?: number | undefined
  /** The methods that the claim `amr` must contain: all of them. Empty: none. */
  readonly amr: readonly string[]
}

/** The source of a token, and how to check it there: an HTTP request, an upgrade, or a string. */
export interface TokenSource {
  /** Returns the candidates: several if a browser sent several cookies of one name. */
  locate(): readonly Candidate[]
  /** Check signature and claims. @throws JWTDecodeError, or rejects with a JWTDecodeError. */
  verify(candidate: Candidate): TokenPayload | Promise<TokenPayload>
  /** Reject a token that a page of another site may have made the browser send. @throws CSRFError */
  checkOrigin(identified: Identified): void
  /**
   * Asks the store and the blocklist whether the token is revoked; returns `undefined` if there is neither. Rejects
   * with RevokedTokenError.
   */
  checkRevocation(identified: Identified): Promise<unknown> | undefined
}

/** What the check of a token results in: its payload; `undefined` if there is no token. */
export type Checked = TokenPayload | undefined

/**
 * Check a token. The order is the same everywhere: signature and claims, type, login type, signed by a configured key
 * (option `ownKey`), origin and CSRF value, revocation, freshness. The first failed check decides.
 * @returns the payload; `undefined` if there is no token. A promise only if there is something to wait for: the store,
 * the blocklist, `getKey` or an issuer, the choice between several cookies, or somebody who reads traces. A promise
 * costs more than the checks.
 * @throws AuthXError, or rejects with an AuthXError.
 */
export function checkToken(
  internals: Internals,
  source: TokenSource,
  requirement: TokenRequirement,
): Checked | Promise<Checked> {
  if (!isTraced('verify')) return runChecks(internals, source, requirement)
  const trace: VerifyTrace = { type: requirement.type ?? 'access' }
  return traced('verify', trace, async () => runChecks(internals, describedIn(trace, source), requirement))
}

function runChecks(
  internals: Internals,
  source: TokenSource,
  requirement: TokenRequirement,
): Checked | Promise<Checked> {
  return after(identify(internals, source, requirement), identified => {
    if (!identified) return undefined
    const unrevoked = source.checkRevocation(identified)
    if (!unrevoked) return freshPayload(identified, requirement, internals.config)
    return unrevoked.then(() => freshPayload(identified, requirement, internals.config))
  })
}

/** Checks freshness. @throws FreshTokenRequiredError */
function freshPayload(
  { payload }: Identified,
  { verifyFresh, freshness }: TokenRequirement,
  { now }: Config,
): TokenPayload {
  if (verifyFresh) checkFresh(payload)
  if (freshness) checkFreshness(payload, freshness, now())
  return payload
}

/**
 * Run the checks from signature to CSRF value, which need neither the store nor the blocklist. Returns a promise only
 * with `getKey`, for a token of an issuer, or with several candidates.
 * @throws AuthXError, or rejects with an AuthXError.
 */
export function identify(
  internals: Internals,
  source: TokenSource,
  requirement: TokenRequirement,
): Identified | Promise<Identified> | undefined {
  const candidates = source.locate()
  const [first] = candidates
  if (!first) return undefined
  // No closure and no promise here: most guarded requests take this path.
  if (candidates.length === 1) {
    const verified = source.verify(first)
    if (!(verified instanceof Promise)) return accept(internals, source, requirement, first, verified)
    return verified.then(payload => accept(internals, source, requirement, first, payload))
  }
  const read = (candidate: Candidate) =>
    after(source.verify(candidate), payload => checkKind(internals, payload, requirement))
  // To choose between sessions, ask the store even with `accessTokenRevocation: false`.
  const askStore = ({ payload }: Identified) => internals.sessions && internals.revocation.endOf(payload)
  const ask = (identified: Identified) => source.checkRevocation(identified) ?? askStore(identified)
  return chooseCandidate(candidates, read, ask, internals.config).then(identified => {
    source.checkOrigin(identified)
    return identified
  })
}

function accept(
  internals: Internals,
  source: TokenSource,
  requirement: TokenRequirement,
  located: Candidate,
  payload: TokenPayload,
): Identified {
  const identified = { payload: checkKind(internals, payload, requirement), located }
  source.checkOrigin(identified)
  return identified
}

/** Apply `next`, without a promise if possible: a promise costs more than the check. */
function after<T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Check the type and the login type of a token, and whose key has signed it. @throws AuthXError */
export function checkKind(
  internals: Internals,
  payload: TokenPayload,
  { type = 'access', verifyType = true, ownKey = payload.type === 'refresh' }: TokenRequirement,
): TokenPayload {
  if (verifyType) checkType(payload, type)
  checkLoginType(payload, internals.config)
  if (ownKey) checkSignedByOwnKey(payload)
  return payload
}

/** Wraps a source so that it writes the verified ids to the trace. */
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

/** Check the type of a token. @throws AccessTokenRequiredError, RefreshTokenRequiredError */
export function checkType(payload: TokenPayload, type: TokenType): void {
  if (payload.type === type) return
  throw type === 'access' ? new AccessTokenRequiredError() : new RefreshTokenRequiredError()
}

/** Check the login type of a token. @throws LoginTypeMismatchError */
export function checkLoginType(payload: TokenPayload, { loginType }: Config): void {
  if (loginType !== undefined && payload.login_type !== loginType) throw new LoginTypeMismatchError()
}

/** Check that a token is fresh. @throws FreshTokenRequiredError */
export function checkFresh(payload: TokenPayload): void {
  if (payload.fresh !== true) throw new FreshTokenRequiredError()
}

/**
 * Check when and how the user gave credentials, by the claims `auth_time` and `amr`. The claim `fresh` does not count.
 * @param now the time of the check, milliseconds.
 * @throws FreshTokenRequiredError
 */
export function checkFreshness({ auth_time, amr = [] }: TokenPayload, asked: Freshness, now: number): void {
  const { withinSeconds } = asked
  // `auth_time` may be in the future, because the clock of the server that wrote it may be ahead. Too far ahead is
  // refused.
  const age = auth_time === undefined ? Number.POSITIVE_INFINITY : Math.abs(now / 1000 - auth_time)
  const isRecent = withinSeconds === undefined || age <= withinSeconds
  if (isRecent && asked.amr.every(method => amr.includes(method))) return
  const maxAge = withinSeconds === undefined ? undefined : Math.floor(withinSeconds)
  throw new FreshTokenRequiredError({ maxAge, cause: isRecent ? WHY_LACKING : WHY_OLD })
}

const WHY_OLD =
  'the claim auth_time is missing or too old; check the credentials again, and call reauthenticate or login'

const WHY_LACKING =
  'the claim amr lacks a required method; check the credentials by this method, and call reauthenticate with amr'
