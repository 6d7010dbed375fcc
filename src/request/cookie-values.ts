import type { Context } from 'koa'
import { trim } from './trim.js'

/**
 * Returns the distinct values of a cookie in a request, in order, without empty values. There are several values if the
 * browser has cookies of this name for several domains or paths. Node joins several Cookie headers into one.
 */
export function cookieValues(ctx: Pick<Context, 'req'>, name: string): string[] {
  const header = ctx.req.headers.cookie
  if (!header?.includes(name)) return []
  const values: string[] = []
  for (const pair of header.split(';')) {
    const value = valueIn(pair, name)
    if (value && !values.includes(value)) values.push(value)
  }
  return values
}

function valueIn(pair: string, name: string): string | undefined {
  const equals = pair.indexOf('=')
  if (equals < 0 || trimmed(pair.slice(0, equals)) !== name) return undefined
  return trimmed(pair.slice(equals + 1)).replace(/^"(.*)"$/, '$1')
}

/** Trims only the white space of RFC 6265 §4.2.1. For browsers, other white space is part of the name or the value. */
const trimmed = (text: string) => trim(text, ' \t')
