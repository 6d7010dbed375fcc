import { checkNames } from './names.js'
import { cookiesOfPage, page, whereAllowed } from './page.js'

/**
 * Where the server expects tokens. `cookies`: both tokens in cookies. `dual`: the access token in a header, the refresh
 * token in a cookie. `headers`: both tokens in a header.
 */
export type TokensIn = 'cookies' | 'dual' | 'headers'

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
   * Returns the readable cookies, like `'a=b; c=d'`. Default: `document.cookie`. Set it if your `fetch` has a cookie
   * jar.
   */
  cookies?: (() => string) | undefined
}

interface Names {
  headerName: string
  headerType: string
  accessCsrfCookieName: string
  accessCsrfHeaderName: string
  refreshCsrfCookieName: string
  refreshCsrfHeaderName: string
}

interface Paths {
  login: string
  refresh: string
  logout: string
}

export interface Settings extends Readonly<Names> {
  readonly tokens: TokensIn
  fetch(input: string | Request, init: RequestInit): Promise<Response>
  cookies(): string
  /** The only origin that gets tokens and CSRF values. */
  readonly origin: string
  /** Origin of the page; undefined without a page. */
  readonly pageOrigin: string | undefined
  readonly paths: Readonly<Paths>
  /** Resolves the URL of a request: a path is relative to `baseUrl`. @throws TypeError for an invalid URL. */
  urlOf(target: string | URL): URL
}

const NAMES: Names = {
  headerName: 'Authorization',
  headerType: 'Bearer',
  accessCsrfCookieName: 'csrf_access_token',
  accessCsrfHeaderName: 'X-CSRF-TOKEN',
  refreshCsrfCookieName: 'csrf_refresh_token',
  refreshCsrfHeaderName: 'X-CSRF-TOKEN',
}
const PATHS: Paths = { login: '/login', refresh: '/refresh', logout: '/logout' }
const PATH_NAMES = Object.keys(PATHS).map(name => `paths.${name}`)
const OPTION_NAMES = ['tokens', 'baseUrl', 'paths', 'fetch', 'cookies', ...Object.keys(NAMES), ...PATH_NAMES]

/** The allowed form of header names (RFC 9110 §5.6.2) and cookie names (RFC 6265 §4.1.1). */
const NAME = /^[!#$%&'*+\-.^_`|~\w]+$/
/** Excludes `//` and `/\` at the start, because after these a browser expects the name of another server. */
const PATH = /^\/(?![/\\])\S*$/

/** Checks the options and fills in the defaults. @throws TypeError that names the wrong or unknown option. */
export function settingsOf(options: AuthXClientOptions): Settings {
  check(isObject(options), 'the options of AuthXClient', "an object such as { tokens: 'cookies' }")
  checkNames(options, OPTION_NAMES)
  const { tokens, baseUrl = '', paths = {}, fetch: send = sendAsPage, cookies = cookiesOfPage } = options
  check(isText(tokens, /^(cookies|dual|headers)$/), 'tokens', "'cookies', 'dual' or 'headers'")
  check(isObject(paths), 'paths', "an object such as { login: '/signin' }")
  checkNames(paths, PATH_NAMES, 'paths.')
  check(typeof send === 'function', 'fetch', 'a function')
  check(typeof cookies === 'function', 'cookies', 'a function')
  const origin = originOf(baseUrl)
  const base = baseUrl.replace(/\/+$/, '')
  return {
    tokens,
    ...filled(options, NAMES, 'a name'),
    paths: filled(paths, PATHS, 'a path', 'paths.'),
    // Not called as a method: browsers throw if `this` of `fetch` is not the window.
    fetch: (input, init) => send(input, init),
    cookies: () => cookies(),
    origin,
    pageOrigin: page.location?.origin,
    urlOf: target =>
      new URL(typeof target === 'string' && target.startsWith('/') ? base + target : target, page.document?.baseURI),
  }
}

/** Reads the global at each call, because pages may replace it. */
const sendAsPage: NonNullable<AuthXClientOptions['fetch']> = (input, init) => fetch(input, init)

function check(isRight: boolean, name: string, accepts: string): void {
  if (!isRight) throw new TypeError(`${name} must be ${accepts}`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isText = (value: unknown, pattern: RegExp): value is string => typeof value === 'string' && pattern.test(value)

/** Takes each value from `given`, or from `defaults` if it is undefined. @throws TypeError for a wrong value. */
function filled<Texts extends object>(given: object, defaults: Texts, accepts: string, prefix = ''): Texts {
  const all = { ...defaults, ...withoutUndefined(given) } as Record<string, unknown>
  const texts = Object.entries(defaults).map(([name, fallback]) => {
    const value = all[name]
    const isRight = isText(value, prefix ? PATH : NAME) || (name === 'headerType' && value === '')
    check(isRight, prefix + name, `${accepts} such as '${fallback}'`)
    return [name, value]
  })
  return Object.fromEntries(texts)
}

const withoutUndefined = (given: object) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))

/**
 * Returns the origin of `baseUrl`, which must begin with a scheme or `/`. Otherwise browsers read a host name as a
 * path, and the server of the page gets the password.
 */
function originOf(baseUrl: unknown): string {
  const url = isText(baseUrl, /^$|^\/|^https?:\/\//i)
    ? whereAllowed(() => new URL(baseUrl || '/', page.document?.baseURI))
    : undefined
  const isRight = url !== undefined && /^http/.test(url.protocol) && !(url.username || url.search || url.hash)
  check(isRight, 'baseUrl', "a URL such as 'https://api.example.com' or, in a page, a path such as '/api'")
  return url?.origin ?? ''
}
