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

/** Options of both types of tokens. */
export interface TokenOptions {
  /** When the token ends: a duration from now, or a Date. Default: the configured life of its type. */
  expiry?: Duration | Date | undefined
  /** When the token begins to be good: a duration from now, or a Date. Default: now. */
  notBefore?: Duration | Date | undefined
  /**
   * Claims of the application: a plain object of JSON values. The claims that the library writes cannot be among them.
   */
  data?: Record<string, unknown> | undefined
  /** `aud` in place of the configured `encodeAudience`. */
  audience?: string | readonly string[] | undefined
  /** What the token may be used for (RFC 6749 §3.3). */
  scopes?: readonly string[] | undefined
  /** Further members of the token's header. Of this token only: what a refresh issues does not have them. */
  headers?: Record<string, unknown> | undefined
}

/** Options of `createAccessToken`. */
export interface AccessTokenOptions extends TokenOptions {
  /** Whether credentials were given just now. Default false. */
  fresh?: boolean | undefined
  /** The session that the token belongs to: it ends with it. Default: none, the token is good until revoked. */
  sid?: string | undefined
  /**
   * Whether `implicitRefresh` renews the token when it comes in its cookie. Renewed tokens have the life
   * `accessTokenExpires`, whatever `expiry` this one has. Default false: the token ends at its `exp`.
   */
  renewable?: boolean | undefined
}

/** What a session knows of a token before the token's own claims. */
interface Membership {
  sid?: string
  gen?: number
  csrf?: string
}

const OPTION_NAMES: Record<TokenType, ReadonlySet<string>> = {
  access: new Set('expiry notBefore data audience scopes headers fresh sid renewable'.split(' ')),
  refresh: new Set('expiry notBefore data audience scopes headers'.split(' ')),
}

/** Whether tokens can come back in cookies, so that they need a CSRF value. */
export const usesCookies = ({ tokenLocation }: Config) =>
  tokenLocation.access.includes('cookies') || tokenLocation.refresh.includes('cookies')

/**
 * The claims of a new token. What is issued together gets one `now`: a second may end between two looks at the clock.
 * @throws TypeError naming the option that is wrong.
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
    ...(nbf !== undefined && { nbf }),
    exp: timeOf('expiry', expiry, now),
    ...(type === 'access' && { fresh: options.fresh ?? false }),
    ...(options.renewable && { renewable: true }),
    ...(usesCookies(config) && { csrf: member.csrf ?? randomUUID() }),
    ...(config.encodeIssuer !== undefined && { iss: config.encodeIssuer }),
    ...audienceClaim(options.audience, config),
    ...(options.scopes && { scopes: [...options.scopes] }),
    ...(config.loginType !== undefined && { login_type: config.loginType }),
    ...(sid !== undefined && { sid }),
    ...(member.gen !== undefined && { gen: member.gen }),
    ...options.data,
  }
}

/**
 * The claims of the access token that a refresh token pays for: all of the refresh token's, but never fresh or renewable,
 * and with its own id and times. `exp` and `iat` are seconds.
 */
export function accessClaimsFrom(
  refresh: Claims | TokenPayload,
  { iat, exp }: { iat: number; exp: number },
  config: Config,
): Claims {
  const own = { jti: randomUUID(), type: 'access', fresh: false, renewable: undefined, gen: undefined } as const
  return { ...refresh, iat, exp, nbf: nbfAtIssue(iat, config), ...own } as Claims
}

/** `nbf` of a token that is good from its issue on. */
export const nbfAtIssue = (iat: number, { encodeNbf }: Config) => (encodeNbf ? iat : undefined)

/**
 * @throws TypeError if `data` is no plain object of JSON values, or sets a claim that the library writes.
 */
export function checkData(data: unknown, config: Config): void {
  if (data === undefined) return
  checkJsonObject(data, 'data')
  const reserved = Object.keys(data).filter(name => RESERVED_CLAIMS.has(name) || name === config.identityClaim)
  if (reserved.length > 0) throw new TypeError(`data cannot set ${reserved.join(', ')}: koa-authx writes these claims`)
}

/** @throws TypeError if `scopes` is no list of scopes as RFC 6749 §3.3 writes them. */
export function checkScopes(scopes: unknown): void {
  if (scopes === undefined || (Array.isArray(scopes) && scopes.every(isScope))) return
  throw new TypeError('scopes must be a list of scopes: printable ASCII without space, quote and backslash')
}

/** @throws TypeError: a number, say, would name nobody, and no token of a lone surrogate is accepted. */
export function checkSubject(sub: unknown): void {
  if (!isWellFormed(sub) || sub === '')
    throw new TypeError(
      'the subject must be a string: non-empty, without lone surrogates; make one of a number: String(user.id)',
    )
}

/** @throws TypeError */
export function checkSid(sid: unknown): void {
  if (!isWellFormed(sid) || sid === '') throw new TypeError('sid must be a non-empty string without lone surrogates')
}

/** The calls that take the options, for messages. */
const CALLS = { access: 'createAccessToken', refresh: 'createRefreshToken' } as const

function checkOptions(type: TokenType, sub: unknown, options: AccessTokenOptions, config: Config): void {
  checkSubject(sub)
  checkNames(options, OPTION_NAMES[type], CALLS[type])
  const { audience, fresh, renewable, sid, headers } = options
  checkData(options.data, config)
  checkScopes(options.scopes)
  const audiences = audience === undefined ? undefined : [audience].flat()
  if (audiences?.length === 0 || audiences?.some(each => typeof each !== 'string' || each === '')) {
    throw new TypeError('audience must be a string or a list of strings')
  }
  if (fresh !== undefined && typeof fresh !== 'boolean') throw new TypeError('fresh must be true or false')
  if (renewable !== undefined && typeof renewable !== 'boolean') throw new TypeError('renewable must be true or false')
  if (sid !== undefined) checkSid(sid)
  if (headers !== undefined) checkJsonObject(headers, 'headers')
}

/** The whole second that `when` means, as seen from `now` (milliseconds). */
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

function audienceClaim(audience: TokenOptions['audience'], config: Config): { aud?: string | string[] } {
  const audiences = audience === undefined ? config.encodeAudience : [audience].flat()
  if (audiences === undefined) return {}
  return { aud: audiences.length === 1 ? String(audiences[0]) : [...audiences] }
}
