import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import {
  AccessTokenRequiredError,
  FreshTokenRequiredError,
  LoginTypeMismatchError,
  MissingTokenError,
  RefreshTokenRequiredError,
} from '../errors.js'
import { checkCsrf } from '../request/csrf.js'
import { hasUnparsedBody, hasUnparsedJson, type LocatedToken, locate, warnAboutBody } from '../request/locate.js'
import { checkUpgradeOrigin } from '../request/origin.js'
import type { TokenPayload } from '../token/payload.js'
import { describe, isTraced, traced, type VerifyTrace } from '../tracing.js'
import { chooseCandidate, type Identified } from './candidates.js'
import type { AuthContext, Parts } from './parts.js'
import { checkOwnKey, verifyToken } from './verification.js'

/** What a guard asks of a token. */
export interface Requirement {
  /** Which token is looked for, and has to be found. Default `'access'`. */
  readonly type?: TokenType | undefined
  /** Whether a token of the other type is refused. Default true. */
  readonly verifyType?: boolean | undefined
  /** Whether only a fresh token will do. Default false. */
  readonly verifyFresh?: boolean | undefined
  /** Whether a token from a cookie needs its CSRF value. Default: if the method is one of `csrfMethods`. */
  readonly verifyCsrf?: boolean | undefined
  /** Where to look. Default: `tokenLocation`. */
  readonly locations?: readonly TokenLocation[] | undefined
  /** Whether a token is refused that only a key from `getKey` has signed. Default: if it is a refresh token. */
  readonly ownKey?: boolean | undefined
}

/**
 * Judge the token of a request. The order is that in which reasons are given: the first that fails answers.
 * @returns the payload, or `undefined` if there is no token at all.
 * @throws AuthXError
 */
export function authenticate(
  parts: Parts,
  ctx: AuthContext,
  requirement: Requirement,
): Promise<TokenPayload | undefined> {
  if (!isTraced('verify')) return judge(parts, ctx, requirement)
  const trace: VerifyTrace = { type: requirement.type ?? 'access' }
  return traced('verify', trace, () => judge(parts, ctx, requirement, trace))
}

async function judge(
  parts: Parts,
  ctx: AuthContext,
  requirement: Requirement,
  trace?: VerifyTrace,
): Promise<TokenPayload | undefined> {
  const identified = await identify(parts, ctx, requirement)
  if (!identified) return undefined
  const { payload } = identified
  if (trace) describe(trace, payload, identified.located.location)
  await checkRevocation(parts, ctx, identified)
  if (requirement.verifyFresh) checkFresh(payload)
  return payload
}

/** What `verifyToken` asks of a token. */
export interface VerifyTokenOptions {
  /** The type that the token must be of. Default `'access'`. */
  type?: TokenType | undefined
  /** Whether a token of the other type is refused. Default true. */
  verifyType?: boolean | undefined
  /** Whether only a fresh token will do. Default false. */
  verifyFresh?: boolean | undefined
}

/** The same for a token that came with no request. @throws AuthXError */
export function authenticateToken(parts: Parts, token: string, options: VerifyTokenOptions): Promise<TokenPayload> {
  if (!isTraced('verify')) return judgeToken(parts, token, options)
  const trace: VerifyTrace = { type: options.type ?? 'access' }
  return traced('verify', trace, () => judgeToken(parts, token, options, trace))
}

async function judgeToken(
  parts: Parts,
  token: string,
  { type = 'access', verifyType = true, verifyFresh = false }: VerifyTokenOptions,
  trace?: VerifyTrace,
): Promise<TokenPayload> {
  const payload = await verifyToken(parts, token, undefined)
  if (trace) describe(trace, payload)
  if (verifyType) checkType(payload, type)
  checkLoginType(payload, parts.config)
  if (payload.type === 'refresh') checkOwnKey(parts, token)
  await parts.revocation.check(payload)
  if (verifyFresh) checkFresh(payload)
  return payload
}

/**
 * All that can be said of the token of a request without asking the store; a promise only if `getKey` has to be asked, or
 * if there are several cookies of the name.
 * @throws AuthXError, or rejects with one.
 */
export function identify(
  parts: Parts,
  ctx: AuthContext,
  requirement: Requirement,
): Identified | Promise<Identified> | undefined {
  const { config } = parts
  const { type = 'access', verifyType = true, locations = config.tokenLocation[type] } = requirement
  const candidates = locate(ctx, type, locations, config)
  const [located] = candidates
  if (!located) return undefined
  const check = (payload: TokenPayload, candidate: LocatedToken) => {
    if (verifyType) checkType(payload, type)
    checkLoginType(payload, config)
    if (requirement.ownKey ?? payload.type === 'refresh') checkOwnKey(parts, candidate.token)
    return payload
  }
  const read = (candidate: LocatedToken) => {
    const verified = parts.memory.verified(ctx.req, candidate, () => verifyToken(parts, candidate.token, ctx))
    return verified instanceof Promise
      ? verified.then(payload => check(payload, candidate))
      : check(verified, candidate)
  }
  const judge = (identified: Identified) => {
    checkOrigins(ctx, identified, requirement, config)
    return identified
  }
  if (candidates.length > 1) {
    return chooseCandidate(candidates, read, each => checkSession(parts, ctx, each), config).then(judge)
  }
  const payload = read(located)
  return payload instanceof Promise
    ? payload.then(known => judge({ payload: known, located }))
    : judge({ payload, located })
}

/** A browser sends cookies by itself: whose page asks, has to be shown in another way. */
function checkOrigins(
  ctx: AuthContext,
  { payload, located }: Identified,
  { verifyCsrf }: Requirement,
  config: Config,
): void {
  if (located.location !== 'cookies') return
  checkUpgradeOrigin(ctx, config)
  checkCsrf(ctx, located, payload, config, verifyCsrf)
}

/** Asked once for each token of a request. @returns `undefined` if there is nobody to be asked. */
function checkRevocation(
  { memory, revocation }: Parts,
  { req }: AuthContext,
  { located, payload }: Identified,
): Promise<unknown> | undefined {
  return memory.revocation(req, located, () => revocation.check(payload))
}

/** Which of several sessions are over. What it learns of the token that is chosen is not asked again. */
function checkSession(
  { memory, revocation }: Parts,
  { req }: AuthContext,
  { located, payload }: Identified,
): Promise<unknown> | undefined {
  return memory.revocation(req, located, () => revocation.checkSession(payload))
}

/** Nothing was there: say where was looked, and what may have been forgotten. */
export function missing(
  ctx: AuthContext,
  { type = 'access', locations }: Requirement,
  config: Config,
): MissingTokenError {
  const tried = locations ?? config.tokenLocation[type]
  const hint = tried.includes('json') ? bodyHint(ctx) : ''
  return new MissingTokenError({ cause: `no ${type} token in ${tried.join(', ')}${hint}` })
}

function bodyHint(ctx: AuthContext): string {
  if (!hasUnparsedBody(ctx)) return ''
  if (!hasUnparsedJson(ctx)) return '; the body has not been parsed: its Content-Type is not application/json'
  warnAboutBody()
  return '; the body has not been parsed: mount koa-body before the guard'
}

export function checkType(payload: TokenPayload, type: TokenType): void {
  if (payload.type === type) return
  throw type === 'access' ? new AccessTokenRequiredError() : new RefreshTokenRequiredError()
}

export function checkLoginType(payload: TokenPayload, { loginType }: Config): void {
  if (loginType !== undefined && payload.login_type !== loginType) throw new LoginTypeMismatchError()
}

export function checkFresh(payload: TokenPayload): void {
  if (payload.fresh !== true) throw new FreshTokenRequiredError()
}
