import type { Context, Next } from 'koa'
import { HttpMethodEnum, koaBody } from 'koa-body'
import { isObject } from '../config/values.js'
import { canReadBody, hasUnparsedBody, parsedBody, warnAboutBody } from '../request/body.js'
import { unpacked } from '../request/read-body.js'

/** Maximum size of a body. A name and a password, or the response of an authenticator, is smaller. */
const MAX_BYTES = 64 * 1024

const parse = koaBody({
  jsonLimit: MAX_BYTES,
  formLimit: MAX_BYTES,
  text: false,
  // These methods too: any request may have an access token in its body.
  parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.GET, HttpMethodEnum.DELETE],
})

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The body is malformed',
  413: 'The body is too large',
  415: 'The encoding of the body is not supported',
}

/** Parses JSON and forms, unless the body is already parsed or read. */
export async function parseBody(ctx: Context, next: Next): Promise<void> {
  if (canReadBody(ctx)) {
    const readable = Object.create(ctx, { req: { value: unpacked(ctx.req, MAX_BYTES) } }) as Context
    await parse(readable, async () => {}).catch((error: unknown) => refuse(ctx, error))
  }
  await next()
}

/** Replaces the parser's error, because its message quotes the body, which may contain a password. */
function refuse(ctx: Context, error: unknown): never {
  const { status } = error as { status?: number }
  if (status !== undefined && REFUSALS[status]) ctx.throw(status, REFUSALS[status])
  throw error
}

/**
 * Returns the members of the body. There are none if the body is missing or is not an object. If the body was not
 * parsed because of its type, the response is 415. Without this rule, the client would be told that the password is
 * wrong.
 */
export function membersOf(ctx: Context): Record<string, unknown> {
  if (hasUnparsedBody(ctx)) {
    warnAboutBody()
    ctx.throw(415, 'The body must be JSON or a form', { cause: NOT_PARSED })
  }
  const body = parsedBody(ctx)
  return isObject(body) ? body : {}
}

const NOT_PARSED =
  'the body has not been parsed: send it as application/json or application/x-www-form-urlencoded, ' +
  'or mount koa-body for its type before the routes'
