import { isObject } from '../config/values.js'
import type { RequestContext } from './context.js'
import { warnOnce } from './warn.js'

/** The parsed JSON body, or `undefined` if the body is not JSON or not parsed. */
export function jsonBody(ctx: RequestContext): unknown {
  return mediaTypeOf(ctx) === 'application/json' ? parsedBody(ctx) : undefined
}

/** The media type of the body, without parameters, in lower case. */
export const mediaTypeOf = ({ req }: RequestContext) =>
  req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()

/** Whether the body is a form, parsed or not. */
export function isForm(ctx: RequestContext): boolean {
  const mediaType = mediaTypeOf(ctx)
  return mediaType === 'application/x-www-form-urlencoded' || mediaType === 'multipart/form-data'
}

/** Whether there is a body that is not parsed. RFC 9112 §6.3 defines how a request shows that it has a body. */
export function hasUnparsedBody(ctx: RequestContext): boolean {
  const { headers } = ctx.req
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  return hasBody && isUnparsed(ctx)
}

/**
 * Whether no parser has parsed the body. A parser that does not know the media type leaves `undefined`, text, bytes or
 * `{}`.
 */
function isUnparsed(ctx: RequestContext): boolean {
  const body = parsedBody(ctx)
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return true
  return isObject(body) && Object.keys(body).length === 0 && ctx.req.readableDidRead === false
}

/** Whether the body can still be read: it has neither been parsed nor read. */
export const canReadBody = (ctx: RequestContext) =>
  !ctx.req.readableDidRead && (parsedBody(ctx) === undefined || hasUnparsedBody(ctx))

/** Whether there is a JSON body that is not parsed. */
export const hasUnparsedJson = (ctx: RequestContext) => mediaTypeOf(ctx) === 'application/json' && hasUnparsedBody(ctx)

/** Warns that a body parser is missing: guards read parsed bodies but do not parse them. */
export function warnAboutBody(): void {
  warnOnce(
    'AUTHX_BODY_NOT_PARSED',
    'A body that may contain a token, a login or a CSRF value has not been parsed; ' +
      'mount a body parser such as koa-body before the guard or the routes, and send JSON or a form.',
  )
}

/** The parsed body. Body parsers set `ctx.request.body`, which Koa's types do not have. */
export const parsedBody = (ctx: RequestContext) => (ctx.request as { body?: unknown }).body
