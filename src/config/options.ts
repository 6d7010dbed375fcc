import type { KeyObject } from 'node:crypto'
import type { TokenStore } from '../store.js'
import type { Duration } from './duration.js'

/** What a token is for: calls, or the refresh. The claim `type` says it. */
export type TokenType = 'access' | 'refresh'
/** Where a request carries a token. */
export type TokenLocation = 'headers' | 'cookies' | 'json' | 'query'

export const ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
] as const
/** Signature algorithms of RFC 7518 §3.1. */
export type Algorithm = (typeof ALGORITHMS)[number]

/** A secret (text is taken as UTF-8), a PEM document, or a KeyObject of node:crypto. */
export type KeyInput = string | Uint8Array | KeyObject

/** One key of a set. The first of the set signs and needs `secretKey` or `privateKey`; all verify. */
export interface NamedKey {
  /** Goes into the header of the tokens that this key signs, and finds the key again (RFC 7517 §4.5). */
  kid: string
  /** For HS algorithms. */
  secretKey?: KeyInput
  /** For RS, PS and ES algorithms: signs, and verifies too if `publicKey` is not given. */
  privateKey?: KeyInput
  /** For RS, PS and ES algorithms: verifies. */
  publicKey?: KeyInput
}

/** The header of a token that nobody has verified yet. Only `alg` has been checked: it is one of `decodeAlgorithms`. */
export interface UnverifiedHeader {
  /** What the token says that it is signed with (RFC 7515 §4.1.1). */
  readonly alg: Algorithm
  readonly [member: string]: unknown
}

/** The payload of a token that nobody has verified yet: whoever sent it may have made it up. */
export interface UnverifiedPayload {
  readonly [claim: string]: unknown
}

/** Finds the key that a token is to be verified with; `undefined` if there is none. */
export type GetKey<Ctx = never> = (
  header: UnverifiedHeader,
  payload: UnverifiedPayload,
  ctx: Ctx,
) => KeyInput | undefined | Promise<KeyInput | undefined>

/**
 * Everything that can be configured. Names and defaults are those of AuthX's `JWT_*` settings in camelCase, unless a
 * line says otherwise.
 */
export interface AuthXOptions {
  /** What tokens are signed with. Default `'HS256'`. */
  algorithm?: Algorithm
  /** The secret of HS algorithms: at least 32, 48 or 64 bytes for HS256, HS384 or HS512. */
  secretKey?: KeyInput
  /** Signs with RS, PS and ES algorithms. Without it, an instance with a `publicKey` only verifies. */
  privateKey?: KeyInput
  /** Verifies with RS, PS and ES algorithms. Default: the public half of `privateKey`. */
  publicKey?: KeyInput
  /** Secrets that still verify, not sign: for changing `secretKey` without logging anyone out. */
  previousSecretKey?: KeyInput | readonly KeyInput[]
  /** Public keys that still verify. */
  previousPublicKey?: KeyInput | readonly KeyInput[]
  /** Named keys in place of the five options above: the first signs, all verify, found by the token's `kid`. */
  keys?: readonly NamedKey[]
  /** The algorithms that tokens may be signed with. Default `[algorithm]`. */
  decodeAlgorithms?: readonly Algorithm[]
  /** A token's `aud` must hold one of these. Default: `encodeAudience`. A token with `aud` where none is expected is refused. */
  decodeAudience?: string | readonly string[]
  /** A token's `iss` must be this. Default: `encodeIssuer`. */
  decodeIssuer?: string
  /** Seconds by which clocks may differ when `exp` and `nbf` are judged, 0 to 300. Default 0. */
  decodeLeeway?: number
  /** The `aud` of new tokens. */
  encodeAudience?: string | readonly string[]
  /** The `iss` of new tokens. */
  encodeIssuer?: string
  /** Whether new tokens carry `nbf`. Default true. */
  encodeNbf?: boolean
  /** The claim that holds the subject. `payload.sub` is the subject whatever it is called. Default `'sub'`. */
  identityClaim?: string
  /** The member of an error's JSON body that holds the message. Default `'message'` (AuthX: `msg`). */
  errorMessageKey?: string
  /** Life of an access token. Default 15 minutes. */
  accessTokenExpires?: Duration
  /** Life of a refresh token. Default 20 days. */
  refreshTokenExpires?: Duration
  /** Where tokens are looked for, in this order; one list, or one for each type. Default `['headers']`. */
  tokenLocation?: readonly TokenLocation[] | { access: readonly TokenLocation[]; refresh: readonly TokenLocation[] }
  /** The header of the location `headers`. Default `'Authorization'`. */
  headerName?: string
  /** The scheme before the token; `''`: the header holds nothing but the token. Default `'Bearer'`. */
  headerType?: string
  /** The cookie that holds the access token. Default `'access_token_cookie'`. */
  accessCookieName?: string
  /** `Path` of that cookie. Default `'/'`. */
  accessCookiePath?: string
  /** The cookie that holds the refresh token. Default `'refresh_token_cookie'`. */
  refreshCookieName?: string
  /** `Path` of that cookie. Default `'/'`. */
  refreshCookiePath?: string
  /** Whether tokens from cookies need a CSRF value. Default true. */
  cookieCsrfProtect?: boolean
  /** `Domain` of all cookies. Default: the host that set them. */
  cookieDomain?: string
  /** `Max-Age` of all cookies, whatever `sessionCookie` says. */
  cookieMaxAge?: Duration
  /** `SameSite` of all cookies. Default `'lax'`. */
  cookieSamesite?: 'lax' | 'strict' | 'none'
  /** `Secure` on all cookies. Default true. */
  cookieSecure?: boolean
  /** `HttpOnly` on the token cookies (the CSRF cookies are there to be read). Default true. */
  cookieHttpOnly?: boolean
  /** Whether cookies end with the browser's session. If false they live as long as their token. Default true. */
  sessionCookie?: boolean
  /** The cookie that holds the access token's CSRF value, for scripts. Default `'csrf_access_token'`. */
  accessCsrfCookieName?: string
  /** `Path` of that cookie. Default `'/'`. */
  accessCsrfCookiePath?: string
  /** The header in which requests repeat the access token's CSRF value. Default `'X-CSRF-TOKEN'`. */
  accessCsrfHeaderName?: string
  /** The form field in which they may, with `csrfCheckForm`. Default `'csrf_token'`. */
  accessCsrfFieldName?: string
  /** The cookie that holds the refresh token's CSRF value, for scripts. Default `'csrf_refresh_token'`. */
  refreshCsrfCookieName?: string
  /** `Path` of that cookie. Default `'/'`. */
  refreshCsrfCookiePath?: string
  /** The header in which requests repeat the refresh token's CSRF value. Default `'X-CSRF-TOKEN'`. */
  refreshCsrfHeaderName?: string
  /** The form field in which they may, with `csrfCheckForm`. Default `'csrf_token'`. */
  refreshCsrfFieldName?: string
  /** Whether the CSRF value may come in a form field too. Default false. */
  csrfCheckForm?: boolean
  /** Whether the CSRF value is handed to scripts in cookies; if not, it is in the body of `login` and `refresh`. Default true. */
  csrfInCookies?: boolean
  /** Methods that guards ask a CSRF value of. Default POST, PUT, PATCH, DELETE. */
  csrfMethods?: readonly string[]
  /** The query parameter of the location `query`. Default `'token'`. */
  queryStringName?: string
  /** The member of a JSON body that holds the access token. Default `'access_token'`. */
  jsonKey?: string
  /** The member of a JSON body that holds the refresh token. Default `'refresh_token'`. */
  refreshJsonKey?: string
  /** Whether `login` keeps the user agent and IP address, and guards keep `lastActiveAt`. Default false. */
  sessionTracking?: boolean
  /** With `sessionTracking`: whether guards that ask the store write `lastActiveAt`, at most once a minute. Default true. */
  sessionUpdateLastActive?: boolean

  /** Paths whose requests `implicitRefresh()` leaves alone. Default none. */
  implicitRefreshRouteExclude?: readonly string[]
  /** The only paths whose requests `implicitRefresh()` renews tokens on. Default: all. */
  implicitRefreshRouteInclude?: readonly string[]
  /** Methods that `implicitRefresh()` leaves alone. Default none. */
  implicitRefreshMethodExclude?: readonly string[]
  /** The only methods that `implicitRefresh()` renews tokens on. Default: all. */
  implicitRefreshMethodInclude?: readonly string[]
  /** How long before its end an access token in a cookie is renewed. Default 10 minutes. */
  implicitRefreshDeltatime?: Duration

  /** Where sessions live. Without one, nothing can be revoked. Not in AuthX. */
  store?: TokenStore
  /** Milliseconds that one whole operation on the store, the blocklist or `getKey` may take before the answer is 503. Only time counts in which this process can hear an answer: code that blocks the event loop makes no 503. Default 250. Not in AuthX. */
  storeTimeout?: number
  /** How long the predecessor of a refresh token still gets the same successor, 0 to 60 seconds. Default 10. Not in AuthX. */
  refreshGracePeriod?: Duration
  /** How long a session can be refreshed at all, counted from its login. Default 90 days. Not in AuthX. */
  sessionExpires?: Duration
  /** Whether the store is asked about access tokens. If false, they are good until they expire. Default true. Not in AuthX. */
  accessTokenRevocation?: boolean
  /**
   * How many access tokens are remembered whose signature was good, so that it need not be checked again, 0 to
   * 1,000,000; 0 for none. One is remembered when it comes for the second time. Everything else is judged on every
   * request. Default 1000. Not in AuthX.
   */
  verifyCacheSize?: number
  /** Written to new tokens as `login_type` and asked of all. Not in AuthX's options. */
  loginType?: string
  /** Finds the key that a token is verified with, in place of the configured ones: for keys per tenant. Not in AuthX. */
  getKey?: GetKey
  /** The present, in milliseconds since 1970. Default `Date.now`. For tests. */
  now?: () => number
}

/** What `setKeys` takes. */
export type KeyOptions = Pick<
  AuthXOptions,
  | 'algorithm'
  | 'decodeAlgorithms'
  | 'secretKey'
  | 'privateKey'
  | 'publicKey'
  | 'previousSecretKey'
  | 'previousPublicKey'
  | 'keys'
>
