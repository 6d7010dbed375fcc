import { randomUUID } from 'node:crypto'
import type { Duration } from '../config/duration.js'
import { checkJsonObject } from '../config/json.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import { JWTDecodeError } from '../errors.js'
import { accessClaimsFrom, nbfAtIssue, newClaims, type TokenOptions, timeOf, usesCookies } from '../token/claims.js'
import type { KeyRing } from '../token/keys.js'
import type { TokenPayload } from '../token/payload.js'
import { type Claims, sign, TokenTooLargeError } from '../token/sign.js'
import { type Device, ofLoginType, type SessionRecord } from './record.js'
import type { AccessTimes } from './rotate.js'
import { keptUntilAfter } from './rotation.js'

/** Options of `login` and `createTokenPair`. */
export interface TokenPairOptions extends Omit<TokenOptions, 'expiry'> {
  /** Whether the access token is fresh: credentials were given just now. Default false; true in `login`. */
  fresh?: boolean | undefined
  /** When the access token ends. Default `accessTokenExpires`. Never after the session's absolute end. */
  accessExpiry?: Duration | Date | undefined
  /** When the refresh token ends; its successors get the same life. Default `refreshTokenExpires`. */
  refreshExpiry?: Duration | Date | undefined
  /**
   * Whether `implicitRefresh` renews the access token when it comes in its cookie. Default in `login`: true if access
   * tokens travel in cookies and `accessExpiry` is not given; without a store, `refreshExpiry` must not be shorter than
   * `refreshTokenExpires` either. Default in `createTokenPair`: false. What `refresh` issues later does not depend on it.
   */
  renewable?: boolean | undefined
  /** What the list of sessions shows of this one: a small object of JSON values. */
  device?: Record<string, unknown> | undefined
}

/** What is needed to issue tokens. */
export interface Issuer {
  readonly config: Config
  readonly ring: KeyRing
}

/** A signed token beside what is in it. */
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

/** How long a token lasts that goes out now, in seconds. The clock has no say: a second may have ended meanwhile. */
export const lifeOf = ({ claims }: Issued): number => Math.max(0, claims.exp - claims.iat)

const LARGEST_DEVICE = 8192

const PAIR_OPTIONS = new Set(
  'fresh accessExpiry refreshExpiry notBefore data audience scopes headers renewable device'.split(' '),
)

/**
 * Sign both tokens of a new session, and describe its record. Nothing is written.
 * @param forCookies whether the access token goes where it can be renewed, if `options` do not say it of the token.
 * @throws TypeError naming the option that is wrong.
 */
export function draftPair(issuer: Issuer, sub: string, options: TokenPairOptions, forCookies = false): Draft {
  const { config } = issuer
  checkNames(options, PAIR_OPTIONS, forCookies ? 'login' : 'createTokenPair')
  const { fresh, renewable, device = {}, ...others } = options
  const { accessExpiry = config.accessTokenExpires, refreshExpiry = config.refreshTokenExpires, ...common } = others
  checkDevice(device)
  const now = config.now()
  const sid = randomUUID()
  const expiresAt = now + config.sessionExpires * 1000
  const csrf = usesCookies(config) ? randomUUID() : undefined
  const member = config.store ? { sid, csrf } : { csrf }
  const endOf = (option: string, expiry: Duration | Date) =>
    new Date(Math.min(timeOf(option, expiry, now) * 1000, expiresAt))

  const accessEnd = endOf('accessExpiry', accessExpiry)
  const refreshEnd = endOf('refreshExpiry', refreshExpiry)
  const refresh = newClaims(
    'refresh',
    sub,
    { ...common, expiry: refreshEnd },
    config,
    config.store ? { ...member, gen: 0 } : member,
    now,
  )
  const renews = forCookies && options.accessExpiry === undefined && mayRenew(refresh, config)
  const ofAccess = { ...common, expiry: accessEnd, renewable: renewable === undefined ? renews : renewable }
  const access = newClaims('access', sub, fresh === undefined ? ofAccess : { ...ofAccess, fresh }, config, member, now)
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
    record: { sub, ...ofLoginType(config.loginType), gen: 0, ...times, jti, iat, exp, device },
  }
}

/**
 * Sign the tokens that a session's record describes after a rotation: for the same record and the same presented token
 * always the same refresh token, and each time a new access token.
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
  const refresh = { ...presented, csrf, nbf: nbfAtIssue(iat, config), sid, gen, jti, iat, exp } as Claims
  const access = accessFor(refresh, times, changes, config)
  return { refresh: reissue(refresh, issuer), access: issueChanged(access, issuer, changes) }
}

/**
 * The access token again with a later end, and not fresh. A token that names no session keeps its id and `iat`, by
 * which it is revoked and its age is told; one of a session is a new token of that session.
 */
export function renewedAccess(issuer: Issuer, payload: TokenPayload, { iat, exp }: AccessTimes): Issued {
  const { jti, iat: issued, nbf } = payload
  const own =
    payload.sid === undefined
      ? { jti, iat: issued, nbf }
      : { jti: randomUUID(), iat, nbf: nbfAtIssue(iat, issuer.config) }
  return reissue({ ...payload, gen: undefined, ...own, exp, fresh: false } as Claims, issuer)
}

/** What `refresh` may change in the new access token. */
export interface AccessChanges {
  readonly expiry?: Duration | Date | undefined
  readonly data?: Record<string, unknown> | undefined
  readonly scopes?: readonly string[] | undefined
}

/** The access token for a refresh token, where there is no store to rotate in. */
export function statelessAccess(
  issuer: Issuer,
  presented: TokenPayload,
  times: AccessTimes,
  changes: AccessChanges,
): Issued {
  const access = accessFor(presented, times, changes, issuer.config)
  return issueChanged(access, issuer, changes)
}

/** The claims of the access token that `refresh` issues: renewable as those of a login, whatever came before it. */
function accessFor(
  refresh: Claims | TokenPayload,
  times: AccessTimes,
  { data, scopes, expiry }: AccessChanges,
  config: Config,
): Claims {
  // Without a store a renewal would be counted from this token, and not from the login.
  const renewable = expiry === undefined && config.store !== undefined && mayRenew(refresh, config)
  return {
    ...accessClaimsFrom(refresh, times, config),
    ...data,
    ...(scopes && { scopes: [...scopes] }),
    ...(renewable && { renewable }),
  }
}

/**
 * Whether access tokens beside this refresh token may be renewed, if they have the configured life. A session ends with
 * its refresh token; without a store nothing else keeps renewals from outliving one that was given a shorter life.
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
 * Issue what a token of the client's pays for. That it becomes too large is no fault of the application.
 * @throws JWTDecodeError
 */
function reissue(claims: Claims, issuer: Issuer): Issued {
  try {
    return issue(claims, issuer)
  } catch (error) {
    if (!(error instanceof TokenTooLargeError)) throw error
    throw new JWTDecodeError(undefined, undefined, { cause: 'its successor would be larger than what is accepted' })
  }
}

/** With claims of the application's, that a token becomes too large is a fault of the application. */
const issueChanged = (access: Claims, issuer: Issuer, { data }: AccessChanges): Issued =>
  data ? issue(access, issuer) : reissue(access, issuer)

/** @throws TypeError */
export function checkDevice(device: unknown): asserts device is Device {
  checkJsonObject(device, 'device')
  if (JSON.stringify(device).length > LARGEST_DEVICE)
    throw new TypeError(`device is larger than ${LARGEST_DEVICE} characters`)
}
