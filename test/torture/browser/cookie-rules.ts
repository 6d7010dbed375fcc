import type { Kind, Place } from '../reference/place-rules.js'
import { contentOf } from '../reference/signing.js'

/** Options about cookies, under the library's names. */
export interface CookieRules {
  readonly access: readonly Place[]
  readonly refresh: readonly Place[]
  readonly cookieSamesite: 'lax' | 'strict' | 'none'
  readonly cookieSecure: boolean
  readonly cookieHttpOnly: boolean
  readonly cookieDomain?: string
  /** Seconds. */
  readonly cookieMaxAge?: number
  readonly sessionCookie: boolean
  readonly cookieCsrfProtect: boolean
  readonly csrfInCookies: boolean
  readonly accessCookieName: string
  readonly accessCookiePath: string
  readonly refreshCookieName: string
  readonly refreshCookiePath: string
  readonly accessCsrfCookieName: string
  readonly accessCsrfCookiePath: string
  readonly refreshCsrfCookieName: string
  readonly refreshCsrfCookiePath: string
}

/** A line of `Set-Cookie`, read as RFC 6265 §5.2 reads it: attribute names in lower case, `''` for those without value. */
export interface CookieLine {
  readonly name: string
  readonly value: string
  readonly attributes: Readonly<Record<string, string>>
}

export function parsedLine(line: string): CookieLine {
  const [pair = '', ...rest] = line.split('; ')
  const split = (text: string) => {
    const at = text.indexOf('=')
    return at < 0 ? ([text, ''] as const) : ([text.slice(0, at), text.slice(at + 1)] as const)
  }
  const [name, value] = split(pair)
  const attributes = rest.map(split).map(([attribute, of]) => [attribute.toLowerCase(), of] as const)
  return { name, value, attributes: Object.fromEntries(attributes) }
}

/** The cookies that hold these tokens; `now` in seconds. */
export function cookiesFor(tokens: Readonly<Record<Kind, string>>, rules: CookieRules, now: number): CookieLine[] {
  const own = inCookies(rules).flatMap(kind => {
    const { csrf, exp } = contentOf(tokens[kind])
    const life = rules.sessionCookie ? undefined : Number(exp) - Math.floor(now)
    const maxAge = rules.cookieMaxAge ?? life
    const ofBoth: Record<string, string> = maxAge === undefined ? {} : { 'max-age': String(maxAge) }
    return linesOf(kind, rules, tokens[kind], String(csrf), ofBoth)
  })
  return [...formerCookies(rules), ...own]
}

const ENDED = { 'max-age': '0', expires: 'Thu, 01 Jan 1970 00:00:00 GMT' }

/** Where there is a domain now, the host's own cookies of an earlier deployment go. */
function formerCookies({ cookieDomain, ...rules }: CookieRules): CookieLine[] {
  if (cookieDomain === undefined) return []
  const lines = inCookies(rules).flatMap(kind => linesOf(kind, rules, '', '', ENDED))
  return lines.filter(({ name }) => !name.startsWith('__Host-'))
}

/** The same cookies with nothing in them and an end in the past. */
export function clearedCookies(rules: CookieRules): CookieLine[] {
  return [...formerCookies(rules), ...inCookies(rules).flatMap(kind => linesOf(kind, rules, '', '', ENDED))]
}

const inCookies = (rules: CookieRules) =>
  (['access', 'refresh'] as const).filter(kind => rules[kind].includes('cookies'))

function linesOf(
  kind: Kind,
  rules: CookieRules,
  token: string,
  csrf: string,
  more: Record<string, string>,
): CookieLine[] {
  const common = {
    ...more,
    ...(rules.cookieDomain !== undefined && { domain: rules.cookieDomain }),
    ...(rules.cookieSecure && { secure: '' }),
    samesite: { lax: 'Lax', strict: 'Strict', none: 'None' }[rules.cookieSamesite],
  }
  const own = { ...common, path: rules[`${kind}CookiePath`], ...(rules.cookieHttpOnly && { httponly: '' }) }
  const line = { name: rules[`${kind}CookieName`], value: token, attributes: own }
  if (!rules.cookieCsrfProtect || !rules.csrfInCookies) return [line]
  const name = rules[`${kind === 'access' ? 'accessCsrf' : 'refreshCsrf'}CookieName`]
  const path = rules[`${kind === 'access' ? 'accessCsrf' : 'refreshCsrf'}CookiePath`]
  return [line, { name, value: csrf, attributes: { ...common, path } }]
}

/** The members of the body of a login or refresh. */
export function membersOf(rules: CookieRules): string[] {
  const isSent = (kind: Kind) => rules[kind].some(place => place !== 'cookies')
  const needsCsrf = inCookies(rules).length > 0 && rules.cookieCsrfProtect && !rules.csrfInCookies
  return [
    ...(isSent('access') ? ['access_token'] : []),
    ...(isSent('refresh') ? ['refresh_token'] : []),
    ...['token_type', 'expires_in'],
    ...(needsCsrf ? ['csrf_token'] : []),
  ].sort()
}
