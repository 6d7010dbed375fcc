import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import { MalformedTokenRequestError } from '../errors.js'
import { jsonBody } from './body.js'
import type { RequestContext } from './context.js'
import { cookieValues } from './cookie-values.js'
import { ambiguousCookies } from './cookies.js'
import { trim } from './trim.js'

/** A token as a request carries it. */
export interface LocatedToken {
  /** The encoded string, not verified yet. */
  readonly token: string
  /** Where it was found. */
  readonly location: TokenLocation
  /** The type that was looked for; what the token says of itself is not known yet. */
  readonly type: TokenType
}

/** A token that is to be checked: of a request, or (without `location`) by itself. */
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
 * The token of a request, from the first location that holds one: none, one, or several candidates if the browser has
 * sent several cookies of the name. Locating never judges a token.
 * @throws MalformedTokenRequestError if a location holds something other than one token; the next is not tried then.
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

/** More values of one name than changes of domain or path leave behind. */
const MOST_VALUES = 5

function fromCookies(ctx: RequestContext, type: TokenType, config: Config): readonly string[] | undefined {
  const name = type === 'access' ? config.accessCookieName : config.refreshCookieName
  const values = cookieValues(ctx, name)
  if (values.length > MOST_VALUES) throw ambiguousCookies(`more than ${MOST_VALUES} different cookies ${name}`, config)
  return values.length > 0 ? values : undefined
}

export function malformed(cause: string): never {
  throw new MalformedTokenRequestError({ cause })
}

function fromHeader(ctx: RequestContext, _type: TokenType, { headerName, headerType }: Config): string | undefined {
  const name = headerName.toLowerCase()
  const value = ctx.req.headers[name]
  if (value === undefined) return undefined
  // Node keeps the first of two Authorization headers and joins others; which of them was meant is not for us to say.
  if (Array.isArray(value) || isRepeated(ctx, name)) malformed(`the header ${headerName} was sent more than once`)
  const token = headerType === '' ? value : afterScheme(value, headerType)
  if (token?.includes(' ')) malformed(`the header ${headerName} holds more than one token`)
  return token
}

/** `name`: in lower case. Requests that test kits make have no `rawHeaders`, and repeat nothing. */
function isRepeated({ req }: RequestContext, name: string): boolean {
  const { rawHeaders = [] } = req as { rawHeaders?: readonly string[] }
  let count = 0
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const sent = rawHeaders[n]
    if (sent?.length === name.length && sent.toLowerCase() === name) count++
  }
  return count > 1
}

/** `scheme SP+ token`, the scheme in any case (RFC 9110 §11.1); `undefined` for another scheme. */
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
  // Not `ctx.query`: Koa 3 looks each parameter up among all of them, and a long URL costs it half a second.
  const values = new URLSearchParams(queryOf(ctx)).getAll(queryStringName)
  if (values.length > 1) malformed(`the query parameter ${queryStringName} was sent more than once`)
  return values[0] || undefined
}

/** Koa throws for a target such as `http://[/`, which is no URL. */
function queryOf(ctx: RequestContext): string {
  try {
    return ctx.querystring
  } catch {
    return malformed('the target of the request is no URL')
  }
}
