import { page } from './page.js'

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
  baseUrl?: string
  /** The routes. Default `'/login'`, `'/refresh'`, `'/logout'`. */
  paths?: { login?: string; refresh?: string; logout?: string }
  /** The server's option of this name. Default `'Authorization'`. */
  headerName?: string
  /** The server's option of this name. Default `'Bearer'`. */
  headerType?: string
  /** The server's option of this name. Default `'csrf_access_token'`. */
  accessCsrfCookieName?: string
  /** The server's option of this name. Default `'X-CSRF-TOKEN'`. */
  accessCsrfHeaderName?: string
  /** The server's option of this name. Default `'csrf_refresh_token'`. */
  refreshCsrfCookieName?: string
  /** The server's option of this name. Default `'X-CSRF-TOKEN'`. */
  refreshCsrfHeaderName?: string
  /** Sends requests. Default: the global `fetch`. Node's keeps no cookies: give one that does, for `cookies` and `dual`. */
  fetch?: (input: string | Request, init: RequestInit) => Promise<Response>
  /** What `document.cookie` is in browsers, for a `fetch` with a cookie jar of its own. */
  cookies?: () => string
}

type Defaulted = Required<Omit<AuthXClientOptions, 'baseUrl' | 'paths'>>

export interface Settings extends Defaulted {
  /** Where tokens and CSRF values may go. */
  readonly origin: string
  /** Of the page; undefined where there is none. */
  readonly pageOrigin: string | undefined
  readonly paths: { readonly login: string; readonly refresh: string; readonly logout: string }
  /** Where a request goes: paths begin at `baseUrl`, all else is as `fetch` takes it. @throws TypeError if nowhere. */
  urlOf(target: string | URL): URL
}

const TOKENS_IN: readonly unknown[] = ['cookies', 'dual', 'headers'] satisfies TokensIn[]

/** @throws TypeError naming the option that is wrong. */
export function settingsOf({ baseUrl = '', paths = {}, ...options }: AuthXClientOptions): Settings {
  if (!TOKENS_IN.includes(options.tokens)) throw new TypeError("tokens must be 'cookies', 'dual' or 'headers'")
  const base = baseUrl.replace(/\/+$/, '')
  return {
    headerName: 'Authorization',
    headerType: 'Bearer',
    accessCsrfCookieName: 'csrf_access_token',
    accessCsrfHeaderName: 'X-CSRF-TOKEN',
    refreshCsrfCookieName: 'csrf_refresh_token',
    refreshCsrfHeaderName: 'X-CSRF-TOKEN',
    // Looked up at each call, for pages put their own in its place; and not as a method, which browsers refuse.
    fetch: (input, init) => fetch(input, init),
    cookies: () => page.document?.cookie ?? '',
    ...given(options),
    origin: originOf(base),
    pageOrigin: page.location?.origin,
    paths: { login: '/login', refresh: '/refresh', logout: '/logout', ...given(paths) },
    urlOf: target =>
      new URL(typeof target === 'string' && target.startsWith('/') ? base + target : target, page.document?.baseURI),
  }
}

/** An option that is undefined is as one that is left out. */
const given = <Options extends object>(options: Options): Options =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options

function originOf(base: string): string {
  try {
    const { protocol, origin } = new URL(`${base}/`, page.document?.baseURI)
    if (protocol === 'https:' || protocol === 'http:') return origin
  } catch {}
  throw new TypeError("baseUrl must be a URL such as 'https://api.example.com'; in a page of a site, '/api' will do")
}
