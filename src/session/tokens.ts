import { randomUUID } from 'node:crypto'
import type { Duration } from '../config/duration.js'
import { checkJsonObject } from '../config/json.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import { JWTDecodeError } from '../errors.js'
import {
  accessClaimsFrom,
  audienceClaim,
  checkAmr,
  nbfAtIssue,
  newClaims,
  type TokenOptions,
  timeOf,
  usesCookies,
} from '../token/claims.js'
import type { KeyRing } from '../token/keys.js'
import type { TokenPayload } from '../token/payload.js'
import { type Claims, sign, TokenTooLargeError } from '../token/sign.js'
import { type Device, ofLoginType, type SessionRecord } from './record.js'
import type { AccessTimes } from './rotate.js'
import { authenticationOf, keptUntilAfter } from './rotation.js'
import { storedType } from './stored-type.js'

/** Options of `login` and `createTokenPair`. */
export interface TokenPairOptions extends Omit<TokenOptions, 'expiry'> {
  /**
   * Whether the access token is fresh: the user has just entered credentials. Default: true in `login`, otherwise
   * false.
   */
  fresh?: boolean | undefined
  /**
   * How the user has just proved who they are: methods of RFC 8176, such as `['pwd', 'otp']`. Both tokens, and the
   * tokens of later refreshes, have them in the claim `amr`. They also have the time of the login in `auth_time`, except
   * with `fresh: false` and no `amr`. Default: none.
   */
  amr?: readonly string[] | undefined
  /**
   * When the access token expires: a duration from now, or a Date. Not after the session's absolute end. Default:
   * `accessTokenExpires`.
   */
  accessExpiry?: Duration | Date | undefined
  /**
   * When the refresh token expires: a duration from now, or a Date. The refresh tokens that later replace it are valid
   * for the same length of time, but not after the session's absolute end. Default: `refreshTokenExpires`.
   */
  refreshExpiry?: Duration | Date | undefined
  /**
   * Whether `implicitRefresh` renews the access token if a request sends it in a cookie. Default in `login`: true if
   * access tokens are sent in cookies and `accessExpiry` is not given; without a store, also only if `refreshExpiry` is
   * not shorter than `refreshTokenExpires`. Default in `createTokenPair`: false. Tokens that `refresh` issues later do
   * not depend on it.
   */
  renewable?: boolean | undefined
  /**
   * The `device` that `listSessions` shows for the session: an object of JSON values, up to 8192 characters. Default
   * `{}`.
   */
  device?: Record<string, unknown> | undefined
  /**
   * Data of the application about this login, such as a tenant, or the administrator who acts for the user. An object
   * of JSON values, up to 2048 bytes of JSON. It is kept in the session's record, passed to the claims getter, shown by
   * `listSessions`, and is in no token. Requires a store. Default: none.
   */
  context?: Record<string, unknown> | undefined
  /**
   * Whether the session's cookies outlive the browser ("remember me"). If true, each cookie has a `Max-Age`:
   * `cookieMaxAge`, or the life of its token. If false, browsers forget the cookies when they are closed. The option
   * also applies to the cookies that `refresh` and `implicitRefresh` set later. Requires a store. Default: true with
   * `sessionCookie: false` or `cookieMaxAge`, otherwise false.
   */
  persistent?: boolean | undefined
}

/** The options and keys that issue tokens. */
export interface Issuer {
  readonly config: Config
  readonly ring: KeyRing
}

/** A signed token and its claims. */
export interface Issued {
  readonly token: string
  readonly claims: Claims
}

export interface Draft {
  readonly access: Issued
  readonly refresh: Issued
  readonly sid: string
  readonly record: Omit<SessionRecord, 'cutoff'>
}

/**
 * How long a new token is valid, in seconds. Does not use the clock, so the result does not change between two calls.
 */
export const lifeOf = ({ claims }: Issued): number => Math.max(0, claims.exp - claims.iat)

const LARGEST_DEVICE = 8192
const LARGEST_CONTEXT = 2048

const PAIR_OPTIONS = new Set(
  'fresh amr accessExpiry refreshExpiry notBefore data audience scopes headers renewable device context persistent'.split(
    ' ',
  ),
)

/** What a pair of tokens is for. */
export interface PairPurpose {
  /** The id of the new session. */
  readonly sid: string
  /** Whether the pair is for `login`, which can set cookies. Decides the default of `renewable`. */
  readonly forCookies: boolean
  /** The result of the claims getter, for the access token. `undefined`: the options decide for both tokens. */
  readonly claims: AccessChanges | undefined
}

/** @throws TypeError if `options` is not an object, or has an unknown option. */
export const checkPairOptions = (options: object, caller: 'login' | 'createTokenPair') =>
  checkNames(options, PAIR_OPTIONS, caller)

/**
 * Signs both tokens of a new session and makes its record. Writes nothing.
 * @throws TypeError naming the invalid option.
 */
export function draftPair(
  issuer: Issuer,
  sub: string,
  options: TokenPairOptions,
  { sid, forCookies, claims }: PairPurpose,
): Draft {
  const { config } = issuer
  const { fresh, amr, renewable, device = {}, context, persistent, accessExpiry, refreshExpiry, ...common } = options
  checkDevice(device)
  checkPersistent(persistent, config)
  checkAmr(amr)
  const now = config.now()
  const expiresAt = now + config.sessionExpires * 1000
  const csrf = usesCookies(config) ? randomUUID() : undefined
  const authentication = authenticationOf(fresh === false && !amr ? undefined : Math.floor(now / 1000), amr)
  const member = { ...(config.store && { sid, gen: 0 }), csrf, ...authenticationClaims(authentication) }
  const endOf = (option: string, expiry: Duration | Date) =>
    new Date(Math.min(timeOf(option, expiry, now) * 1000, expiresAt))

  const accessEnd = endOf('accessExpiry', accessExpiry === undefined ? config.accessTokenExpires : accessExpiry)
  const refreshEnd = endOf('refreshExpiry', refreshExpiry === undefined ? config.refreshTokenExpires : refreshExpiry)
  const refresh = newClaims('refresh', sub, { ...common, expiry: refreshEnd }, config, member, now)
  const renews = forCookies && accessExpiry === undefined && mayRenew(refresh, config)
  const ofAccess = {
    ...common,
    ...claims,
    expiry: accessEnd,
    renewable: renewable === undefined ? renews : renewable,
    fresh,
  }
  const access = newClaims('access', sub, ofAccess, config, member, now)
  const { jti, iat, exp } = refresh
  const times = {
    createdAt: now,
    rotatedAt: now,
    lastActiveAt: now,
    expiresAt,
    endsAt: Math.max(access.exp, exp) * 1000,
    keptUntil: keptUntilAfter(access.exp, exp),
  }
  return {
    access: issue(access, issuer, options.headers),
    refresh: issue(refresh, issuer, options.headers),
    sid,
    record: {
      sub,
      ...ofLoginType(storedType(config)),
      gen: 0,
      ...times,
      jti,
      iat,
      exp,
      ...authentication,
      ...(persistent !== undefined && { persistent }),
      device,
      ...(context && { context }),
    },
  }
}

/**
 * Signs the tokens that a session's record describes, after a refresh. The same record and presented token always give
 * the same refresh token. The access token is new each time.
 */
export function successorPair(
  issuer: Issuer,
  presented: TokenPayload,
  sid: string,
  record: SessionRecord,
  times: AccessTimes,
  changes: AccessChanges,
): { access: Issued; refresh: Issued } {
  const { config } = issuer
  const { jti, iat, exp, gen, csrf = presented.csrf } = record
  const own = { csrf, nbf: nbfAtIssue(iat, config), sid, gen, jti, iat, exp, ...authenticationClaims(record) }
  const refresh = { ...presented, ...own } as Claims
  const access = accessFor(refresh, times, changes, config)
  return { refresh: reissue(refresh, issuer), access: issueChanged(access, issuer, changes) }
}

/**
 * Signs the access token of `reauthenticate`: a copy of the presented access token that is fresh, with a new `jti`, new
 * times, and the record's `auth_time` and `amr`.
 */
export function reauthenticatedAccess(
  issuer: Issuer,
  presented: TokenPayload,
  record: SessionRecord,
  times: AccessTimes,
): Issued {
  const { config } = issuer
  const csrf = presented.csrf ?? record.csrf ?? (usesCookies(config) ? randomUUID() : undefined)
  const own = { fresh: true, csrf, ...authenticationClaims(record) }
  return issue({ ...accessFor(presented, times, {}, config), ...own } as Claims, issuer)
}

/** Returns the claims `auth_time` and `amr` of a record. If one is `undefined`, tokens do not have it. */
const authenticationClaims = ({ authTime, amr }: Pick<SessionRecord, 'authTime' | 'amr'>) => ({
  auth_time: authTime,
  amr: amr && [...amr],
})

/**
 * Renews an access token: signs a copy that has a later `exp` and is not fresh. A token without a session keeps its
 * `jti` and `iat`, because they identify it in the store and limit its renewals. A token with a session gets a new
 * `jti` and `iat`, and keeps its generation.
 */
export function renewedAccess(
  issuer: Issuer,
  payload: TokenPayload,
  { iat, exp }: AccessTimes,
  changes: AccessChanges = {},
): Issued {
  const { jti, iat: issued, nbf } = payload
  const own =
    payload.sid === undefined
      ? { jti, iat: issued, nbf }
      : { jti: randomUUID(), iat, nbf: nbfAtIssue(iat, issuer.config) }
  const renewed = { ...payload, ...own, exp, fresh: false, ...changedClaims(changes, issuer.config) } as Claims
  return issueChanged(renewed, issuer, changes)
}

/** What a refresh, a renewal or the claims getter changes in the new access token. */
export interface AccessChanges {
  readonly expiry?: Duration | Date | undefined
  readonly data?: Record<string, unknown> | undefined
  readonly scopes?: readonly string[] | undefined
  readonly audience?: string | readonly string[] | undefined
}

/** Returns the claims that `changes` add to an access token or replace in it. */
function changedClaims({ data, scopes, audience }: AccessChanges, config: Config): Record<string, unknown> {
  const aud = audience === undefined ? {} : audienceClaim(audience, config)
  return { ...data, ...(scopes && { scopes: [...scopes] }), ...aud }
}

/** Makes the access token of a refresh without a store. The refresh token is not replaced then. */
export function statelessAccess(
  issuer: Issuer,
  presented: TokenPayload,
  times: AccessTimes,
  changes: AccessChanges,
): Issued {
  const access = accessFor(presented, times, changes, issuer.config)
  return issueChanged(access, issuer, changes)
}

/**
 * Returns the claims of the access token that `refresh` issues. The new token is renewable by the same rules as the
 * access token of a login.
 */
function accessFor(refresh: Claims | TokenPayload, times: AccessTimes, changes: AccessChanges, config: Config): Claims {
  // Without a store, the limit of renewals would be counted from this token's `iat`, not from the login.
  const renewable = changes.expiry === undefined && config.store !== undefined && mayRenew(refresh, config)
  return {
    ...accessClaimsFrom(refresh, times, config),
    ...changedClaims(changes, config),
    ...(renewable && { renewable }),
  }
}

/**
 * Whether access tokens issued with this refresh token may be renewed, provided that they have the configured lifetime.
 * Without a store, they may not if the refresh token's lifetime is shorter than configured, because renewals would
 * outlive the refresh token.
 */
function mayRenew({ iat, exp }: Pick<Claims, 'iat' | 'exp'>, config: Config): boolean {
  if (!config.tokenLocation.access.includes('cookies')) return false
  const configuredLife = Math.min(config.refreshTokenExpires, config.sessionExpires)
  return config.store !== undefined || exp - iat >= Math.floor(configuredLife)
}

function issue(claims: Claims, { ring, config }: Issuer, headers?: Record<string, unknown>): Issued {
  return { claims, token: sign(claims, ring, config.identityClaim, headers) }
}

/**
 * Issues a token with the claims of a token that the client sent. If the new token is too large, the cause is the
 * request, not the application. @throws JWTDecodeError
 */
function reissue(claims: Claims, issuer: Issuer): Issued {
  try {
    return issue(claims, issuer)
  } catch (error) {
    if (!(error instanceof TokenTooLargeError)) throw error
    throw new JWTDecodeError(undefined, undefined, {
      cause: 'the new token would be larger than the largest accepted token',
    })
  }
}

/**
 * Issues the access token of a refresh or a renewal. A new token that is too large is a mistake of the application
 * (TokenTooLargeError) if the application gave `data`, otherwise of the client (JWTDecodeError).
 */
const issueChanged = (access: Claims, issuer: Issuer, { data }: AccessChanges): Issued =>
  data ? issue(access, issuer) : reissue(access, issuer)

/** @throws TypeError if `context` is not a plain object of JSON values, is too large, or if there is no store. */
export function checkContext(context: unknown, { store }: Config): void {
  if (context === undefined) return
  checkJsonObject(context, 'context')
  if (Buffer.byteLength(JSON.stringify(context)) > LARGEST_CONTEXT)
    throw new TypeError(`context must be at most ${LARGEST_CONTEXT} bytes of JSON`)
  if (!store) throw new TypeError('context requires a store; set the option store, or omit context')
}

/** @throws TypeError if `persistent` is not a boolean, or if there is no store that keeps it for later refreshes. */
function checkPersistent(persistent: unknown, { store }: Config): void {
  if (persistent === undefined) return
  if (typeof persistent !== 'boolean') throw new TypeError('persistent must be true or false')
  if (!store) {
    throw new TypeError(
      'persistent requires a store; set the option store, or use the option sessionCookie for all logins',
    )
  }
}

/** @throws TypeError if `device` is not a plain object of JSON values, or is too large. */
function checkDevice(device: unknown): asserts device is Device {
  checkJsonObject(device, 'device')
  if (JSON.stringify(device).length > LARGEST_DEVICE)
    throw new TypeError(`device must be at most ${LARGEST_DEVICE} characters of JSON`)
}
