import { KeyObject } from 'node:crypto'
import { types } from 'node:util'
import type { Issuer } from '../issuer.js'
import type { TokenStore } from '../store.js'
import {
  type AdoptClaims,
  ALGORITHMS,
  type AuthXOptions,
  type GetKey,
  type KeyInput,
  type NamedKey,
  TOKEN_LOCATIONS,
  type TokenLocation,
} from './options.js'
import * as values from './values.js'

/** The type and the default of one option, and whether an environment variable sets it. */
export interface OptionSpec<T> {
  readonly type: values.ValueType<T>
  readonly fallback: T
  /** Whether the environment variable `JWT_<NAME>` sets the option. */
  readonly environment: boolean
}

/** The value of an option without a default. */
type Maybe<T> = T | undefined

const authx = <T>(type: values.ValueType<T>, fallback: T): OptionSpec<T> => ({ type, fallback, environment: true })
const maybe = <T>(type: values.ValueType<T>): OptionSpec<Maybe<T>> => ({ type, fallback: undefined, environment: true })
const ours = <T>(type: values.ValueType<T>, fallback: T): OptionSpec<T> => ({ type, fallback, environment: false })

const isJwk = (value: unknown) => values.isObject(value) && typeof value.kty === 'string'
const isKey = (value: unknown) =>
  typeof value === 'string' ||
  value instanceof Uint8Array ||
  value instanceof KeyObject ||
  types.isCryptoKey(value) ||
  isJwk(value)

const key = values.opaque<KeyInput>('a string, a Buffer, a KeyObject, a CryptoKey or a JWK', isKey)

const LOCATIONS = values.listOf(values.oneOf(...TOKEN_LOCATIONS))

export interface LocationsByType {
  readonly access: readonly TokenLocation[]
  readonly refresh: readonly TokenLocation[]
}

const locations: values.ValueType<LocationsByType> = {
  accepts: `${LOCATIONS.accepts}; or { access: [...], refresh: [...] }`,
  read(value) {
    if (!values.isObject(value)) {
      const list = LOCATIONS.read(value)
      // A refresh token in a URL ends up in logs and browser histories. Only { refresh: ['query'] } allows it.
      return list && Object.freeze({ access: list, refresh: Object.freeze(list.filter(place => place !== 'query')) })
    }
    if (Object.keys(value).some(name => name !== 'access' && name !== 'refresh')) return undefined
    const [access, refresh] = [LOCATIONS.read(value.access), LOCATIONS.read(value.refresh)]
    return access && refresh && Object.freeze({ access, refresh })
  },
  fromText: LOCATIONS.fromText,
}

const namedKeys = values.opaque<readonly NamedKey[]>(
  'a list of { kid, secretKey } or { kid, privateKey, publicKey }',
  value => Array.isArray(value) && value.length > 0 && value.every(values.isObject),
)

const store = values.opaque<TokenStore>(
  "a TokenStore: new MemoryTokenStore() from 'koa-authx/stores/memory', new SqliteTokenStore(path) from '.../sqlite', " +
    "new RedisTokenStore(url) from '.../redis', new KeyvTokenStore(keyv) from '.../keyv', or an object with the methods get and compareAndSet",
  value => values.isObject(value) && typeof value.get === 'function' && typeof value.compareAndSet === 'function',
)

const isFunction = (value: unknown) => typeof value === 'function'
const clock = values.opaque<() => number>('a function', isFunction)
const keyGetter = values.opaque<GetKey>('a function', isFunction)
const claimsAdopter = values.opaque<AdoptClaims>('a function', isFunction)

const textOrFalse = values.opaque<string | false>(
  'a non-empty string, or false',
  value => value === false || values.text.read(value) !== undefined,
)

const issuer = values.opaque<Issuer>(
  "remoteIssuer({ issuer, audience }), from 'koa-authx/issuers'",
  value =>
    values.isObject(value) &&
    typeof value.issuer === 'string' &&
    value.issuer !== '' &&
    Array.isArray(value.algorithms) &&
    (value.audience === false || Array.isArray(value.audience)) &&
    Array.isArray(value.clientId) &&
    typeof value.verify === 'function',
)

/** A domain and a path that an earlier deployment used for cookies, and whether these had `Partitioned`. */
export interface FormerScope {
  readonly domain?: string
  readonly path?: string
  readonly partitioned?: boolean
}

const formerScope: values.ValueType<FormerScope> = {
  accepts: "an object with domain, path or partitioned, such as { domain: 'example.com' } or { path: '/api' }",
  read(value) {
    if (!values.isObject(value)) return undefined
    const { domain, path, partitioned, ...others } = value
    if (Object.keys(others).length > 0) return undefined
    if (domain === undefined && path === undefined && partitioned === undefined) return undefined
    if (domain !== undefined && values.domain.read(domain) === undefined) return undefined
    if (path !== undefined && values.cookiePath.read(path) === undefined) return undefined
    if (partitioned !== undefined && typeof partitioned !== 'boolean') return undefined
    return Object.freeze({
      ...(domain !== undefined && { domain }),
      ...(path !== undefined && { path }),
      ...(partitioned !== undefined && { partitioned }),
    }) as FormerScope
  },
  fromText: text => text,
}

const routes = values.listOf(values.path, { empty: true })
const methods = values.listOf(values.method, { empty: true })
const NONE: readonly string[] = Object.freeze([])

const HEADERS_ONLY: LocationsByType = Object.freeze({
  access: Object.freeze(['headers' as const]),
  refresh: Object.freeze(['headers' as const]),
})

/** All options: their types and defaults. */
export const OPTIONS = {
  algorithm: authx(values.oneOf(...ALGORITHMS), 'HS256'),
  secretKey: maybe(key),
  privateKey: maybe(key),
  publicKey: maybe(key),
  previousSecretKey: authx<readonly KeyInput[]>(values.oneOrMore(key, { commas: false }), Object.freeze([])),
  previousPublicKey: authx<readonly KeyInput[]>(values.oneOrMore(key, { commas: false }), Object.freeze([])),
  keys: ours<Maybe<readonly NamedKey[]>>(namedKeys, undefined),
  decodeAlgorithms: maybe(values.listOf(values.oneOf(...ALGORITHMS))),
  decodeAudience: maybe(values.oneOrMore(values.text)),
  decodeIssuer: maybe(values.text),
  decodeLeeway: authx(values.integer(0, 300, 'seconds'), 0),
  encodeAudience: maybe(values.oneOrMore(values.text)),
  encodeIssuer: maybe(values.text),
  encodeNbf: authx(values.flag, true),
  identityClaim: authx(values.text, 'sub'),
  errorMessageKey: authx(values.text, 'message'),
  accessTokenExpires: authx(values.duration(), 15 * 60),
  refreshTokenExpires: authx(values.duration(), 20 * 86_400),
  tokenLocation: authx(locations, HEADERS_ONLY),
  headerName: authx(values.httpToken, 'Authorization'),
  headerType: authx(values.optionalHttpToken, 'Bearer'),
  accessCookieName: authx(values.httpToken, 'access_token_cookie'),
  accessCookiePath: authx(values.cookiePath, '/'),
  refreshCookieName: authx(values.httpToken, 'refresh_token_cookie'),
  refreshCookiePath: authx(values.cookiePath, '/'),
  cookieCsrfProtect: authx(values.flag, true),
  cookieDomain: maybe(values.domain),
  formerCookies: authx<readonly FormerScope[]>(values.listOf(formerScope, { empty: true }), Object.freeze([])),
  cookieMaxAge: maybe(values.duration()),
  cookieSamesite: authx(values.samesite, 'lax'),
  cookieSecure: authx(values.flag, true),
  cookieHttpOnly: authx(values.flag, true),
  cookiePartitioned: authx(values.flag, false),
  sessionCookie: authx(values.flag, true),
  accessCsrfCookieName: authx(values.httpToken, 'csrf_access_token'),
  accessCsrfCookiePath: authx(values.cookiePath, '/'),
  accessCsrfHeaderName: authx(values.httpToken, 'X-CSRF-TOKEN'),
  accessCsrfFieldName: authx(values.text, 'csrf_token'),
  refreshCsrfCookieName: authx(values.httpToken, 'csrf_refresh_token'),
  refreshCsrfCookiePath: authx(values.cookiePath, '/'),
  refreshCsrfHeaderName: authx(values.httpToken, 'X-CSRF-TOKEN'),
  refreshCsrfFieldName: authx(values.text, 'csrf_token'),
  csrfCheckForm: authx(values.flag, false),
  csrfInCookies: authx(values.flag, true),
  csrfMethods: maybe(values.listOf(values.method)),
  csrfCheck: authx(values.oneOf('token', 'origin'), 'token'),
  trustedOrigins: authx<readonly string[]>(values.listOf(values.origin, { empty: true }), Object.freeze([])),
  queryStringName: authx(values.text, 'token'),
  jsonKey: authx(values.text, 'access_token'),
  refreshJsonKey: authx(values.text, 'refresh_token'),
  sessionTracking: authx(values.flag, false),
  sessionUpdateLastActive: authx(values.flag, true),
  implicitRefreshRouteExclude: authx<readonly string[]>(routes, NONE),
  implicitRefreshRouteInclude: authx<readonly string[]>(routes, NONE),
  implicitRefreshMethodExclude: authx<readonly string[]>(methods, NONE),
  implicitRefreshMethodInclude: authx<readonly string[]>(methods, NONE),
  implicitRefreshDeltatime: authx(values.duration(), 10 * 60),
  store: ours<Maybe<TokenStore>>(store, undefined),
  storeTimeout: ours(values.integer(1, 60_000, 'milliseconds'), 250),
  callbackTimeout: authx(values.duration(), 5),
  refreshGracePeriod: ours(values.duration({ least: 0, most: 60 }), 10),
  refreshRecovery: authx(values.duration({ least: 0 }), 86_400),
  sessionExpires: ours(values.duration(), 90 * 86_400),
  maxSessions: maybe(values.integer(1, 500, 'sessions')),
  tooManySessions: authx(values.oneOf('endOldest', 'refuse'), 'endOldest'),
  accessTokenRevocation: ours(values.flag, true),
  verifyCacheSize: ours(values.integer(0, 1_000_000, 'tokens'), 1000),
  loginType: ours<Maybe<string>>(values.text, undefined),
  storedLoginType: ours<Maybe<string | false>>(textOrFalse, undefined),
  getKey: ours<Maybe<GetKey>>(keyGetter, undefined),
  adoptClaims: ours<Maybe<AdoptClaims>>(claimsAdopter, undefined),
  issuers: ours<readonly Issuer[]>(values.listOf(issuer, { empty: true }), Object.freeze([])),
  // Date.now is read at each call, because fake timers replace it.
  now: ours(clock, () => Date.now()),
} satisfies { [Name in keyof AuthXOptions]-?: OptionSpec<unknown> }

/** The options with all defaults: normalised and frozen. Durations are in seconds. */
export type Config = {
  readonly [Name in keyof typeof OPTIONS]: (typeof OPTIONS)[Name] extends OptionSpec<infer T> ? T : never
} & {
  readonly decodeAlgorithms: readonly (typeof ALGORITHMS)[number][]
}
