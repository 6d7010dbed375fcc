import type { Context } from 'koa'
import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { CookieTooLargeError, MalformedTokenRequestError } from '../errors.js'
import { isFromThisMachine } from './this-machine.js'
import { warnOnce } from './warn.js'

/** The size that browsers must support (RFC 6265 §6.1): name, value and attributes together. */
const MAX_COOKIE_BYTES = 4096

/** The identity of a cookie in a browser (RFC 6265 §5.3 step 11, CHIPS). Without `domain` the cookie is host-only. */
interface Scope {
  readonly name: string
  readonly domain: string | undefined
  readonly path: string
  /** Whether the cookie has `Partitioned` (CHIPS). Browsers keep a partitioned and another cookie of one name apart. */
  readonly partitioned: boolean
}

/** One `Set-Cookie` line. */
export interface CookieLine extends Scope {
  readonly text: string
}

/** A token for a cookie, with its CSRF value and its expiry (`exp`, seconds since 1970). */
export interface CookieToken {
  readonly token: string
  readonly csrf?: string
  readonly exp: number
  /** Whether the cookie outlives the browser. Default: true with `sessionCookie: false` or `cookieMaxAge`. */
  readonly persistent?: boolean | undefined
}

/**
 * Returns the lines that set a token's cookie and its CSRF cookie.
 * @throws CookieTooLargeError
 */
export function tokenCookies(type: TokenType, cookieToken: CookieToken, config: Config): CookieLine[] {
  const { token, csrf } = cookieToken
  const maxAgeSeconds = maxAgeOf(cookieToken, config)
  const { tokenCookie, csrfCookie } = cookiesOf(type, config)
  const lines = [line({ ...tokenCookie, value: token, maxAgeSeconds }, config)]
  if (csrfCookie && csrf) lines.push(line({ ...csrfCookie, value: encodeURIComponent(csrf), maxAgeSeconds }, config))
  if (lines.some(({ text }) => Buffer.byteLength(text) > MAX_COOKIE_BYTES)) {
    throw new CookieTooLargeError({
      cause: `the cookie of the ${type} token is larger than ${MAX_COOKIE_BYTES} bytes; put less into data`,
    })
  }
  // Clear first, because some clients identify cookies by name only.
  return [...formerCookies(type, config), ...lines]
}

/** Returns the `Max-Age` of a token's cookies in seconds. `undefined`: they have none and end with the browser. */
function maxAgeOf({ exp, persistent }: CookieToken, { sessionCookie, cookieMaxAge, now }: Config): number | undefined {
  if (!(persistent ?? (!sessionCookie || cookieMaxAge !== undefined))) return undefined
  // RFC 6265 §5.2.2: browsers ignore a Max-Age that is not a whole number.
  return Math.floor(cookieMaxAge ?? Math.max(0, exp - now() / 1000))
}

/** Returns the lines that clear the cookies of a token, including cookies of earlier deployments. */
export function clearedCookies(type: TokenType, config: Config): CookieLine[] {
  return [...formerCookies(type, config), ...bothCookies(type, config).map(cookie => cleared(cookie, config))]
}

/** Returns the lines that clear the cookies of all token types in cookies, including cookies of earlier deployments. */
export const allClearedCookies = (config: Config) =>
  typesInCookies(config).flatMap(type => clearedCookies(type, config))

const typesInCookies = ({ tokenLocation }: Config) =>
  (['access', 'refresh'] as const).filter(type => tokenLocation[type].includes('cookies'))

/** Returns the lines that clear cookies of earlier deployments: cookies of the same names in other scopes. */
function formerCookies(type: TokenType, config: Config): CookieLine[] {
  const cookies = bothCookies(type, config).flatMap(cookie =>
    formerScopesOf(cookie, config).map(scope => ({ ...cookie, ...scope })),
  )
  return cookies.map(cookie => cleared(cookie, config))
}

/** Add `Set-Cookie` lines to a response. Each line replaces an earlier line for the same cookie. */
export function setCookies(
  ctx: Pick<Context, 'req' | 'response' | 'secure'>,
  lines: readonly CookieLine[],
  config: Config,
): void {
  if (lines.length === 0) return
  if (config.cookieSecure && !ctx.secure && !isFromThisMachine(ctx.req)) warnAboutProxy()
  const others = linesOf(ctx).filter(text => !lines.some(line => isAbout(text, line)))
  ctx.response.set('Set-Cookie', [...others, ...lines.map(({ text }) => text)])
}

/** Whether the response already sets or clears the cookie of the access token. */
export function setsAccessCookie(ctx: Pick<Context, 'response'>, config: Config): boolean {
  const { tokenCookie } = cookiesOf('access', config)
  return linesOf(ctx).some(text => isAbout(text, tokenCookie))
}

/**
 * Makes the error for a request with ambiguous cookies of one name. The error's headers clear the cookies of earlier
 * deployments, so that the next request does not have them.
 */
export function ambiguousCookies(cause: string, config: Config): MalformedTokenRequestError {
  const error = new MalformedTokenRequestError({ cause })
  const lines = typesInCookies(config).flatMap(type => formerCookies(type, config))
  if (lines.length > 0) error.headers['Set-Cookie'] = lines.map(({ text }) => text)
  return error
}

/**
 * Returns the Set-Cookie lines of a response. If there is none, Koa 2 returns '' and Koa 3 undefined; Koa's types omit
 * both.
 */
function linesOf(ctx: Pick<Context, 'response'>): string[] {
  const present = ctx.response.get('Set-Cookie') as string | string[] | undefined
  return [present || []].flat()
}

/**
 * Whether a `Set-Cookie` line sets or clears the given cookie. A line without `Path` counts too, because its path may
 * be the same.
 */
function isAbout(text: string, { name, domain, path, partitioned }: Scope): boolean {
  if (!text.startsWith(`${name}=`) || /;\s*partitioned\s*(?:;|$)/i.test(text) !== partitioned) return false
  const attribute = (of: string) => new RegExp(`;\\s*${of}=([^;]*)`, 'i').exec(text)?.[1]?.trim()
  return sameDomain(attribute('domain'), domain) && (attribute('path') ?? path) === path
}

/**
 * Whether two domains are equal (RFC 6265 §5.2.3), ignoring case and a leading dot. An empty string means no domain.
 */
const sameDomain = (one = '', other = '') => bareDomain(one) === bareDomain(other)
const bareDomain = (domain: string) => domain.toLowerCase().replace(/^\./, '')

function warnAboutProxy(): void {
  warnOnce(
    'AUTHX_INSECURE_COOKIE',
    'Secure cookies are set over plain HTTP. If a proxy terminates TLS, set app.proxy = true. For development without TLS, ' +
      'use http://localhost, where Chromium and Firefox accept them, or set cookieSecure: false.',
  )
}

interface Cookie extends Scope {
  readonly httpOnly: boolean
}

function cookiesOf(type: TokenType, config: Config): { tokenCookie: Cookie; csrfCookie?: Cookie } {
  const { cookieHttpOnly: httpOnly, cookieDomain: domain, cookiePartitioned: partitioned } = config
  const common = { domain, partitioned }
  const handsOutCsrf = config.cookieCsrfProtect && config.csrfInCookies
  if (type === 'access') {
    const csrfCookie = {
      ...common,
      name: config.accessCsrfCookieName,
      path: config.accessCsrfCookiePath,
      httpOnly: false,
    }
    return {
      tokenCookie: { ...common, name: config.accessCookieName, path: config.accessCookiePath, httpOnly },
      ...(handsOutCsrf && { csrfCookie }),
    }
  }
  const csrfCookie = {
    ...common,
    name: config.refreshCsrfCookieName,
    path: config.refreshCsrfCookiePath,
    httpOnly: false,
  }
  return {
    tokenCookie: { ...common, name: config.refreshCookieName, path: config.refreshCookiePath, httpOnly },
    ...(handsOutCsrf && { csrfCookie }),
  }
}

/** The token's cookie, and its CSRF cookie if there is one. */
function bothCookies(type: TokenType, config: Config): Cookie[] {
  const { tokenCookie, csrfCookie } = cookiesOf(type, config)
  return csrfCookie ? [tokenCookie, csrfCookie] : [tokenCookie]
}

/**
 * Returns the other scopes in which a browser may have a cookie of this name: without `Partitioned`, if the cookie has
 * this attribute; host-only, if `cookieDomain` is set; and the scopes of `formerCookies`. A name that begins with
 * `__Host-` has no other domain and path (RFC 6265bis §4.1.3.2).
 */
function formerScopesOf(cookie: Cookie, { cookieDomain, formerCookies: former }: Config): Scope[] {
  const { name, domain, path, partitioned } = cookie
  const all = [
    { domain, path },
    ...(cookieDomain === undefined ? [] : [{ domain: undefined, path }]),
    ...former,
  ].flatMap(scope => withAndWithoutPartitioned({ name, path, partitioned, domain: undefined, ...scope }))
  const isHostOnly = name.toLowerCase().startsWith('__host-')
  const possible = isHostOnly ? all.filter(scope => scope.domain === undefined && scope.path === path) : all
  const isSame = (one: Scope, other: Scope) =>
    sameDomain(one.domain, other.domain) && one.path === other.path && one.partitioned === other.partitioned
  return possible.filter((scope, n) => !isSame(scope, cookie) && possible.findIndex(each => isSame(each, scope)) === n)
}

/** A browser keeps a cookie with `Partitioned` beside one of the same name, domain and path without it. */
const withAndWithoutPartitioned = (scope: Scope): Scope[] =>
  scope.partitioned ? [{ ...scope, partitioned: false }, scope] : [scope]

/** The line that clears a cookie: its attributes with an expiry in the past. */
const cleared = (cookie: Cookie, config: Config) => line({ ...cookie, value: '', maxAgeSeconds: 0 }, config)

/**
 * Writes a Set-Cookie line. Nothing is quoted: values are base64url or percent-encoded, and the other parts are checked
 * at construction.
 */
function line(cookie: Cookie & { value: string; maxAgeSeconds: number | undefined }, config: Config): CookieLine {
  const { name, value, domain, path, partitioned, maxAgeSeconds, httpOnly } = cookie
  const parts = [`${name}=${value}`, `Path=${path}`]
  if (domain !== undefined) parts.push(`Domain=${domain}`)
  if (maxAgeSeconds !== undefined) parts.push(`Max-Age=${maxAgeSeconds}`)
  if (maxAgeSeconds === 0) parts.push('Expires=Thu, 01 Jan 1970 00:00:00 GMT')
  // Browsers ignore a line with Partitioned, but without Secure.
  if (config.cookieSecure || partitioned) parts.push('Secure')
  if (httpOnly) parts.push('HttpOnly')
  parts.push(`SameSite=${config.cookieSamesite[0]?.toUpperCase()}${config.cookieSamesite.slice(1)}`)
  if (partitioned) parts.push('Partitioned')
  return { name, domain, path, partitioned, text: parts.join('; ') }
}
