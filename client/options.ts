import { isObject } from './claims.js'
import { noSuch } from './names.js'
import { page, whereAllowed } from './page.js'

/**
 * Where the server expects tokens. `cookies`: both tokens in cookies. `dual`: the access token in a header, the refresh
 * token in a cookie. `headers`: both tokens in a header.
 */
export type TokensIn = 'cookies' | 'dual' | 'headers'

/** Keeps the refresh token: `localStorage` and `AsyncStorage` have this form. Methods may return promises. */
export interface ClientStorage {
  /** Returns the value, or null. */
  getItem(key: string): string | null | undefined | Promise<string | null | undefined>
  /** Stores a value. */
  setItem(key: string, value: string): unknown
  /** Deletes a value. */
  removeItem(key: string): unknown
}

/**
 * Runs `work` while no other program that shares the login runs its own, and resolves after it. `signal` is aborted when
 * the client no longer waits: then it has run `work` itself, and `work` must not delay others.
 */
export type ClientLock = (
  name: string,
  work: () => Promise<unknown>,
  options: { signal?: AbortSignal },
) => Promise<unknown>

/** Options of `AuthXClient`. In a page only `tokens` is required. Set the names only if the server uses other names. */
export interface AuthXClientOptions {
  /** Required. Must match `tokenLocation` of the server. */
  tokens: TokensIn
  /**
   * Prefix of all paths: `'/api'`, or `'https://api.example.com'`. The client sends tokens and CSRF values to this
   * origin only. Default: the origin of the page. Required outside of a page.
   */
  baseUrl?: string | undefined
  /** Paths of the routes; each begins with `/`. Default `'/login'`, `'/refresh'`, `'/logout'`. */
  paths?: { login?: string | undefined; refresh?: string | undefined; logout?: string | undefined } | undefined
  /** Must equal `headerName` of the server. Default `'Authorization'`. */
  headerName?: string | undefined
  /** Must equal `headerType` of the server. Default `'Bearer'`. */
  headerType?: string | undefined
  /** Must equal `accessCsrfCookieName` of the server. Default `'csrf_access_token'`. */
  accessCsrfCookieName?: string | undefined
  /** Must equal `accessCsrfHeaderName` of the server. Default `'X-CSRF-TOKEN'`. */
  accessCsrfHeaderName?: string | undefined
  /** Must equal `refreshCsrfCookieName` of the server. Default `'csrf_refresh_token'`. */
  refreshCsrfCookieName?: string | undefined
  /** Must equal `refreshCsrfHeaderName` of the server. Default `'X-CSRF-TOKEN'`. */
  refreshCsrfHeaderName?: string | undefined
  /**
   * Sends requests. Default: the global `fetch`. In Node, the global `fetch` stores no cookies. So with `tokens`
   * `'cookies'` or `'dual'`, set a `fetch` that stores them.
   */
  fetch?: ((input: string | Request, init: RequestInit) => Promise<Response>) | undefined
  /**
   * Returns the readable cookies, like `'a=b; c=d'`, or a promise of them. Default: `document.cookie`. Set it if your
   * `fetch` has a cookie jar, or in workers and extensions.
   */
  cookies?: (() => string | Promise<string>) | undefined
  /**
   * How the server checks that requests come from your pages. `'token'`: by CSRF values in cookies that the page can
   * read; without such a cookie nobody is logged in. `'origin'`: by the origin; if no CSRF cookie can be read, the client
   * finds out with one refresh whether there is a login. Default `'token'`.
   */
  csrf?: 'token' | 'origin' | undefined
  /** With `tokens: 'headers'`: keeps the refresh token, so that the login outlives the program. Default: memory only. */
  storage?: ClientStorage | undefined
  /** The key in `storage`. Default `'koa-authx'`. */
  storageKey?: string | undefined
  /**
   * The client renews the access token before a request if it ends in less than this, seconds. At most half of the
   * token's life counts. Default 30.
   */
  refreshMarginSeconds?: number | undefined
  /**
   * Milliseconds. `login` (60000), `refresh` (8000; the first of two attempts has at most 3000) and `logout` (8000): how
   * long the client waits for the response. `lock` (12000): how long it waits for another tab.
   */
  timeouts?:
    | {
        login?: number | undefined
        refresh?: number | undefined
        logout?: number | undefined
        lock?: number | undefined
      }
    | undefined
  /** How programs that share a login take turns. `false`: not at all. Default: Web Locks, between the tabs of a page. */
  lock?: false | ClientLock | undefined
  /** Whether to exchange events with other tabs, and to take turns with them. Default true. Outside of browsers: no effect. */
  tabs?: boolean | undefined
}

/** The options with their defaults. Members of `paths` and `timeouts` have names with a dot. */
export interface Settings {
  readonly tokens: TokensIn
  readonly headerName: string
  readonly headerType: string
  readonly accessCsrfCookieName: string
  readonly accessCsrfHeaderName: string
  readonly refreshCsrfCookieName: string
  readonly refreshCsrfHeaderName: string
  readonly csrf: 'token' | 'origin'
  readonly fetch: NonNullable<AuthXClientOptions['fetch']>
  readonly cookies: (() => unknown) | undefined
  readonly storage: ClientStorage | undefined
  readonly storageKey: string
  readonly refreshMarginSeconds: number
  readonly lock: false | ClientLock | undefined
  readonly tabs: boolean
  readonly 'timeouts.login': number
  readonly 'timeouts.refresh': number
  readonly 'timeouts.logout': number
  readonly 'timeouts.lock': number
  /** The only origin that gets tokens and CSRF values. */
  readonly origin: string
  /** Origin of the page; undefined without a page. */
  readonly pageOrigin: string | undefined
  readonly urls: Readonly<Record<Route, string>>
  /** Resolves the URL of a request: a path is relative to `baseUrl`. @throws TypeError for an invalid URL. */
  urlOf(target: string | URL): URL
}

export type Route = 'login' | 'refresh' | 'logout'

/** The default, the check, and what to say if the check fails. */
type Rule = readonly [fallback: unknown, isRight: (value: unknown) => boolean, accepts: string]

const matches = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value)

/** The allowed form of header names (RFC 9110 §5.6.2) and cookie names (RFC 6265 §4.1.1). */
const NAME = matches(/^[!#$%&'*+\-.^_`|~\w]+$/)
/** Excludes `//` and `/\` at the start, because after these a browser expects the name of another server. */
const PATH = matches(/^\/(?![/\\])\S*$/)

const named = (fallback: string): Rule => [fallback, NAME, `a name such as '${fallback}'`]
const path = (fallback: string): Rule => [fallback, PATH, `a path such as '${fallback}'`]
const number = (fallback: number): Rule => [
  fallback,
  value => (value as number) >= 0 && value === Number(value),
  'a number',
]
const isFunction = (value: unknown) => typeof value === 'function'
const optional = (isRight: (value: unknown) => boolean, accepts: string): Rule => [
  undefined,
  value => value === undefined || isRight(value),
  accepts,
]
const aFunction = optional(isFunction, 'a function')

const RULES: Readonly<Record<string, Rule>> = {
  tokens: [undefined, matches(/^(cookies|dual|headers)$/), "'cookies', 'dual' or 'headers'"],
  baseUrl: [
    '',
    matches(/^$|^\/|^https?:\/\//i),
    "a URL such as 'https://api.example.com' or, in a page, a path such as '/api'",
  ],
  'paths.login': path('/login'),
  'paths.refresh': path('/refresh'),
  'paths.logout': path('/logout'),
  fetch: aFunction,
  cookies: aFunction,
  csrf: ['token', matches(/^(token|origin)$/), "'token' or 'origin'"],
  headerName: named('Authorization'),
  headerType: ['Bearer', value => value === '' || NAME(value), "a name such as 'Bearer'"],
  accessCsrfCookieName: named('csrf_access_token'),
  accessCsrfHeaderName: named('X-CSRF-TOKEN'),
  refreshCsrfCookieName: named('csrf_refresh_token'),
  refreshCsrfHeaderName: named('X-CSRF-TOKEN'),
  storage: optional(
    value => ['getItem', 'setItem', 'removeItem'].every(name => isFunction(Object(value)[name])),
    'an object with getItem, setItem and removeItem',
  ),
  storageKey: named('koa-authx'),
  refreshMarginSeconds: number(30),
  'timeouts.login': number(60_000),
  'timeouts.refresh': number(8000),
  'timeouts.logout': number(8000),
  'timeouts.lock': number(12_000),
  lock: optional(value => value === false || isFunction(value), 'false or a function'),
  tabs: [true, value => typeof value === 'boolean', 'true or false'],
}
/** Options that are objects of options. */
const GROUPS = ['paths', 'timeouts']

/** Checks the options and fills in the defaults. @throws TypeError that names the wrong or unknown option. */
export function settingsOf(options: AuthXClientOptions): Settings {
  check(isObject(options), 'the options of AuthXClient', "an object such as { tokens: 'cookies' }")
  const given = flattened(options)
  const settings: Record<string, unknown> = {}
  for (const [name, [fallback, isRight, accepts]] of Object.entries(RULES)) {
    const value = given[name] === undefined ? fallback : given[name]
    check(isRight(value), name, accepts)
    settings[name] = value
  }
  check(!settings.storage || settings.tokens === 'headers', 'storage', "used with tokens: 'headers'")
  return {
    ...(settings as unknown as Settings),
    ...placesOf(settings as Record<string, string>),
    fetch: senderOf(options),
  }
}

function check(isRight: boolean, name: string, accepts: string): void {
  if (!isRight) throw new TypeError(`${name} must be ${accepts}`)
}

function flattened(options: object): Record<string, unknown> {
  const flat: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (GROUPS.includes(name)) {
      if (value === undefined) continue
      check(isObject(value), name, 'an object')
      for (const [member, inner] of Object.entries(value)) add(flat, `${name}.${member}`, inner, 1)
    } else add(flat, name, value, 0)
  }
  return flat
}

function add(flat: Record<string, unknown>, name: string, value: unknown, dots: number): void {
  if (!Object.hasOwn(RULES, name) || name.split('.').length - 1 !== dots)
    throw noSuch('option', name, Object.keys(RULES))
  flat[name] = value
}

/** Not called as a method: browsers throw if `this` of `fetch` is not the window. */
function senderOf({ fetch: send }: AuthXClientOptions): Settings['fetch'] {
  // Reads the global at each call, because pages may replace it.
  return (input, init) => (send ?? fetch)(input, init)
}

/**
 * Addresses are relative to the location of the page. A `<base>` in the page never matters: somebody else may have put
 * it there.
 */
function placesOf({
  baseUrl = '',
  ...settings
}: Record<string, string>): Pick<Settings, 'origin' | 'pageOrigin' | 'urls' | 'urlOf'> {
  const base = baseUrl.replace(/\/+$/, '')
  const urlOf = (target: string | URL) =>
    new URL(typeof target === 'string' && target.startsWith('/') ? base + target : target, page.location?.href)
  const url = whereAllowed(() => urlOf(baseUrl || '/'))
  const isRight = url && /^http/.test(url.protocol) && !(url.username || url.search || url.hash)
  check(Boolean(isRight), 'baseUrl', RULES.baseUrl?.[2] ?? '')
  const origin = url?.origin ?? ''
  const urlAt = (route: Route) => {
    const { href, origin: itsOrigin } = urlOf(settings[`paths.${route}`] ?? '')
    check(itsOrigin === origin, `paths.${route}`, `a path at ${origin}`)
    return href
  }
  return {
    origin,
    pageOrigin: page.location?.origin,
    urls: { login: urlAt('login'), refresh: urlAt('refresh'), logout: urlAt('logout') },
    urlOf,
  }
}
