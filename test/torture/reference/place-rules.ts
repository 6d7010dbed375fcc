/**
 * Where the token of a request is, and whether its CSRF value is right, said a second time: from the lines of the
 * request, without Koa, `node:querystring` or a line of `src/`.
 */

export type Place = 'headers' | 'cookies' | 'json' | 'query'
export type Kind = 'access' | 'refresh'

/** Options of the library under their own names, with its defaults. */
export const DEFAULT_PLACES = {
  access: ['headers'] as readonly Place[],
  refresh: ['headers'] as readonly Place[],
  headerName: 'Authorization',
  headerType: 'Bearer',
  queryStringName: 'token',
  jsonKey: 'access_token',
  refreshJsonKey: 'refresh_token',
  accessCookieName: 'access_token_cookie',
  refreshCookieName: 'refresh_token_cookie',
  cookieCsrfProtect: true,
  /** `undefined`: every method that may change something. */
  csrfMethods: undefined as readonly string[] | undefined,
  csrfCheckForm: false,
  accessCsrfHeaderName: 'X-CSRF-TOKEN',
  refreshCsrfHeaderName: 'X-CSRF-TOKEN',
  accessCsrfFieldName: 'csrf_token',
  refreshCsrfFieldName: 'csrf_token',
}
export type PlaceRules = typeof DEFAULT_PLACES

export interface SentRequest {
  readonly method: string
  readonly target: string
  /** Lines as they are sent, each character a byte; without those that frame the body. */
  readonly lines: readonly string[]
  readonly body?: Buffer
  readonly inChunks?: boolean
}

/** What a body parser makes of the body. */
export interface ParsedBody {
  readonly json?: unknown
  readonly form?: Readonly<Record<string, unknown>>
}

/** Several tokens if there are several cookies of the name. */
export type Located = { readonly tokens: readonly string[]; readonly place: Place } | 'nothing' | 'malformed'

/** The first location that holds something; what is malformed there is never passed over. */
export function locateToken(request: SentRequest, parsed: ParsedBody, kind: Kind, rules: PlaceRules): Located {
  for (const place of rules[kind]) {
    const found = FINDERS[place](request, parsed, kind, rules)
    if (found === 'malformed') return 'malformed'
    if (found !== 'nothing') return { ...found, place }
  }
  return 'nothing'
}

type Found = { readonly tokens: readonly string[] } | 'nothing' | 'malformed'
type Finder = (request: SentRequest, parsed: ParsedBody, kind: Kind, rules: PlaceRules) => Found

const FINDERS: Readonly<Record<Place, Finder>> = {
  headers: inHeaders,
  cookies: inCookies,
  json: inJson,
  query: inQuery,
}

const tokenOr = (text: string): Found => (text === '' ? 'nothing' : { tokens: [text] })

const MOST_COOKIES = 5

/** What is around a value on its line is no part of it (RFC 9110 §5.5). */
const bare = (text: string) => text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')

/** The values of a header, in the order of their lines. */
export function valuesOf({ lines }: SentRequest, name: string): string[] {
  const pairs = lines.map(line => [line.slice(0, line.indexOf(':')), bare(line.slice(line.indexOf(':') + 1))] as const)
  return pairs.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

function inHeaders(request: SentRequest, _: ParsedBody, __: Kind, { headerName, headerType }: PlaceRules): Found {
  const [value, ...others] = valuesOf(request, headerName)
  if (value === undefined) return 'nothing'
  if (others.length > 0) return 'malformed'
  const [scheme = '', ...rest] = value.split(' ')
  const words = headerType === '' ? value.split(' ') : rest.filter(word => word !== '')
  if (headerType !== '' && scheme.toLowerCase() !== headerType.toLowerCase()) return 'nothing'
  return words.length > 1 ? 'malformed' : tokenOr(words[0] ?? '')
}

function inCookies(request: SentRequest, _: ParsedBody, kind: Kind, rules: PlaceRules): Found {
  const name = kind === 'access' ? rules.accessCookieName : rules.refreshCookieName
  const pairs = valuesOf(request, 'Cookie').flatMap(value => value.split(';'))
  const values = pairs
    .filter(pair => pair.includes('=') && bare(pair.slice(0, pair.indexOf('='))) === name)
    .map(pair => bare(pair.slice(pair.indexOf('=') + 1)))
    .map(value => (/^".*"$/.test(value) && value.length > 1 ? value.slice(1, -1) : value))
    .filter(value => value !== '')
  const tokens = [...new Set(values)]
  if (tokens.length > MOST_COOKIES) return 'malformed'
  return tokens.length > 0 ? { tokens } : 'nothing'
}

function inJson(_: SentRequest, { json }: ParsedBody, kind: Kind, rules: PlaceRules): Found {
  const name = kind === 'access' ? rules.jsonKey : rules.refreshJsonKey
  if (typeof json !== 'object' || json === null || Array.isArray(json) || !Object.hasOwn(json, name)) return 'nothing'
  const value = (json as Record<string, unknown>)[name]
  if (value === null) return 'nothing'
  return typeof value === 'string' ? tokenOr(value) : 'malformed'
}

function inQuery({ target }: SentRequest, _: ParsedBody, __: Kind, { queryStringName }: PlaceRules): Found {
  const [address = ''] = target.split('#')
  const query = address.includes('?') ? address.slice(address.indexOf('?') + 1) : ''
  const pairs = query.split('&').map(pair => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)] as const)
  const values = pairs.filter(([name]) => decoded(name) === queryStringName)
  if (values.length > 1) return 'malformed'
  const [name, value = ''] = values[0] ?? []
  return tokenOr(name === value ? '' : decoded(value))
}

/** Percent signs that encode nothing stand for themselves. */
function decoded(text: string): string {
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number(`0x${hex}`)))
  return Buffer.from(bytes, 'latin1').toString()
}

export type CsrfFault = 'MissingCSRFTokenError' | 'CSRFError'

/**
 * Why a request is refused whose token came from a cookie; nothing if it is not. `asked`: whether it has to repeat the
 * value whatever its method is, as refresh and logout have, or never; else its method decides.
 */
export function csrfFault(
  request: SentRequest,
  parsed: ParsedBody,
  kind: Kind,
  claim: unknown,
  rules: PlaceRules,
  asked = rules.csrfMethods?.includes(request.method) ?? !/^(?:GET|HEAD|OPTIONS|TRACE)$/.test(request.method),
): CsrfFault | undefined {
  if (!rules.cookieCsrfProtect || !asked) return undefined
  const sent = sentCsrf(request, parsed, kind, rules)
  if (sent === undefined || typeof claim !== 'string' || claim === '') return 'MissingCSRFTokenError'
  return sent.equals(Buffer.from(claim)) ? undefined : 'CSRFError'
}

function sentCsrf(request: SentRequest, { form }: ParsedBody, kind: Kind, rules: PlaceRules): Buffer | undefined {
  const name = kind === 'access' ? rules.accessCsrfHeaderName : rules.refreshCsrfHeaderName
  const header = valuesOf(request, name).join(', ')
  if (header !== '') return Buffer.from(header, 'latin1')
  const field = kind === 'access' ? rules.accessCsrfFieldName : rules.refreshCsrfFieldName
  const value = rules.csrfCheckForm && form && Object.hasOwn(form, field) ? form[field] : undefined
  return typeof value === 'string' && value !== '' ? Buffer.from(value) : undefined
}
