import { check, noSuch } from './names.js'
import { attempt, isObject, LONGEST_MS, page } from './page.js'

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
   * Milliseconds, more than 0 and at most 2147483647. `login` (60000), `refresh` (8000; the first of two attempts has at
   * most 3000) and `logout` (8000): how long the client waits for the response. `login` is also the limit for each call
   * of `storage` and of asynchronous `cookies`. `lock` (12000): how long it waits for another tab.
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

/** The options with their defaults. A member of `paths` or `timeouts` has a name with a dot. */
export interface Settings {
  readonly tokens: TokensIn
  readonly headerName: string
  readonly headerType: string
  readonly accessCsrfCookieName: string
  readonly accessCsrfHeaderName: string
  readonly refreshCsrfCookieName: string
  readonly refreshCsrfHeaderName: string
  readonly csrf: 'token' | 'origin'
  /** Not to be called as a method. */
  readonly fetch: NonNullable<AuthXClientOptions['fetch']>
  readonly cookies: (() => unknown) | undefined
  readonly storage: ClientStorage | undefined
  readonly storageKey: string
  readonly refreshMarginSeconds: number
  readonly lock: false | ClientLock | undefined
  readonly tabs: boolean
  /** Absolute URLs. */
  readonly 'paths.login': string
  readonly 'paths.refresh': string
  readonly 'paths.logout': string
  readonly 'timeouts.login': number
  readonly 'timeouts.refresh': number
  readonly 'timeouts.logout': number
  readonly 'timeouts.lock': number
  /** The only origin that gets tokens and CSRF values. */
  readonly origin: string
  /** Resolves the URL of a request: a path is relative to `baseUrl`. @throws TypeError for an invalid URL. */
  urlOf(target: string | URL): URL
}

export type Route = 'login' | 'refresh' | 'logout'

/** The default of each option; or, if there is none, an array with the values and types that the option accepts. */
const RULES: Readonly<Record<string, unknown>> = {
  tokens: ["'cookies', 'dual' or 'headers'"],
  baseUrl: '',
  paths: {},
  'paths.login': '/login',
  'paths.refresh': '/refresh',
  'paths.logout': '/logout',
  timeouts: {},
  'timeouts.login': 60_000,
  'timeouts.refresh': 8000,
  'timeouts.logout': 8000,
  'timeouts.lock': 12_000,
  headerName: 'Authorization',
  headerType: 'Bearer',
  accessCsrfCookieName: 'csrf_access_token',
  accessCsrfHeaderName: 'X-CSRF-TOKEN',
  refreshCsrfCookieName: 'csrf_refresh_token',
  refreshCsrfHeaderName: 'X-CSRF-TOKEN',
  fetch: ['undefined or function'],
  cookies: ['undefined or function'],
  csrf: ["undefined, 'token' or 'origin'"],
  storage: ['undefined or object'],
  storageKey: 'koa-authx',
  refreshMarginSeconds: 30,
  lock: ['undefined, false or function'],
  tabs: true,
}
const NAMES = Object.keys(RULES)

/** Checks the options and fills in the defaults. @throws TypeError that names the wrong or unknown option. */
export function settingsOf(options: AuthXClientOptions): Settings {
  const given: Record<string, unknown> = {}
  const add = (members: object, prefix: string) => {
    for (const [name, value] of Object.entries(members)) {
      if (name.includes('.') || !NAMES.includes(prefix + name)) throw noSuch('option', prefix + name, NAMES)
      given[prefix + name] = value
    }
  }
  check(hasForm(options, {}, ''), 'the options of AuthXClient', "an object like { tokens: 'cookies' }")
  add(options, '')
  for (const [name, rule] of Object.entries(RULES)) {
    const { [name]: value = rule } = given
    if (Array.isArray(rule)) check(rule[0].split(/, | or /).includes(shown(given[name])), name, rule[0])
    else {
      check(hasForm(value, rule, name), name, `like ${JSON.stringify(rule)}`)
      given[name] = value
      if (isObject(rule)) add(value as object, `${name}.`)
    }
  }
  return withPlaces(given)
}

/** The allowed form of header names (RFC 9110 §5.6.2) and cookie names (RFC 6265 §4.1.1). */
const NAME = /^[!#$%&'*+\-.^_`|~\w]+$/
/** Excludes `//` and `/\` at the start, because after these a browser expects the name of another server. */
const PATH = /^\/(?![/\\])\S*$/

/** Whether a value has the form of the default. */
function hasForm(value: unknown, fallback: unknown, option: string): boolean {
  if (typeof value !== typeof fallback) return false
  if (typeof value === 'string')
    return (option === 'headerType' && !value) || !fallback || (option.includes('.') ? PATH : NAME).test(value)
  // With 0, nothing would end the wait. A longer time makes timers run at once.
  if (typeof value === 'number') return option.startsWith('timeouts.') ? value > 0 && value <= LONGEST_MS : value >= 0
  return typeof value === 'boolean' || isObject(value)
}

/** A value as the rules show it: a string in quotes, the type of an object. */
const shown = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value && typeof value))

/**
 * Adds what the client needs to send requests. Addresses are relative to the location of the page. A `<base>` in the
 * page never matters: somebody else may have put it there.
 */
function withPlaces(given: Record<string, unknown>): Settings {
  const { baseUrl, fetch: send, storage, tokens } = given as unknown as Settings & { baseUrl: string }
  const isStorage = ['getItem', 'setItem', 'removeItem'].every(name => typeof Object(storage)[name] === 'function')
  check(!storage || isStorage, 'storage', 'like localStorage')
  check(!storage || tokens === 'headers', 'tokens', "'headers' with a storage")
  const base = baseUrl.replace(/\/+$/, '')
  const urlOf = (target: string | URL) =>
    new URL(String(target).startsWith('/') ? base + target : target, page.location?.href)
  const { href, origin, pathname } = Object(attempt(() => urlOf(baseUrl || '/')))
  // No user name, no query, no hash.
  const isPlain = href === origin + pathname && /^http/.test(href) && /^(\/|https?:\/\/|$)/i.test(baseUrl)
  check(isPlain, 'baseUrl', "a URL or, in a page, a path like '/api'")
  for (const name of ['paths.login', 'paths.refresh', 'paths.logout']) {
    const url = urlOf(String(given[name]))
    check(url.origin === origin, name, `at ${origin}`)
    given[name] = url.href
  }
  // Not called as a method: browsers throw if `this` of `fetch` is not the window. The global is read at each call,
  // because pages may replace it.
  const sends: Settings['fetch'] = (input, init) => (send ?? fetch)(input, init)
  return { ...given, origin, urlOf, fetch: sends } as unknown as Settings
}
