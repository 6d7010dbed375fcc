import type { Context, Next } from 'koa'
import { HttpMethodEnum, koaBody } from 'koa-body'
import { isObject } from '../config/values.js'
import { hasUnparsedBody, parsedBody } from '../request/locate.js'

/** A name and a password, or the answer of an authenticator: a login is no longer than this. */
const LARGEST = '64kb'

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

/** Parses JSON and forms, unless somebody has done so before. */
export async function parseBody(ctx: Context, next: Next): Promise<void> {
  if (parsedBody(ctx) === undefined) await parse(ctx, async () => {}).catch((error: unknown) => refuse(ctx, error))
  await next()
}

/** An error of the parser quotes the body, and a password may be in it: what is thrown in its place does not. */
function refuse(ctx: Context, error: unknown): never {
  const { status, code } = error as { status?: number; code?: string }
  const told = code?.startsWith('Z_') ? 400 : Number(status)
  if (REFUSALS[told]) ctx.throw(told, REFUSALS[told])
  throw error
}

/**
 * The members of the body; none if there is no body, or if it is no object. 415 if it is of a type that nobody has
 * parsed: who sent it must not be told that the password is wrong.
 */
export function membersOf(ctx: Context): Record<string, unknown> {
  if (hasUnparsedBody(ctx)) ctx.throw(415, 'The body must be JSON or a form')
  const body = parsedBody(ctx)
  return isObject(body) ? body : {}
}
