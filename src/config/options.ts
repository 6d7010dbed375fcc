import type { KeyObject } from 'node:crypto'
import type { TokenStore } from '../store.js'
import type { Duration } from './duration.js'

/** What a token is for: calls, or the refresh. The claim `type` says it. */
export type TokenType = 'access' | 'refresh'
/** All places where a request can carry a token. */
export const TOKEN_LOCATIONS = ['headers', 'cookies', 'json', 'query'] as const

/** Where a request carries a token. */
export type TokenLocation = (typeof TOKEN_LOCATIONS)[number]

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

/** A CryptoKey of WebCrypto, as `crypto.subtle` and jose make it. It is used for its own algorithm only. */
export interface CryptoKeyLike {
  /** `secret`, `private` or `public`. */
  readonly type: string
  /** The algorithm that the key is made for, with its hash or its curve. */
  readonly algorithm: { readonly name: string }
  /** Whether WebCrypto exports the key. Make it true: newer versions of Node warn of others (DEP0204). */
  readonly extractable: boolean
  /** What the key may be used for: it has to hold `sign`, `verify` or both. */
  readonly usages: readonly string[]
}

/**
 * A JWK (RFC 7517), as an object. A key of type `oct` is a secret, one with private members a private key. `alg` limits it
 * to one algorithm, `key_ops` to signing or verifying; a `use` other than `sig` is refused.
 */
export interface Jwk {
  /** `RSA`, `EC` or `oct`. */
  readonly kty?: string | undefined
  /** The only algorithm that the key is used for. */
  readonly alg?: string | undefined
  /** `sig`, if it is there. */
  readonly use?: string | undefined
  /** The only operations that the key is used for: `sign`, `verify`. */
  readonly key_ops?: readonly string[] | undefined
  /** Not read: the name of a key is the `kid` beside it, in `keys`. */
  readonly kid?: string | undefined
  /** The secret of a key of type `oct`. */
  readonly k?: string | undefined
  /** The modulus of an RSA key. */
  readonly n?: string | undefined
  /** The exponent of an RSA key. */
  readonly e?: string | undefined
  /** The curve of an EC key. */
  readonly crv?: string | undefined
  /** A coordinate of an EC key. */
  readonly x?: string | undefined
  /** A coordinate of an EC key. */
  readonly y?: string | undefined
  /** The private part of a key. */
  readonly d?: string | undefined
}

/** A secret (text is taken as UTF-8), a PEM document, a KeyObject of node:crypto, a CryptoKey or a JWK. */
export type KeyInput = string | Uint8Array | KeyObject | CryptoKeyLike | Jwk

/** One key of a set. The first of the set signs and needs `secretKey` or `privateKey`; all verify. */
export interface NamedKey {
  /** Goes into the header of the tokens that this key signs, and finds the key again (RFC 7517 §4.5). */
  kid: string
  /** For HS algorithms. */
  secretKey?: KeyInput | undefined
  /** For RS, PS and ES algorithms: signs, and verifies too if `publicKey` is not given. */
  privateKey?: KeyInput | undefined
  /** For RS, PS and ES algorithms: verifies. */
  publicKey?: KeyInput | undefined
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

/**
 * Finds the key that a token is to be verified with; `undefined` if there is none. Errors with which jose and jwks-rsa say
 * that no key fits mean the same.
 */
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
  algorithm?: Algorithm | undefined
  /** The secret of HS algorithms: at least 32, 48 or 64 bytes for HS256, HS384 or HS512. */
  secretKey?: KeyInput | undefined
  /** Signs with RS, PS and ES algorithms. Without it, an instance with a `publicKey` only verifies. */
  privateKey?: KeyInput | undefined
  /** Verifies with RS, PS and ES algorithms. Default: the public half of `privateKey`. */
  publicKey?: KeyInput | undefined
  /** Secrets that still verify, not sign: for changing `secretKey` without logging anyone out. */
  previousSecretKey?: KeyInput | readonly KeyInput[] | undefined
  /** Public keys that still verify. */
  previousPublicKey?: KeyInput | readonly KeyInput[] | undefined
  /** Named keys in place of the five options above: the first signs, all verify, found by the token's `kid`. */
  keys?: readonly NamedKey[] | undefined
  /** The algorithms that tokens may be signed with. Default `[algorithm]`. */
  decodeAlgorithms?: readonly Algorithm[] | undefined
  /**
   * A token's `aud` must hold one of these. Default: `encodeAudience`. A token with `aud` where none is expected is refused.
   * Where there was no audience before, every token in circulation is refused (401), at `refresh` too: everybody logs in
   * again. Removing it does the same.
   */
  decodeAudience?: string | readonly string[] | undefined
  /**
   * A token's `iss` must be this. Default: `encodeIssuer`. Setting or changing it refuses every token in circulation (401),
   * at `refresh` too: everybody logs in again. Removing it refuses none.
   */
  decodeIssuer?: string | undefined
  /** Seconds by which clocks may differ when `exp` and `nbf` are judged, 0 to 300. Default 0. */
  decodeLeeway?: number | undefined
  /**
   * The `aud` of new tokens. It sets the default of `decodeAudience`: where there was no audience before, every token in
   * circulation is refused (401), at `refresh` too, and everybody logs in again. Removing it does the same. To change it,
   * list the former one in `decodeAudience`.
   */
  encodeAudience?: string | readonly string[] | undefined
  /**
   * The `iss` of new tokens. It sets the default of `decodeIssuer`: setting or changing it refuses every token in
   * circulation (401), at `refresh` too, and everybody logs in again.
   */
  encodeIssuer?: string | undefined
  /** Whether new tokens carry `nbf`. Default true. */
  encodeNbf?: boolean | undefined
  /** The claim that holds the subject. `payload.sub` is the subject whatever it is called. Default `'sub'`. */
  identityClaim?: string | undefined
  /** The member of an error's JSON body that holds the message. Default `'message'` (AuthX: `msg`). */
  errorMessageKey?: string | undefined
  /** Life of an access token. Default 15 minutes. */
  accessTokenExpires?: Duration | undefined
  /** Life of a refresh token. Default 20 days. */
  refreshTokenExpires?: Duration | undefined
  /**
   * Where tokens are looked for, in this order; one list, or one for each type. Default `['headers']`. Adding a location
   * refuses no token. A token in a location that is taken out is not found any more (401): keep it in the list until
   * clients have refreshed.
   */
  tokenLocation?:
    | readonly TokenLocation[]
    | { access: readonly TokenLocation[]; refresh: readonly TokenLocation[] }
    | undefined
  /** The header of the location `headers`. Default `'Authorization'`. */
  headerName?: string | undefined
  /** The scheme before the token; `''`: the header holds nothing but the token. Default `'Bearer'`. */
  headerType?: string | undefined
  /** The cookie that holds the access token. Default `'access_token_cookie'`. */
  accessCookieName?: string | undefined
  /** `Path` of that cookie. Default `'/'`. */
  accessCookiePath?: string | undefined
  /** The cookie that holds the refresh token. Default `'refresh_token_cookie'`. */
  refreshCookieName?: string | undefined
  /** `Path` of the refresh token's cookie. The routes of refresh and logout have to lie inside it. Default `'/'`. */
  refreshCookiePath?: string | undefined
  /**
   * Whether tokens from cookies need a CSRF value. Default true. Turning it on refuses `refresh`, `logout` and every method
   * but reads (403) until the next login: browsers were given no CSRF cookie.
   */
  cookieCsrfProtect?: boolean | undefined
  /** `Domain` of all cookies. Default: the host that set them. */
  cookieDomain?: string | undefined
  /**
   * Where an earlier deployment has set the cookies, if `cookieDomain` or a path was another one then: they are cleared
   * whenever cookies are set or cleared. A scope without `domain` is the host's own, one without `path` has the present
   * path. Default: none; with `cookieDomain` the host's own cookies are cleared in any case. Not in AuthX.
   */
  formerCookies?: readonly { domain?: string | undefined; path?: string | undefined }[] | undefined
  /** `Max-Age` of all cookies, whatever `sessionCookie` says. */
  cookieMaxAge?: Duration | undefined
  /** `SameSite` of all cookies. Default `'lax'`. */
  cookieSamesite?: 'lax' | 'strict' | 'none' | undefined
  /** `Secure` on all cookies. Default true. */
  cookieSecure?: boolean | undefined
  /** `HttpOnly` on the token cookies (the CSRF cookies are there to be read). Default true. */
  cookieHttpOnly?: boolean | undefined
  /** Whether cookies end with the browser's session. If false they live as long as their token. Default true. */
  sessionCookie?: boolean | undefined
  /** The cookie that holds the access token's CSRF value, for scripts. Default `'csrf_access_token'`. */
  accessCsrfCookieName?: string | undefined
  /** `Path` of that cookie. Default `'/'`. */
  accessCsrfCookiePath?: string | undefined
  /** The header in which requests repeat the access token's CSRF value. Default `'X-CSRF-TOKEN'`. */
  accessCsrfHeaderName?: string | undefined
  /** The form field in which they may, with `csrfCheckForm`. Default `'csrf_token'`. */
  accessCsrfFieldName?: string | undefined
  /** The cookie that holds the refresh token's CSRF value, for scripts. Default `'csrf_refresh_token'`. */
  refreshCsrfCookieName?: string | undefined
  /** `Path` of that cookie. Default `'/'`. */
  refreshCsrfCookiePath?: string | undefined
  /** The header in which requests repeat the refresh token's CSRF value. Default `'X-CSRF-TOKEN'`. */
  refreshCsrfHeaderName?: string | undefined
  /** The form field in which they may, with `csrfCheckForm`. Default `'csrf_token'`. */
  refreshCsrfFieldName?: string | undefined
  /** Whether the CSRF value may come in a form field too. Default false. */
  csrfCheckForm?: boolean | undefined
  /** Whether the CSRF value is handed to scripts in cookies; if not, it is in the body of `login` and `refresh`. Default true. */
  csrfInCookies?: boolean | undefined
  /** Methods that guards ask a CSRF value of. Default POST, PUT, PATCH, DELETE. */
  csrfMethods?: readonly string[] | undefined
  /**
   * Origins of other sites of yours whose pages may open a WebSocket with a token from a cookie, as browsers write them:
   * `https://app.example`. A guard takes this server's own origin too; `authenticateUpgrade` takes these unless it is
   * given others. Default: none. Not in AuthX.
   */
  trustedOrigins?: readonly string[] | undefined
  /** The query parameter of the location `query`. Default `'token'`. */
  queryStringName?: string | undefined
  /** The member of a JSON body that holds the access token. Default `'access_token'`. */
  jsonKey?: string | undefined
  /** The member of a JSON body that holds the refresh token. Default `'refresh_token'`. */
  refreshJsonKey?: string | undefined
  /** Whether `login` keeps the user agent and IP address, and guards keep `lastActiveAt`. Default false. */
  sessionTracking?: boolean | undefined
  /** With `sessionTracking`: whether guards that ask the store write `lastActiveAt`, at most once a minute. Default true. */
  sessionUpdateLastActive?: boolean | undefined

  /** Paths whose requests `implicitRefresh()` leaves alone, as the client sends them: with the path of a mounted app. Default none. */
  implicitRefreshRouteExclude?: readonly string[] | undefined
  /** The only paths whose requests `implicitRefresh()` renews tokens on, as the client sends them. Default: all. */
  implicitRefreshRouteInclude?: readonly string[] | undefined
  /** Methods that `implicitRefresh()` leaves alone. Default none. */
  implicitRefreshMethodExclude?: readonly string[] | undefined
  /** The only methods that `implicitRefresh()` renews tokens on. Default: all. */
  implicitRefreshMethodInclude?: readonly string[] | undefined
  /** How long before its end an access token in a cookie is renewed. Default 10 minutes. */
  implicitRefreshDeltatime?: Duration | undefined

  /** Where sessions live. Without one, nothing can be revoked. Not in AuthX. */
  store?: TokenStore | undefined
  /** Milliseconds that one whole operation on the store, the blocklist or `getKey` may take before the answer is 503. Only time counts in which this process can hear an answer: code that blocks the event loop makes no 503. Default 250. Not in AuthX. */
  storeTimeout?: number | undefined
  /** How long the predecessor of a refresh token still gets the same successor, 0 to 60 seconds. Default 10. Not in AuthX. */
  refreshGracePeriod?: Duration | undefined
  /** How long a session can be refreshed at all, counted from its login. Default 90 days. Not in AuthX. */
  sessionExpires?: Duration | undefined
  /** Whether the store is asked about access tokens. If false, they are good until they expire. Default true. Not in AuthX. */
  accessTokenRevocation?: boolean | undefined
  /**
   * How many access tokens are remembered whose signature was good, so that it need not be checked again, 0 to
   * 1,000,000; 0 for none. One is remembered when it comes for the second time. Everything else is judged on every
   * request. Default 1000. Not in AuthX.
   */
  verifyCacheSize?: number | undefined
  /**
   * Written to new tokens as `login_type` and asked of all. Setting or changing it refuses every token in circulation
   * (401), at `refresh` too: everybody logs in again. Removing it refuses none. Not in AuthX's options.
   */
  loginType?: string | undefined
  /** Finds the key that a token is verified with, in place of the configured ones: for keys per tenant. Not in AuthX. */
  getKey?: GetKey | undefined
  /**
   * The present, in milliseconds since 1970. Default `Date.now`. For tests. A call that returns anything but a number, from
   * 1970 to 9999, is a BadConfigurationError (500).
   */
  now?: (() => number) | undefined
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
