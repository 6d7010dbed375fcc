import { isObject } from '../config/values.js'
import type { RequestContext } from './context.js'
import { warnOnce } from './warn.js'

/** What a body parser has left; `undefined` if the body is not JSON or has not been parsed. */
export function jsonBody(ctx: RequestContext): unknown {
  return mediaTypeOf(ctx) === 'application/json' ? parsedBody(ctx) : undefined
}

/** The media type of the body, without parameters, in lower case. */
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

/** Whether there is a JSON body that nobody has parsed. */
export const hasUnparsedJson = (ctx: RequestContext) => mediaTypeOf(ctx) === 'application/json' && hasUnparsedBody(ctx)

/** Guards read parsed bodies, and parse none. */
export function warnAboutBody(): void {
  warnOnce(
    'AUTHX_BODY_NOT_PARSED',
    'A token, a login or a CSRF value is looked for in a body that has not been parsed: ' +
      'mount koa-body before the guard or the routes, and send JSON or a form.',
  )
}

/** Body parsers agree on `ctx.request.body`; Koa's own types do not know it. */
export const parsedBody = (ctx: RequestContext) => (ctx.request as { body?: unknown }).body
