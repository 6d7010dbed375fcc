import type { KeyObject } from 'node:crypto'
import type { Issuer } from '../issuer.js'
import type { TokenStore } from '../store.js'
import type { Duration } from './duration.js'

/**
 * The type of a token, in its claim `type`. An access token authenticates requests, a refresh token is exchanged for
 * new tokens.
 */
export type TokenType = 'access' | 'refresh'
/** All parts of a request that can carry a token. */
export const TOKEN_LOCATIONS = ['headers', 'cookies', 'json', 'query'] as const

/** The part of a request that carries the token. */
export type TokenLocation = (typeof TOKEN_LOCATIONS)[number]

/** What a login beyond `maxSessions` does: end the sessions of the oldest logins, or be refused. */
export type TooManySessions = 'endOldest' | 'refuse'

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

/** A CryptoKey of WebCrypto, as `crypto.subtle` and jose create it. It is used for its own algorithm only. */
export interface CryptoKeyLike {
  /** `secret`, `private` or `public`. */
  readonly type: string
  /** The algorithm of the key, with its hash or its curve. */
  readonly algorithm: { readonly name: string }
  /**
   * Whether WebCrypto can export the key. Should be true: newer Node versions warn about keys that are not extractable
   * (DEP0204).
   */
  readonly extractable: boolean
  /** What the key may be used for. Must include `sign`, `verify` or both. */
  readonly usages: readonly string[]
}

/**
 * A JWK (RFC 7517), as an object. A key of type `oct` is a secret. A key with private members is a private key. `alg`
 * limits the key to one algorithm, `key_ops` to signing or verifying. A `use` other than `sig` is rejected.
 */
export interface Jwk {
  /** The type of the key: `RSA`, `EC`, or `oct` for a secret. */
  readonly kty?: string | undefined
  /** The only algorithm that the key may be used with. */
  readonly alg?: string | undefined
  /** What the key is for: `sig` (signatures). Any other value is rejected. May be missing. */
  readonly use?: string | undefined
  /** The only operations that the key may be used for: `sign`, `verify`. */
  readonly key_ops?: readonly string[] | undefined
  /** Ignored. The key's id is the `kid` of its entry in `keys`. */
  readonly kid?: string | undefined
  /** The secret of a key of type `oct`. */
  readonly k?: string | undefined
  /** The modulus of an RSA key. */
  readonly n?: string | undefined
  /** The exponent of an RSA key. */
  readonly e?: string | undefined
  /** The curve of an EC key. */
  readonly crv?: string | undefined
  /** The x coordinate of an EC key. */
  readonly x?: string | undefined
  /** The y coordinate of an EC key. */
  readonly y?: string | undefined
  /** The private part of an RSA or EC key. */
  readonly d?: string | undefined
}

/** A key: a secret (a string is encoded as UTF-8), a PEM document, a KeyObject of node:crypto, a CryptoKey or a JWK. */
export type KeyInput = string | Uint8Array | KeyObject | CryptoKeyLike | Jwk

/** A key of the option `keys`. The first key signs and requires `secretKey` or `privateKey`. All keys verify. */
export interface NamedKey {
  /**
   * The id of the key. It is written to the header of the tokens that the key signs, and selects the key that verifies
   * them (RFC 7517 §4.5).
   */
  kid: string
  /** The secret, for HS algorithms. */
  secretKey?: KeyInput | undefined
  /** The private key, for RS, PS and ES algorithms. It signs tokens. Without `publicKey` it also verifies them. */
  privateKey?: KeyInput | undefined
  /** The public key, for RS, PS and ES algorithms. It verifies tokens. Default: the public half of `privateKey`. */
  publicKey?: KeyInput | undefined
}

/**
 * The header of a token whose signature is not verified yet. Only `alg` has been checked: it is one of
 * `decodeAlgorithms`.
 */
export interface UnverifiedHeader {
  /** The algorithm that the token claims to be signed with (RFC 7515 §4.1.1). */
  readonly alg: Algorithm
  readonly [member: string]: unknown
}

/** The payload of a token whose signature is not verified yet. The caller may have forged it. */
export interface UnverifiedPayload {
  readonly [claim: string]: unknown
}

/**
 * Returns the key that verifies a token, or `undefined` if there is no such key. The errors that jose and jwks-rsa
 * throw when no key matches also mean "no such key".
 */
export type GetKey<Ctx = never> = (
  header: UnverifiedHeader,
  payload: UnverifiedPayload,
  ctx: Ctx,
) => KeyInput | undefined | Promise<KeyInput | undefined>

/**
 * Returns the claims to judge instead of those of a verified token. `undefined`: the token is refused. Must be a pure
 * function, and not async. It cannot make a token valid for longer.
 */
export type AdoptClaims = (
  claims: Record<string, unknown>,
  header: UnverifiedHeader,
) => Record<string, unknown> | undefined

/**
 * All options. Names and defaults are those of the `JWT_*` settings of AuthX, a Python library, but in camelCase. An
 * option says so if its default differs, or if AuthX does not have it.
 */
export interface AuthXOptions {
  /** The algorithm that signs tokens. Default `'HS256'`. */
  algorithm?: Algorithm | undefined
  /**
   * The secret for HS algorithms. At least 32, 48 or 64 bytes for HS256, HS384 or HS512. Required for them, unless
   * `keys` or `getKey` is set.
   */
  secretKey?: KeyInput | undefined
  /**
   * The key that signs with RS, PS and ES algorithms. With only a `publicKey`, the instance verifies tokens but cannot
   * issue them. Default: none.
   */
  privateKey?: KeyInput | undefined
  /** The key that verifies RS, PS and ES algorithms. Default: the public half of `privateKey`. */
  publicKey?: KeyInput | undefined
  /**
   * Former secrets. They verify but do not sign, so that you can change `secretKey` without logging users out. Default:
   * none.
   */
  previousSecretKey?: KeyInput | readonly KeyInput[] | undefined
  /** Former public keys. They verify, so that you can change `privateKey` without logging users out. Default: none. */
  previousPublicKey?: KeyInput | readonly KeyInput[] | undefined
  /**
   * Keys with ids, instead of `secretKey`, `privateKey`, `publicKey`, `previousSecretKey` and `previousPublicKey`. The
   * first key signs. All keys verify; the token's `kid` selects the key. Default: none.
   */
  keys?: readonly NamedKey[] | undefined
  /** The algorithms that are accepted in tokens. Default `[algorithm]`. */
  decodeAlgorithms?: readonly Algorithm[] | undefined
  /**
   * The accepted audiences: a token's `aud` must contain one of them. Default: `encodeAudience`. Without an audience,
   * tokens with `aud` are rejected. Setting the first audience, or removing the last, rejects every existing token
   * (401), at `refresh` too: all users must log in again.
   */
  decodeAudience?: string | readonly string[] | undefined
  /**
   * The accepted issuer: a token's `iss` must be equal to it. Default: `encodeIssuer`. Setting or changing it rejects
   * every existing token (401), at `refresh` too: all users must log in again. Removing it rejects no token.
   */
  decodeIssuer?: string | undefined
  /** Allowed clock difference for `exp` and `nbf`, in seconds, 0 to 300. Default 0. */
  decodeLeeway?: number | undefined
  /**
   * The `aud` of new tokens, and the default of `decodeAudience`. Default: none. Setting this option for the first
   * time, or removing it, rejects every existing token (401), at `refresh` too: all users must log in again. To change
   * it without rejecting tokens, list both the old and the new audience in `decodeAudience`.
   */
  encodeAudience?: string | readonly string[] | undefined
  /**
   * The `iss` of new tokens, and the default of `decodeIssuer`. Default: none. Setting or changing it rejects every
   * existing token (401), at `refresh` too: all users must log in again.
   */
  encodeIssuer?: string | undefined
  /** Whether new tokens carry `nbf`. Default true. */
  encodeNbf?: boolean | undefined
  /** The claim that holds the subject in a token. `payload.sub` is always the subject. Default `'sub'`. */
  identityClaim?: string | undefined
  /** The member of an error's JSON body that holds the message. Default `'message'` (AuthX: `msg`). */
  errorMessageKey?: string | undefined
  /** Lifetime of an access token. Default 15 minutes. */
  accessTokenExpires?: Duration | undefined
  /** Lifetime of a refresh token. Default 20 days. */
  refreshTokenExpires?: Duration | undefined
  /**
   * The locations where tokens are searched, in this order. One list for both token types, or one list for each.
   * Default `['headers']`. Adding a location rejects no token. Tokens in a removed location are not found (401): keep
   * the location in the list until all clients have refreshed.
   */
  tokenLocation?:
    | readonly TokenLocation[]
    | { access: readonly TokenLocation[]; refresh: readonly TokenLocation[] }
    | undefined
  /** The request header for the location `headers`. Default `'Authorization'`. */
  headerName?: string | undefined
  /**
   * The scheme before the token in the header. `''` means that the header contains only the token. Default `'Bearer'`.
   */
  headerType?: string | undefined
  /** The cookie that holds the access token. Default `'access_token_cookie'`. */
  accessCookieName?: string | undefined
  /** `Path` of the access token's cookie. Default `'/'`. */
  accessCookiePath?: string | undefined
  /** The cookie that holds the refresh token. Default `'refresh_token_cookie'`. */
  refreshCookieName?: string | undefined
  /** `Path` of the refresh token's cookie. It must include the routes of refresh and logout. Default `'/'`. */
  refreshCookiePath?: string | undefined
  /**
   * Require a CSRF value with tokens from cookies. Default true. After you turn it on, `refresh`, `logout` and requests
   * with a method of `csrfMethods` are rejected (403) until the user's next login, because the browser has no CSRF
   * cookie until then.
   */
  cookieCsrfProtect?: boolean | undefined
  /** `Domain` of all cookies. Default: the host that set the cookies. */
  cookieDomain?: string | undefined
  /**
   * Domains and paths that earlier deployments used for the cookies. Old cookies there are cleared whenever cookies are
   * set or cleared. An entry without `domain` means host-only cookies. An entry without `path` means the current path.
   * If `cookieDomain` is set, host-only cookies are always cleared. An entry with `partitioned: true` also means cookies
   * with `Partitioned`, as all entries do if `cookiePartitioned` is set. Default: none. Not in AuthX for Python.
   */
  formerCookies?:
    | readonly { domain?: string | undefined; path?: string | undefined; partitioned?: boolean | undefined }[]
    | undefined
  /**
   * `Max-Age` of all cookies. It overrides `sessionCookie`. The cookies of a login with `persistent: false` have no
   * `Max-Age`. Default: none.
   */
  cookieMaxAge?: Duration | undefined
  /** `SameSite` of all cookies. Default `'lax'`. */
  cookieSamesite?: 'lax' | 'strict' | 'none' | undefined
  /** `Secure` on all cookies. Default true. */
  cookieSecure?: boolean | undefined
  /** `HttpOnly` on the token cookies. CSRF cookies never have it, because scripts must read them. Default true. */
  cookieHttpOnly?: boolean | undefined
  /**
   * `Partitioned` on all cookies (CHIPS): a page in a frame of another site has its own cookies there. Requires
   * `cookieSecure` and `cookieSamesite: 'none'`. Cookies without `Partitioned` are cleared whenever cookies are set or
   * cleared. Default false. Not in AuthX for Python.
   */
  cookiePartitioned?: boolean | undefined
  /**
   * Cookies end with the browser's session. If false, each cookie lives as long as its token. The option `persistent`
   * of `login` overrides this for one login. Default true.
   */
  sessionCookie?: boolean | undefined
  /** The cookie that holds the access token's CSRF value, readable by scripts. Default `'csrf_access_token'`. */
  accessCsrfCookieName?: string | undefined
  /** `Path` of the access token's CSRF cookie. Default `'/'`. */
  accessCsrfCookiePath?: string | undefined
  /** The request header for the access token's CSRF value. Default `'X-CSRF-TOKEN'`. */
  accessCsrfHeaderName?: string | undefined
  /** The form field for the access token's CSRF value. Requires `csrfCheckForm`. Default `'csrf_token'`. */
  accessCsrfFieldName?: string | undefined
  /** The cookie that holds the refresh token's CSRF value, readable by scripts. Default `'csrf_refresh_token'`. */
  refreshCsrfCookieName?: string | undefined
  /** `Path` of the refresh token's CSRF cookie. Default `'/'`. */
  refreshCsrfCookiePath?: string | undefined
  /** The request header for the refresh token's CSRF value. Default `'X-CSRF-TOKEN'`. */
  refreshCsrfHeaderName?: string | undefined
  /** The form field for the refresh token's CSRF value. Requires `csrfCheckForm`. Default `'csrf_token'`. */
  refreshCsrfFieldName?: string | undefined
  /** Accept the CSRF value in a form field too. Default false. */
  csrfCheckForm?: boolean | undefined
  /** Set CSRF values in cookies. If false, `login` and `refresh` return them in the response body. Default true. */
  csrfInCookies?: boolean | undefined
  /** Methods for which guards require the CSRF value. Default: all except GET, HEAD, OPTIONS and TRACE. */
  csrfMethods?: readonly string[] | undefined
  /**
   * How to detect a request that a page of another site made the browser send with our cookies. `'token'`: by the CSRF
   * value. `'origin'`: by the headers `Sec-Fetch-Site` and `Origin`, which browsers set; a request with neither needs
   * the CSRF value. Both reject logins of other sites that would set cookies; `'token'` accepts them with JSON or with
   * the CSRF header, and `'origin'` with GET. Default `'token'`. Not in AuthX for Python.
   */
  csrfCheck?: 'token' | 'origin' | undefined
  /**
   * Other origins whose pages may use our cookies, as browsers send them: `https://app.example`. They may open a
   * WebSocket with a token from a cookie, and with `csrfCheck: 'origin'` send any request. The server's own origin is
   * always accepted. This list is also the default of the option `origins` of `authenticateUpgrade`, which does not
   * know the server's own origin. Default: none. Not in AuthX for Python.
   */
  trustedOrigins?: readonly string[] | undefined
  /** The query parameter for the location `query`. Default `'token'`. */
  queryStringName?: string | undefined
  /** The member of a JSON body that holds the access token. Default `'access_token'`. */
  jsonKey?: string | undefined
  /** The member of a JSON body that holds the refresh token. Default `'refresh_token'`. */
  refreshJsonKey?: string | undefined
  /** Record the user agent and IP address at `login`, and `lastActiveAt` in guards. Default false. */
  sessionTracking?: boolean | undefined
  /** With `sessionTracking`: guards that read the store write `lastActiveAt`, at most once a minute. Default true. */
  sessionUpdateLastActive?: boolean | undefined

  /**
   * Paths that `implicitRefresh()` ignores. Paths are full paths, as the client sends them, including the mount path of
   * an app. Default: none.
   */
  implicitRefreshRouteExclude?: readonly string[] | undefined
  /**
   * The only paths on which `implicitRefresh()` renews tokens. Paths are full paths, as the client sends them. Default:
   * all.
   */
  implicitRefreshRouteInclude?: readonly string[] | undefined
  /** Methods that `implicitRefresh()` ignores. Default: none. */
  implicitRefreshMethodExclude?: readonly string[] | undefined
  /** The only methods on which `implicitRefresh()` renews tokens. Default: all. */
  implicitRefreshMethodInclude?: readonly string[] | undefined
  /** `implicitRefresh()` renews an access token in a cookie if it expires within this time. Default 10 minutes. */
  implicitRefreshDeltatime?: Duration | undefined

  /** The store for sessions. Without a store, nothing can be revoked. Default: none. Not in AuthX for Python. */
  store?: TokenStore | undefined
  /**
   * Timeout of one whole operation on the store, the blocklist or `getKey`, in milliseconds, 1 to 60,000. After the
   * timeout the response is 503. Time in which the event loop is blocked does not count. Default 250. Not in AuthX for
   * Python.
   */
  storeTimeout?: number | undefined
  /**
   * Timeout of one call of the claims getter, the subject getter or a policy engine, and of the wait for the keys of an
   * issuer. After the timeout the response is 503. Time in which the event loop is blocked does not count. Default 5 seconds. Not in AuthX for Python.
   */
  callbackTimeout?: Duration | undefined
  /**
   * For how long a used refresh token can be sent again after its use. The response has the current refresh token of
   * the session and a new access token. 0 to 60 seconds. 0 also turns `refreshRecovery` off. Default 10. Not in AuthX
   * for Python.
   */
  refreshGracePeriod?: Duration | undefined
  /**
   * For how long after its use a refresh token still gets new tokens, if nobody has used the tokens that replaced it:
   * their response was lost. 0 turns this off, and so does `accessTokenRevocation: false`. Default 1 day. Not in AuthX
   * for Python.
   */
  refreshRecovery?: Duration | undefined
  /**
   * Maximum lifetime of a session, counted from its login. After this time the session cannot be refreshed. Default 90
   * days. Not in AuthX for Python.
   */
  sessionExpires?: Duration | undefined
  /**
   * How many live sessions a subject can have, 1 to 500, in all processes together. Requires a store. Default: no
   * limit. Not in AuthX for Python.
   */
  maxSessions?: number | undefined
  /**
   * What a login beyond `maxSessions` does: `'endOldest'` ends the sessions of the oldest logins, `'refuse'` answers
   * 403 TooManySessionsError and writes nothing. Default `'endOldest'`. Not in AuthX for Python.
   */
  tooManySessions?: TooManySessions | undefined
  /**
   * Check access tokens for revocation in the store. If false, they are valid until they expire. Default true. Not in
   * AuthX for Python.
   */
  accessTokenRevocation?: boolean | undefined
  /**
   * Maximum number of cached access tokens, 0 to 1,000,000. 0 turns the cache off. The signature of a cached token is
   * not verified again; everything else is checked on every request. A token is cached when it is sent for the second
   * time. Default 1000. Not in AuthX for Python.
   */
  verifyCacheSize?: number | undefined
  /**
   * The claim `login_type` of new tokens. Tokens with another login type are rejected. Default: none. Setting or
   * changing it rejects every existing token (401), at `refresh` too, so all users must log in again, unless
   * `adoptClaims` and `storedLoginType` are set. Removing it rejects no token. Not in the options of AuthX for Python.
   */
  loginType?: string | undefined
  /**
   * The login type under which the store keeps sessions: the former `loginType`, or `false` if there was none. Set it
   * together with `loginType` and `adoptClaims` on a running system: existing sessions stay valid, and `listSessions`
   * and `revokeAllSessions` find them. Keep it: without it, sessions end, and what was revoked is forgotten. Default:
   * the `loginType`. Not in AuthX for Python.
   */
  storedLoginType?: string | false | undefined
  /**
   * Returns the key that verifies a token, instead of the configured keys: for one key per tenant, for example.
   * Default: none. Not in AuthX for Python.
   */
  getKey?: GetKey | undefined
  /**
   * Returns the claims to judge instead of those of a token: for tokens that an application issued before it used
   * koa-authx, and that lack `type`, `jti`, `aud`, `iss` or `login_type`. It gets the claims (a copy) and the header
   * after one of our keys has verified the signature: never for tokens of `issuers` or, if the instance has keys, for
   * tokens that only a key from `getKey` has verified. It must always return the same claims for the same token. The
   * token's own `type` (`access` or `refresh`), `jti`, and `sid` with `gen` stay; of `exp` and `iat` the earlier one is
   * used, of `nbf` the later one. If neither token nor result has a `jti`, a hash of the token is its `jti`; without
   * `iat`, it is 0. `undefined`: the token is refused (401). If it throws, or returns a promise or anything else that is
   * not an object of JSON values, the response is 503. Default: none. Not in AuthX for Python.
   */
  adoptClaims?: AdoptClaims | undefined
  /**
   * The identity providers whose access tokens are accepted too: `[remoteIssuer({ issuer, audience })]`, from
   * `koa-authx/issuers`. An issuer's token is judged by this issuer alone, all other tokens by our own keys. Default:
   * none. Not in AuthX for Python.
   */
  issuers?: readonly Issuer[] | undefined
  /**
   * Returns the current time in milliseconds since 1970. Default `Date.now`. For tests. If it does not return a number
   * between the years 1970 and 9999, the call fails with BadConfigurationError (500).
   */
  now?: (() => number) | undefined
}

/** Options of `setKeys`. */
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
