import type { Context } from 'koa'
import type { TokenLocation, TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import { MalformedTokenRequestError } from '../errors.js'
import { THREE_PARTS } from '../token/verify.js'
import { cookieValues } from './cookie-values.js'
import { ambiguousCookies } from './cookies.js'
import { trim } from './trim.js'
import { warnOnce } from './warn.js'

/** The parts of a Koa context that are read. Any Koa context is one, whatever its state is typed as. */
export type RequestContext = Pick<Context, 'req' | 'request' | 'method' | 'querystring'>

/** A token as a request carries it. */
export interface LocatedToken {
  /** The encoded string, not verified yet. */
  readonly token: string
  /** Where it was found. */
  readonly location: TokenLocation
  /** The type that was looked for; what the token says of itself is not known yet. */
  readonly type: TokenType
}

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

/** More tokens in cookies of one name than changes of domain or path leave behind. */
const MOST_TOKENS = 5

function fromCookies(ctx: RequestContext, type: TokenType, config: Config): readonly string[] | undefined {
  const name = type === 'access' ? config.accessCookieName : config.refreshCookieName
  const values = cookieValues(ctx, name)
  // What has not the form of a token is another application's, and counts only where there is nothing else to judge.
  const formed = values.filter(value => THREE_PARTS.test(value))
  if (formed.length > MOST_TOKENS)
    throw ambiguousCookies(`more than ${MOST_TOKENS} different tokens in cookies ${name}`, config)
  const candidates = formed.length > 0 ? formed : values.slice(0, MOST_TOKENS)
  return candidates.length > 0 ? candidates : undefined
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

/** What a body parser has left; `undefined` if the body is not JSON or has not been parsed. */
export function jsonBody(ctx: RequestContext): unknown {
  return mediaTypeOf(ctx) === 'application/json' ? parsedBody(ctx) : undefined
}

/** Without its parameters, in lower case. */
export const mediaTypeOf = ({ req }: RequestContext) =>
  req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()

/** Whether there is a body that nobody has parsed (RFC 9112 §6.3: what says that there is a body at all). */
export function hasUnparsedBody(ctx: RequestContext): boolean {
  const { headers } = ctx.req
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  return hasBody && isUnparsed(ctx)
}

/** Parsers leave nothing, the text, the bytes or `{}` where a body is of a type that they do not take. */
function isUnparsed(ctx: RequestContext): boolean {
  const body = parsedBody(ctx)
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return true
  return isObject(body) && Object.keys(body).length === 0 && ctx.req.readableDidRead === false
}

/** The same of JSON. */
export const hasUnparsedJson = (ctx: RequestContext) => mediaTypeOf(ctx) === 'application/json' && hasUnparsedBody(ctx)

/** Guards judge bodies, and parse none. */
export function warnAboutBody(): void {
  warnOnce(
    'AUTHX_BODY_NOT_PARSED',
    'A token, a login or a CSRF value is looked for in a body that has not been parsed: ' +
      'mount koa-body before the guard or the routes, and send JSON or a form.',
  )
}

/** Body parsers agree on `ctx.request.body`; Koa's own types do not know it. */
export const parsedBody = (ctx: RequestContext) => (ctx.request as { body?: unknown }).body

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
