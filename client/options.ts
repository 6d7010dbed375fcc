import { checkNames } from './names.js'
import { cookiesOfPage, page, whereAllowed } from './page.js'

/**
 * How the server carries tokens: `cookies`, both; `dual`, the access token in the body of answers and in a header, the
 * refresh token in a cookie; `headers`, both in bodies and in headers.
 */
export type TokensIn = 'cookies' | 'dual' | 'headers'

/** What an `AuthXClient` is made of. Only `tokens` has to be given, in a page; names are needed where the server's are others. */
export interface AuthXClientOptions {
  /** How the server carries tokens: its `tokenLocation`. */
  tokens: TokensIn
  /**
   * Where paths begin: `'/api'`, or `'https://api.example.com'`. Tokens and CSRF values go to this origin only. Default:
   * the origin of the page; outside of browsers there is none, and it has to be given.
   */
  baseUrl?: string | undefined
  /** The routes, paths that begin with `/`. Default `'/login'`, `'/refresh'`, `'/logout'`. */
  paths?: { login?: string | undefined; refresh?: string | undefined; logout?: string | undefined } | undefined
  /** The server's option of this name. Default `'Authorization'`. */
  headerName?: string | undefined
  /** The server's option of this name. Default `'Bearer'`. */
  headerType?: string | undefined
  /** The server's option of this name. Default `'csrf_access_token'`. */
  accessCsrfCookieName?: string | undefined
  /** The server's option of this name. Default `'X-CSRF-TOKEN'`. */
  accessCsrfHeaderName?: string | undefined
  /** The server's option of this name. Default `'csrf_refresh_token'`. */
  refreshCsrfCookieName?: string | undefined
  /** The server's option of this name. Default `'X-CSRF-TOKEN'`. */
  refreshCsrfHeaderName?: string | undefined
  /** Sends requests. Default: the global `fetch`. Node's keeps no cookies: give one that does, for `cookies` and `dual`. */
  fetch?: ((input: string | Request, init: RequestInit) => Promise<Response>) | undefined
  /** What `document.cookie` is in browsers, for a `fetch` with a cookie jar of its own. */
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
  /** Where tokens and CSRF values may go. */
  readonly origin: string
  /** Of the page; undefined where there is none. */
  readonly pageOrigin: string | undefined
  readonly paths: Readonly<Paths>
  /** Where a request goes: paths begin at `baseUrl`, all else is as `fetch` takes it. @throws TypeError if nowhere. */
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

/** RFC 9110 §5.6.2; cookie names are the same tokens (RFC 6265 §4.1.1). */
const NAME = /^[!#$%&'*+\-.^_`|~\w]+$/
/** To a browser two slashes, or one and a backslash, begin the name of another server. */
const PATH = /^\/(?![/\\])\S*$/

/** @throws TypeError naming the option that is wrong, or unknown. */
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
    // Not as a method: browsers refuse that.
    fetch: (input, init) => send(input, init),
    cookies: () => cookies(),
    origin,
    pageOrigin: page.location?.origin,
    urlOf: target =>
      new URL(typeof target === 'string' && target.startsWith('/') ? base + target : target, page.document?.baseURI),
  }
}

/** Looked up at each call: pages put their own in its place. */
const sendAsPage: NonNullable<AuthXClientOptions['fetch']> = (input, init) => fetch(input, init)

function check(isRight: boolean, name: string, accepts: string): void {
  if (!isRight) throw new TypeError(`${name} must be ${accepts}`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isText = (value: unknown, pattern: RegExp): value is string => typeof value === 'string' && pattern.test(value)

/** The defaults, or what was given in their place. @throws TypeError */
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

/** Without a scheme, a server's name would be a path to a browser: a password would go to the server of the page. */
function originOf(baseUrl: unknown): string {
  const url = isText(baseUrl, /^$|^\/|^https?:\/\//i)
    ? whereAllowed(() => new URL(baseUrl || '/', page.document?.baseURI))
    : undefined
  const isRight = url !== undefined && /^http/.test(url.protocol) && !(url.username || url.search || url.hash)
  check(isRight, 'baseUrl', "a URL such as 'https://api.example.com' or, in a page, a path such as '/api'")
  return url?.origin ?? ''
}
