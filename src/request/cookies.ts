import type { Context } from 'koa'
import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { CookieTooLargeError, MalformedTokenRequestError } from '../errors.js'
import { trim } from './trim.js'
import { warnOnce } from './warn.js'

/** What RFC 6265 §6.1 asks browsers to keep: name, value and attributes together. */
const LARGEST_COOKIE = 4096

/** One `Set-Cookie` line. */
interface Line {
  readonly name: string
  readonly text: string
}

/** A token for a cookie, its CSRF value and when it ends (seconds since 1970). */
export interface CookieToken {
  readonly token: string
  readonly csrf?: string
  readonly exp: number
}

/**
 * The value of a cookie. Node has joined several Cookie headers into one.
 * @throws MalformedTokenRequestError for two different cookies of the name: one may have been planted by a sibling domain.
 */
export function readCookie(ctx: Pick<Context, 'req'>, name: string): string | undefined {
  const header = ctx.req.headers.cookie
  if (!header?.includes(name)) return undefined
  let found: string | undefined
  for (const pair of header.split(';')) {
    const value = valueIn(pair, name)
    if (!value) continue
    if (found !== undefined && found !== value)
      throw new MalformedTokenRequestError({ cause: `two different cookies ${name}` })
    found = value
  }
  return found
}

function valueIn(pair: string, name: string): string | undefined {
  const equals = pair.indexOf('=')
  if (equals < 0 || trimmed(pair.slice(0, equals)) !== name) return undefined
  return trimmed(pair.slice(equals + 1)).replace(/^"(.*)"$/, '$1')
}

/** Only of what RFC 6265 §4.2.1 lets stand around: with other white space a name is another name to a browser. */
const trimmed = (text: string) => trim(text, ' \t')

/**
 * The lines that put a token into its cookie, and its CSRF value into the one beside it.
 * @throws CookieTooLargeError
 */
export function tokenCookies(type: TokenType, { token, csrf, exp }: CookieToken, config: Config): Line[] {
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
  return lines
}

/** The lines that clear the cookies of a token: the same attributes, an end in the past. */
export function clearedCookies(type: TokenType, config: Config): Line[] {
  const { tokenCookie, csrfCookie } = cookiesOf(type, config)
  return [tokenCookie, csrfCookie]
    .filter(cookie => cookie !== undefined)
    .map(cookie => line({ ...cookie, value: '', maxAge: 0 }, config))
}

/** Add lines to a response, each in place of an earlier one of its name. */
export function setCookies(ctx: Pick<Context, 'response' | 'secure'>, lines: readonly Line[], config: Config): void {
  if (lines.length === 0) return
  if (config.cookieSecure && !ctx.secure) warnAboutProxy()
  const names = lines.map(({ name }) => `${name}=`)
  const others = linesOf(ctx).filter(text => !names.some(name => text.startsWith(name)))
  ctx.response.set('Set-Cookie', [...others, ...lines.map(({ text }) => text)])
}

/** Whether the response sets or clears a cookie of this name already. */
export function setsCookie(ctx: Pick<Context, 'response'>, name: string): boolean {
  return linesOf(ctx).some(text => text.startsWith(`${name}=`))
}

/** Koa 2 says '' where nothing was set, Koa 3 undefined; its type says neither that nor that there may be several. */
function linesOf(ctx: Pick<Context, 'response'>): string[] {
  const present = ctx.response.get('Set-Cookie') as string | string[] | undefined
  return [present || []].flat()
}

function warnAboutProxy(): void {
  warnOnce(
    'AUTHX_INSECURE_COOKIE',
    'Secure cookies are being set over plain HTTP. If TLS ends at a proxy, set app.proxy = true so that Koa knows; ' +
      'for development without TLS, browsers accept them on http://localhost only, or set cookieSecure: false.',
  )
}

interface Cookie {
  readonly name: string
  readonly path: string
  readonly httpOnly: boolean
}

function cookiesOf(type: TokenType, config: Config): { tokenCookie: Cookie; csrfCookie?: Cookie } {
  const { cookieHttpOnly: httpOnly } = config
  const handsOutCsrf = config.cookieCsrfProtect && config.csrfInCookies
  if (type === 'access') {
    const csrfCookie = { name: config.accessCsrfCookieName, path: config.accessCsrfCookiePath, httpOnly: false }
    return {
      tokenCookie: { name: config.accessCookieName, path: config.accessCookiePath, httpOnly },
      ...(handsOutCsrf && { csrfCookie }),
    }
  }
  const csrfCookie = { name: config.refreshCsrfCookieName, path: config.refreshCsrfCookiePath, httpOnly: false }
  return {
    tokenCookie: { name: config.refreshCookieName, path: config.refreshCookiePath, httpOnly },
    ...(handsOutCsrf && { csrfCookie }),
  }
}

/** The values are base64url or percent-encoded, the rest was checked at construction: nothing needs quoting. */
function line(cookie: Cookie & { value: string; maxAge: number | undefined }, config: Config): Line {
  const { name, value, path, maxAge, httpOnly } = cookie
  const parts = [`${name}=${value}`, `Path=${path}`]
  if (config.cookieDomain !== undefined) parts.push(`Domain=${config.cookieDomain}`)
  if (maxAge !== undefined) parts.push(`Max-Age=${maxAge}`)
  if (maxAge === 0) parts.push('Expires=Thu, 01 Jan 1970 00:00:00 GMT')
  if (config.cookieSecure) parts.push('Secure')
  if (httpOnly) parts.push('HttpOnly')
  parts.push(`SameSite=${config.cookieSamesite[0]?.toUpperCase()}${config.cookieSamesite.slice(1)}`)
  return { name, text: parts.join('; ') }
}
