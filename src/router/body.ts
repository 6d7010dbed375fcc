import type { Context, Next } from 'koa'
import { HttpMethodEnum, koaBody } from 'koa-body'
import { isObject } from '../config/values.js'
import { hasUnparsedBody, parsedBody, warnAboutBody } from '../request/body.js'
import { unpacked } from './read-body.js'

/** Bytes. A name and a password, or the answer of an authenticator: a login is no longer than this. */
const LARGEST = 64 * 1024

const parse = koaBody({
  jsonLimit: LARGEST,
  formLimit: LARGEST,
  text: false,
  // An access token may be in the body of any request.
  parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.GET, HttpMethodEnum.DELETE],
})

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The body is malformed',
  413: 'The body is too large',
  415: 'The encoding of the body is not supported',
}

/** Parses JSON and forms, unless somebody has done so, or has read the body, before. */
export async function parseBody(ctx: Context, next: Next): Promise<void> {
  if (!ctx.req.readableDidRead && (parsedBody(ctx) === undefined || hasUnparsedBody(ctx))) {
    const readable = Object.create(ctx, { req: { value: unpacked(ctx.req, LARGEST) } }) as Context
    await parse(readable, async () => {}).catch((error: unknown) => refuse(ctx, error))
  }
  await next()
}

/** An error of the parser quotes the body, and a password may be in it: what is thrown in its place does not. */
function refuse(ctx: Context, error: unknown): never {
  const { status } = error as { status?: number }
  if (status !== undefined && REFUSALS[status]) ctx.throw(status, REFUSALS[status])
  throw error
}

/**
 * The members of the body; none if there is no body, or if it is no object. 415 if it is of a type that nobody has
 * parsed: the client must not be told that the password is wrong.
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
