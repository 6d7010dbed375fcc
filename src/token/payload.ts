import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import { JWTDecodeError } from '../errors.js'

/** The claims of a token, with the names of RFC 7519. Times are seconds since 1970. */
export interface RegisteredClaims {
  /** Subject: who the token is about (RFC 7519 §4.1). */
  sub: string
  /** The token's id, unique for each token. */
  jti: string
  /** Access or refresh token. */
  type: TokenType
  /** When the token was issued. */
  iat: number
  /** When the token expires. */
  exp: number
  /** When the token becomes valid. */
  nbf?: number
  /** Issuer. */
  iss?: string
  /** Audience. */
  aud?: string | string[]
  /** On access tokens: whether the user entered credentials to get this token. */
  fresh?: boolean
  /**
   * When the user last gave credentials, in seconds since 1970 (OpenID Connect Core §2). Missing if the application has
   * not said that the user gave credentials.
   */
  auth_time?: number
  /** How the user has given credentials since the login: methods of RFC 8176, such as `pwd` and `otp`. */
  amr?: string[]
  /** The CSRF value that a request with this token in a cookie must repeat. */
  csrf?: string
  /** What the token may be used for (RFC 6749 §3.3). */
  scopes?: string[]
  /** The `loginType` of the instance that issued it. */
  login_type?: string
  /** The session that the token belongs to. */
  sid?: string
  /** The number of the refresh that issued the token: 0 at login, and higher after each refresh of the session. */
  gen?: number
  /** On access tokens: whether `implicitRefresh` may replace the token. Missing means no. */
  renewable?: boolean
}

/** The verified claims of a token, deeply frozen. `Claims` is the type of the application's claims in `data`. */
export type TokenPayload<Claims extends object = Record<string, unknown>> = DeepReadonly<RegisteredClaims & Claims>

/** The type of a deeply frozen `T`. */
export type DeepReadonly<T> = T extends (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T

/** The latest allowed time, the end of the year 9999, in seconds since 1970. */
export const LAST_SECOND = 253_402_300_799

/**
 * Whether `value` is a string without lone surrogates. In UTF-8 all lone surrogates become the same bytes, so two names
 * would be equal; some encoders throw.
 */
export const isWellFormed = (value: unknown): value is string =>
  typeof value === 'string' && !/\p{Surrogate}/u.test(value)

export const isText = (value: unknown): value is string => isWellFormed(value) && value !== ''

export const isTime = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= LAST_SECOND

export function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every(each => typeof each === 'string')
}

/** The claims that koa-authx reads, and whether a value is valid. `iss` and `aud` are checked by `verify`. */
const SHAPES = Object.entries<{ required?: true; holds: (value: unknown) => boolean }>({
  sub: { required: true, holds: isText },
  jti: { required: true, holds: isText },
  type: { required: true, holds: value => value === 'access' || value === 'refresh' },
  iat: { required: true, holds: isTime },
  exp: { required: true, holds: isTime },
  nbf: { holds: isTime },
  fresh: { holds: value => typeof value === 'boolean' },
  auth_time: { holds: isTime },
  amr: { holds: isTextList },
  csrf: { holds: isWellFormed },
  scopes: { holds: isTextList },
  login_type: { holds: isText },
  sid: { holds: isText },
  gen: { holds: value => Number.isSafeInteger(value) && Number(value) >= 0 },
  renewable: { holds: value => typeof value === 'boolean' },
})

/**
 * Makes a payload from `claims`, the JSON of a token with a valid signature. Checks the types of the claims and freezes
 * them.
 * @throws JWTDecodeError if a claim is missing or of the wrong type.
 */
export function toPayload(claims: unknown, config: Config): TokenPayload {
  if (!isObject(claims)) throw new JWTDecodeError()
  const payload = withSubject(claims, config)
  const wrong = wrongClaim(payload)
  if (wrong) throw malformedClaim(wrong)
  return deepFreeze(payload) as unknown as TokenPayload
}

/** The first claim that is missing or malformed. */
function wrongClaim(payload: Record<string, unknown>): string | undefined {
  const isWrong = ([name, { required, holds }]: (typeof SHAPES)[number]) => {
    const value = Object.hasOwn(payload, name) ? payload[name] : undefined
    return value === undefined ? required : !holds(value)
  }
  return SHAPES.find(isWrong)?.[0]
}

/**
 * Checks a payload that the application passes to `what`. The store knows nothing about other values, such as an encoded
 * token, so they would count as not revoked. @throws TypeError
 */
export function checkPayload(payload: unknown, what: string): asserts payload is TokenPayload {
  if (isObject(payload) && !wrongClaim(payload)) return
  throw new TypeError(
    `${what}: the payload must be the content of a token, as guards and \`await verifyToken\` return it`,
  )
}

export function malformedClaim(name: string): JWTDecodeError {
  return new JWTDecodeError(undefined, undefined, { cause: `the claim ${name} is missing or malformed` })
}

/** Copies the subject from the claim that `identityClaim` names to `sub`. */
function withSubject(claims: Record<string, unknown>, { identityClaim }: Config): Record<string, unknown> {
  if (identityClaim === 'sub') return claims
  return { ...claims, sub: Object.hasOwn(claims, identityClaim) ? claims[identityClaim] : undefined }
}

export function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) deepFreeze(member)
  return Object.freeze(value)
}
