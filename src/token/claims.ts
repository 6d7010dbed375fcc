import { randomUUID } from 'node:crypto'
import { type Duration, parseDuration } from '../config/duration.js'
import { checkJsonObject } from '../config/json.js'
import type { TokenType } from '../config/options.js'
import { RESERVED_CLAIMS } from '../config/resolve.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import { isWellFormed, LAST_SECOND, type TokenPayload } from './payload.js'
import { isScope } from './scopes.js'
import type { Claims } from './sign.js'

/** Options of access tokens and of refresh tokens. */
export interface TokenOptions {
  /** When the token expires: a duration from now, or a Date. Default: `accessTokenExpires` or `refreshTokenExpires`. */
  expiry?: Duration | Date | undefined
  /** When the token becomes valid: a duration from now, or a Date. Default: now. */
  notBefore?: Duration | Date | undefined
  /**
   * Claims of the application: a plain object of JSON values. It must not contain claims that koa-authx writes.
   * Default: none.
   */
  data?: Record<string, unknown> | undefined
  /** The claim `aud`. Default: `encodeAudience`. */
  audience?: string | readonly string[] | undefined
  /** The scopes: what the token may be used for (RFC 6749 §3.3). Default: none. */
  scopes?: readonly string[] | undefined
  /** More members of the token's header. A refresh does not copy them to new tokens. Default: none. */
  headers?: Record<string, unknown> | undefined
}

/** Options of `createAccessToken`. */
export interface AccessTokenOptions extends TokenOptions {
  /** Whether the user has just entered credentials. Default false. */
  fresh?: boolean | undefined
  /** The id of the token's session. When the session ends, the token is invalid. Default: no session. */
  sid?: string | undefined
  /**
   * Whether `implicitRefresh` renews the token if a request sends it in a cookie. Renewed tokens live
   * `accessTokenExpires`, whatever the `expiry` of this token. Default false: the token expires at its `exp`.
   */
  renewable?: boolean | undefined
}

/** Claims that a token gets from its session. */
interface Membership {
  sid?: string
  gen?: number
  csrf?: string
  auth_time?: number
  amr?: string[]
}

const OPTION_NAMES: Record<TokenType, ReadonlySet<string>> = {
  access: new Set('expiry notBefore data audience scopes headers fresh sid renewable'.split(' ')),
  refresh: new Set('expiry notBefore data audience scopes headers'.split(' ')),
}

/** Whether requests can send tokens in cookies, so that tokens need a CSRF value. */
export const usesCookies = ({ tokenLocation }: Config) =>
  tokenLocation.access.includes('cookies') || tokenLocation.refresh.includes('cookies')

/**
 * Returns the claims of a new token. Tokens that are issued together get the same `now` (milliseconds).
 * @throws TypeError naming the wrong option.
 */
export function newClaims(
  type: TokenType,
  sub: string,
  options: AccessTokenOptions,
  config: Config,
  member: Membership = {},
  now = config.now(),
): Claims {
  checkOptions(type, sub, options, config)
  const iat = Math.floor(now / 1000)
  const nbf = options.notBefore === undefined ? nbfAtIssue(iat, config) : timeOf('notBefore', options.notBefore, now)
  const { expiry = type === 'access' ? config.accessTokenExpires : config.refreshTokenExpires } = options
  const sid = member.sid ?? options.sid
  return {
    sub,
    jti: randomUUID(),
    type,
    iat,
    nbf,
    exp: timeOf('expiry', expiry, now),
    fresh: type === 'access' ? (options.fresh ?? false) : undefined,
    auth_time: member.auth_time,
    amr: member.amr && [...member.amr],
    renewable: options.renewable || undefined,
    csrf: usesCookies(config) ? (member.csrf ?? randomUUID()) : undefined,
    iss: config.encodeIssuer,
    ...audienceClaim(options.audience, config),
    scopes: options.scopes && [...options.scopes],
    login_type: config.loginType,
    sid,
    gen: member.gen,
    ...options.data,
  }
}

/**
 * Returns the claims of the access token that a refresh issues: the claims of the refresh token with a new id and new
 * times. The token is never fresh or renewable. `exp` and `iat` are seconds.
 */
export function accessClaimsFrom(
  refresh: Claims | TokenPayload,
  { iat, exp }: { iat: number; exp: number },
  config: Config,
): Claims {
  const own = { jti: randomUUID(), type: 'access', fresh: false, renewable: undefined } as const
  return { ...refresh, iat, exp, nbf: nbfAtIssue(iat, config), ...own } as Claims
}

/**
 * Returns only those claims of a payload that the library writes itself: without the claims and scopes of the
 * application, and with the audience of the configuration (`encodeAudience`).
 */
export function withoutApplicationClaims(payload: TokenPayload, config: Config): TokenPayload {
  const isLibrarys = ([name]: [string, unknown]) => RESERVED_CLAIMS.has(name) && name !== 'scopes' && name !== 'aud'
  const claims = Object.fromEntries(Object.entries(payload).filter(isLibrarys))
  return { ...claims, ...audienceClaim(undefined, config) } as TokenPayload
}

/** `nbf` of a token that is valid as soon as it is issued. */
export const nbfAtIssue = (iat: number, { encodeNbf }: Config) => (encodeNbf ? iat : undefined)

/**
 * @throws TypeError if `data` is not a plain object of JSON values, or sets a claim that the library writes.
 */
export function checkData(data: unknown, config: Config): void {
  if (data === undefined) return
  checkJsonObject(data, 'data')
  const reserved = Object.keys(data).filter(name => RESERVED_CLAIMS.has(name) || name === config.identityClaim)
  if (reserved.length > 0) throw new TypeError(`data must not contain ${reserved.join(', ')}: reserved for koa-authx`)
}

/** @throws TypeError if `scopes` is not a list of scopes (RFC 6749 §3.3). */
export function checkScopes(scopes: unknown): void {
  if (scopes === undefined || (Array.isArray(scopes) && scopes.every(isScope))) return
  throw new TypeError('scopes must be a list of scopes: printable ASCII without space, quote or backslash')
}

/** @throws TypeError if `audience` is not a non-empty string or a non-empty list of them. */
export function checkAudience(audience: unknown): void {
  const audiences = audience === undefined ? undefined : [audience].flat()
  if (audiences?.length === 0 || audiences?.some(each => typeof each !== 'string' || each === '')) {
    throw new TypeError('audience must be a non-empty string or a non-empty list of them')
  }
}

/**
 * @throws TypeError if `amr` is set and is not a non-empty list of non-empty strings, the names of methods (RFC 8176).
 */
export function checkAmr(amr: unknown): asserts amr is readonly string[] | undefined {
  if (amr === undefined) return
  const isMethod = (each: unknown) => isWellFormed(each) && each !== ''
  if (Array.isArray(amr) && amr.length > 0 && amr.every(isMethod)) return
  throw new TypeError("amr must be a non-empty list of non-empty strings, such as ['pwd', 'otp']")
}

/** @throws TypeError if `sub` is not a string that `verify` accepts as a subject: non-empty, without lone surrogates. */
export function checkSubject(sub: unknown): void {
  if (!isWellFormed(sub) || sub === '')
    throw new TypeError(
      'the subject must be a string: non-empty, without lone surrogates; convert a number: String(user.id)',
    )
}

/** @throws TypeError if `sid` is not a non-empty string without lone surrogates. */
export function checkSid(sid: unknown): void {
  if (!isWellFormed(sid) || sid === '') throw new TypeError('sid must be a non-empty string without lone surrogates')
}

function checkOptions(type: TokenType, sub: unknown, options: AccessTokenOptions, config: Config): void {
  checkSubject(sub)
  checkNames(options, OPTION_NAMES[type], type === 'access' ? 'createAccessToken' : 'createRefreshToken')
  const { audience, fresh, renewable, sid, headers } = options
  checkData(options.data, config)
  checkScopes(options.scopes)
  checkAudience(audience)
  if (fresh !== undefined && typeof fresh !== 'boolean') throw new TypeError('fresh must be true or false')
  if (renewable !== undefined && typeof renewable !== 'boolean') throw new TypeError('renewable must be true or false')
  if (sid !== undefined) checkSid(sid)
  if (headers !== undefined) checkJsonObject(headers, 'headers')
}

/** Returns the time `when` in seconds since 1970. `now` is milliseconds. @throws TypeError naming `option`. */
export function timeOf(option: string, when: Duration | Date, now: number): number {
  const seconds = when instanceof Date ? Math.floor(when.getTime() / 1000) : secondsFromNow(when, now)
  if (seconds === undefined || !(seconds >= 0 && seconds <= LAST_SECOND)) {
    throw new TypeError(`${option} must be a Date or a positive duration: seconds, or a string such as '15m'`)
  }
  return seconds
}

function secondsFromNow(duration: Duration, now: number): number | undefined {
  const length = parseDuration(duration)
  return length === undefined || length === 0 ? undefined : Math.floor(now / 1000) + Math.ceil(length)
}

/** Returns the claim `aud` for the option `audience`. Default: `encodeAudience`. */
export function audienceClaim(audience: TokenOptions['audience'], config: Config): { aud?: string | string[] } {
  const audiences = audience === undefined ? config.encodeAudience : [audience].flat()
  if (audiences === undefined) return {}
  return { aud: audiences.length === 1 ? String(audiences[0]) : [...audiences] }
}
