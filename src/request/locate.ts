import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import { MalformedTokenRequestError } from '../errors.js'
import { jsonBody } from './body.js'
import type { RequestContext } from './context.js'
import { cookieValues } from './cookie-values.js'
import { ambiguousCookies } from './cookies.js'
import { trim } from './trim.js'

/** A token of a request, not verified. */
export interface LocatedToken {
  /** The encoded token, not verified. */
  readonly token: string
  /** The location of the token. */
  readonly location: TokenLocation
  /** The expected type. The token's own claim `type` is not read yet. */
  readonly type: TokenType
}

/** A token to check. It has no `location` if it is not from a request. */
export type Candidate = Omit<LocatedToken, 'location'> & Partial<Pick<LocatedToken, 'location'>>

type Locator = (ctx: RequestContext, type: TokenType, config: Config) => string | readonly string[] | undefined

const LOCATORS: Record<TokenLocation, Locator> = {
  headers: fromHeader,
  cookies: fromCookies,
  json: fromJson,
  query: fromQuery,
}

const NONE: readonly LocatedToken[] = []

/**
 * Returns the token in the first location that has one, without verifying it. The list is empty if there is no token.
 * It has several candidates if the browser has sent several cookies of one name.
 * @throws MalformedTokenRequestError if a location has several tokens or is malformed. Later locations are not
 * searched.
 */
export function locate(
  ctx: RequestContext,
  type: TokenType,
  locations: readonly TokenLocation[],
  config: Config,
): readonly LocatedToken[] {
  for (const location of locations) {
    const found = LOCATORS[location](ctx, type, config)
    if (typeof found === 'string' && found !== '') return [{ token: found, location, type }]
    if (typeof found === 'object') return found.map(token => ({ token, location, type }))
  }
  return NONE
}

/**
 * Maximum number of different cookies of one name in a request. A browser has several after a change of the cookie's
 * domain or path, but not more than this.
 */
const MAX_VALUES = 5

function fromCookies(ctx: RequestContext, type: TokenType, config: Config): readonly string[] | undefined {
  const name = type === 'access' ? config.accessCookieName : config.refreshCookieName
  const values = cookieValues(ctx, name)
  if (values.length > MAX_VALUES) throw ambiguousCookies(`more than ${MAX_VALUES} different cookies ${name}`, config)
  return values.length > 0 ? values : undefined
}

export function malformed(cause: string): never {
  throw new MalformedTokenRequestError({ cause })
}

function fromHeader(ctx: RequestContext, _type: TokenType, { headerName, headerType }: Config): string | undefined {
  const name = headerName.toLowerCase()
  const value = ctx.req.headers[name]
  if (value === undefined) return undefined
  // Node keeps the first of two Authorization headers and joins other repeated headers. Both are ambiguous.
  if (Array.isArray(value) || isRepeated(ctx, name)) malformed(`the header ${headerName} was sent more than once`)
  const token = headerType === '' ? value : afterScheme(value, headerType)
  if (token?.includes(' ')) malformed(`the header ${headerName} contains more than one token`)
  return token
}

/** Whether a header is repeated. `name` is in lower case. Mock requests of test kits have no `rawHeaders`. */
function isRepeated({ req }: RequestContext, name: string): boolean {
  const { rawHeaders = [] } = req as { rawHeaders?: readonly string[] }
  let count = 0
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const sent = rawHeaders[n]
    if (sent?.length === name.length && sent.toLowerCase() === name) count++
  }
  return count > 1
}

/** Returns the token after the scheme, ignoring the scheme's case (RFC 9110 §11.1). `undefined` for another scheme. */
function afterScheme(value: string, scheme: string): string | undefined {
  const space = value.indexOf(' ')
  if (space < 0 || value.slice(0, space).toLowerCase() !== scheme.toLowerCase()) return undefined
  return trim(value.slice(space), ' ')
}

function fromJson(ctx: RequestContext, type: TokenType, config: Config): string | undefined {
  const body = jsonBody(ctx)
  const name = type === 'access' ? config.jsonKey : config.refreshJsonKey
  const value = isObject(body) && Object.hasOwn(body, name) ? body[name] : undefined
  if (value === undefined || value === null || value === '') return undefined
  return typeof value === 'string' ? value : malformed(`the member ${name} of the JSON body is not a string`)
}

function fromQuery(ctx: RequestContext, _type: TokenType, { queryStringName }: Config): string | undefined {
  // Not `ctx.query`: in Koa 3 it takes quadratic time, half a second for a long URL.
  const values = new URLSearchParams(queryOf(ctx)).getAll(queryStringName)
  if (values.length > 1) malformed(`the query parameter ${queryStringName} was sent more than once`)
  return values[0] || undefined
}

/** Returns the query string. Koa throws for an invalid target such as `http://[/`. */
function queryOf(ctx: RequestContext): string {
  try {
    return ctx.querystring
  } catch {
    return malformed('the target of the request is not a valid URL')
  }
}
