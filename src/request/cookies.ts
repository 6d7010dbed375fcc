import type { Context } from 'koa'
import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { CookieTooLargeError, MalformedTokenRequestError } from '../errors.js'
import { warnOnce } from './warn.js'

/** What RFC 6265 §6.1 asks browsers to keep: name, value and attributes together. */
const LARGEST_COOKIE = 4096

/** What a browser tells cookies apart by (RFC 6265 §5.3 step 11). Without `domain` the cookie is the host's alone. */
interface Scope {
  readonly name: string
  readonly domain: string | undefined
  readonly path: string
}

/** One `Set-Cookie` line. */
export interface CookieLine extends Scope {
  readonly text: string
}

/** A token for a cookie, its CSRF value and when it ends (seconds since 1970). */
export interface CookieToken {
  readonly token: string
  readonly csrf?: string
  readonly exp: number
}

/**
 * The lines that put a token into its cookie, and its CSRF value into the one beside it.
 * @throws CookieTooLargeError
 */
export function tokenCookies(type: TokenType, { token, csrf, exp }: CookieToken, config: Config): CookieLine[] {
  const life = config.sessionCookie ? undefined : Math.max(0, Math.floor(exp - config.now() / 1000))
  // RFC 6265 §5.2.2: a Max-Age that is no whole number is ignored.
  const maxAge = config.cookieMaxAge === undefined ? life : Math.floor(config.cookieMaxAge)
  const { tokenCookie, csrfCookie } = cookiesOf(type, config)
  const lines = [line({ ...tokenCookie, value: token, maxAge }, config)]
  if (csrfCookie && csrf) lines.push(line({ ...csrfCookie, value: encodeURIComponent(csrf), maxAge }, config))
  if (lines.some(({ text }) => Buffer.byteLength(text) > LARGEST_COOKIE)) {
    throw new CookieTooLargeError({
      cause: `the cookie of the ${type} token is over ${LARGEST_COOKIE} bytes; put less into data`,
    })
  }
  // First what is cleared: there are clients that know a cookie by its name alone.
  return [...formerCookies(type, config), ...lines]
}

/** The lines that clear the cookies of a token, and those that an earlier deployment may have left of them. */
export function clearedCookies(type: TokenType, config: Config): CookieLine[] {
  return [...formerCookies(type, config), ...bothCookies(type, config).map(cookie => cleared(cookie, config))]
}

/** The lines that clear the cookies of all tokens that travel in cookies, and what is left of them. */
export const allClearedCookies = (config: Config) =>
  typesInCookies(config).flatMap(type => clearedCookies(type, config))

const typesInCookies = ({ tokenLocation }: Config) =>
  (['access', 'refresh'] as const).filter(type => tokenLocation[type].includes('cookies'))

/** The lines that clear what an earlier deployment may have left: cookies of the same names in other scopes. */
function formerCookies(type: TokenType, config: Config): CookieLine[] {
  const cookies = bothCookies(type, config).flatMap(cookie =>
    formerScopesOf(cookie, config).map(scope => ({ ...cookie, ...scope })),
  )
  return cookies.map(cookie => cleared(cookie, config))
}

/** Add lines to a response, each in place of an earlier line about the same cookie. */
export function setCookies(
  ctx: Pick<Context, 'response' | 'secure'>,
  lines: readonly CookieLine[],
  config: Config,
): void {
  if (lines.length === 0) return
  if (config.cookieSecure && !ctx.secure) warnAboutProxy()
  const others = linesOf(ctx).filter(text => !lines.some(line => isAbout(text, line)))
  ctx.response.set('Set-Cookie', [...others, ...lines.map(({ text }) => text)])
}

/** Whether the response sets or clears the cookie of the access token already. */
export function setsAccessCookie(ctx: Pick<Context, 'response'>, config: Config): boolean {
  const { tokenCookie } = cookiesOf('access', config)
  return linesOf(ctx).some(text => isAbout(text, tokenCookie))
}

/**
 * The request carries more cookies of one name than it can mean. Those that an earlier deployment may have left are
 * cleared with the answer, so that the next request is free of them.
 */
export function ambiguousCookies(cause: string, config: Config): MalformedTokenRequestError {
  const error = new MalformedTokenRequestError({ cause })
  const lines = typesInCookies(config).flatMap(type => formerCookies(type, config))
  if (lines.length > 0) error.headers['Set-Cookie'] = lines.map(({ text }) => text)
  return error
}

/** Koa 2 says '' where nothing was set, Koa 3 undefined; its type says neither that nor that there may be several. */
function linesOf(ctx: Pick<Context, 'response'>): string[] {
  const present = ctx.response.get('Set-Cookie') as string | string[] | undefined
  return [present || []].flat()
}

/** Whether a `Set-Cookie` line, anybody's, is about this cookie. Where it names no path, it may be. */
function isAbout(text: string, { name, domain, path }: Scope): boolean {
  if (!text.startsWith(`${name}=`)) return false
  const attribute = (of: string) => new RegExp(`;\\s*${of}=([^;]*)`, 'i').exec(text)?.[1]?.trim()
  return sameDomain(attribute('domain'), domain) && (attribute('path') ?? path) === path
}

/** RFC 6265 §5.2.3: a dot at the beginning is ignored, and so is the case. An empty value is none. */
const sameDomain = (one = '', other = '') => bareDomain(one) === bareDomain(other)
const bareDomain = (domain: string) => domain.toLowerCase().replace(/^\./, '')

function warnAboutProxy(): void {
  warnOnce(
    'AUTHX_INSECURE_COOKIE',
    'Secure cookies are being set over plain HTTP. If TLS ends at a proxy, set app.proxy = true so that Koa knows; ' +
      'for development without TLS, browsers accept them on http://localhost only, or set cookieSecure: false.',
  )
}

interface Cookie extends Scope {
  readonly httpOnly: boolean
}

function cookiesOf(type: TokenType, config: Config): { tokenCookie: Cookie; csrfCookie?: Cookie } {
  const { cookieHttpOnly: httpOnly, cookieDomain: domain } = config
  const handsOutCsrf = config.cookieCsrfProtect && config.csrfInCookies
  if (type === 'access') {
    const csrfCookie = { name: config.accessCsrfCookieName, domain, path: config.accessCsrfCookiePath, httpOnly: false }
    return {
      tokenCookie: { name: config.accessCookieName, domain, path: config.accessCookiePath, httpOnly },
      ...(handsOutCsrf && { csrfCookie }),
    }
  }
  const csrfCookie = { name: config.refreshCsrfCookieName, domain, path: config.refreshCsrfCookiePath, httpOnly: false }
  return {
    tokenCookie: { name: config.refreshCookieName, domain, path: config.refreshCookiePath, httpOnly },
    ...(handsOutCsrf && { csrfCookie }),
  }
}

/** The cookie of a token, and the one for its CSRF value if there is one. */
function bothCookies(type: TokenType, config: Config): Cookie[] {
  const { tokenCookie, csrfCookie } = cookiesOf(type, config)
  return csrfCookie ? [tokenCookie, csrfCookie] : [tokenCookie]
}

/**
 * Where else a browser may hold a cookie of this name: the host's own, if there is a domain now, and where the
 * application says that it was. With `__Host-` there is only one place (RFC 6265bis §4.1.3.2).
 */
function formerScopesOf(cookie: Cookie, { cookieDomain, formerCookies: former }: Config): Scope[] {
  const { name } = cookie
  if (name.toLowerCase().startsWith('__host-')) return []
  const told = former.map(({ domain, path = cookie.path }) => ({ name, domain, path }))
  const all = [...(cookieDomain === undefined ? [] : [{ name, domain: undefined, path: cookie.path }]), ...told]
  const isSame = (one: Scope, other: Scope) => sameDomain(one.domain, other.domain) && one.path === other.path
  return all.filter((scope, n) => !isSame(scope, cookie) && all.findIndex(each => isSame(each, scope)) === n)
}

/** A line with the cookie's attributes and an end in the past. */
const cleared = (cookie: Cookie, config: Config) => line({ ...cookie, value: '', maxAge: 0 }, config)

/** The values are base64url or percent-encoded, the rest was checked at construction: nothing needs quoting. */
function line(cookie: Cookie & { value: string; maxAge: number | undefined }, config: Config): CookieLine {
  const { name, value, domain, path, maxAge, httpOnly } = cookie
  const parts = [`${name}=${value}`, `Path=${path}`]
  if (domain !== undefined) parts.push(`Domain=${domain}`)
  if (maxAge !== undefined) parts.push(`Max-Age=${maxAge}`)
  if (maxAge === 0) parts.push('Expires=Thu, 01 Jan 1970 00:00:00 GMT')
  if (config.cookieSecure) parts.push('Secure')
  if (httpOnly) parts.push('HttpOnly')
  parts.push(`SameSite=${config.cookieSamesite[0]?.toUpperCase()}${config.cookieSamesite.slice(1)}`)
  return { name, domain, path, text: parts.join('; ') }
}
