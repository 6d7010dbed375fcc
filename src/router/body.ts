import type { Context, Next } from 'koa'
import { isObject } from '../config/values.js'
import { BodyTooLargeError, MalformedBodyError, UnsupportedBodyError } from '../errors.js'
import { canReadBody, hasUnparsedBody, mediaTypeOf, parsedBody, warnAboutBody } from '../request/body.js'
import { BodyError, readBody } from '../request/read-body.js'

/** Maximum size of a body. A name and a password, or the response of an authenticator, is smaller. */
const MAX_BYTES = 64 * 1024

const REFUSALS = { 400: MalformedBodyError, 413: BodyTooLargeError, 415: UnsupportedBodyError } as const

/** Parses JSON and forms, unless the body is already parsed or read. */
export async function parseBody(ctx: Context, next: Next): Promise<void> {
  const parse = parserOf(mediaTypeOf(ctx))
  if (parse && canReadBody(ctx)) {
    try {
      const text = textOf(await readBody(ctx.req, MAX_BYTES))
      if (text !== '') Object.assign(ctx.request, { body: parse(text) })
    } catch (error) {
      throw error instanceof BodyError ? new REFUSALS[error.status]({ cause: error }) : error
    }
  }
  await next()
}

const JSON_TYPE = /^application\/(?:[^/+]+\+)?json$/

function parserOf(mediaType = ''): ((text: string) => object) | undefined {
  if (JSON_TYPE.test(mediaType)) return parseJson
  return mediaType === 'application/x-www-form-urlencoded' ? parseForm : undefined
}

/** JSON (RFC 8259 §8.1) and forms (URL Standard §5.1) are UTF-8, whatever `charset` says. @throws BodyError */
function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new BodyError(400)
  }
}

/** @throws BodyError without a cause: the message of a SyntaxError quotes the body, which may contain a password. */
function parseJson(text: string): object {
  const value = parsed(text)
  if (typeof value !== 'object' || value === null || hasPrototype(value)) throw new BodyError(400)
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new BodyError(400)
  }
}

/**
 * Whether a member, at any depth, would change a prototype if the application merged the body into an object. It is no
 * recursion, because a body may be nested deeper than the stack allows.
 */
function hasPrototype(body: object): boolean {
  const found: unknown[] = [body]
  for (const value of found) {
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__')) return true
    if (isObject(value.constructor) && Object.hasOwn(value.constructor, 'prototype')) return true
    for (const member of Object.values(value)) found.push(member)
  }
  return false
}

/** The fields of a form. A field that is repeated is a list of its values. */
function parseForm(text: string): object {
  const fields = new Map<string, string | string[]>()
  for (const [name, value] of new URLSearchParams(text)) {
    const known = fields.get(name)
    if (Array.isArray(known)) known.push(value)
    else fields.set(name, known === undefined ? value : [known, value])
  }
  if (fields.has('__proto__')) throw new BodyError(400)
  return Object.fromEntries(fields)
}

/**
 * Returns the members of the body. There are none if the body is missing or is not an object. If the body was not
 * parsed because of its type, the response is 415. Without this rule, the client would be told that the password is
 * wrong.
 */
export function membersOf(ctx: Context): Record<string, unknown> {
  if (hasUnparsedBody(ctx)) {
    warnAboutBody()
    throw new UnsupportedBodyError({ cause: NOT_PARSED })
  }
  const body = parsedBody(ctx)
  return isObject(body) ? body : {}
}

const NOT_PARSED =
  'the body has not been parsed: send it as application/json or application/x-www-form-urlencoded, ' +
  'or mount a parser for its type, such as koa-body, before the routes'
