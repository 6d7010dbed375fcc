import type { Context } from 'koa'
import { trim } from './trim.js'

/**
 * The distinct values that a request carries for a cookie, in their order; empty values are none. There are several if
 * the browser holds cookies of one name for several domains or paths. Node has joined several Cookie headers into one.
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

/** Only of what RFC 6265 §4.2.1 lets stand around: with other white space a name is another name to a browser. */
const trimmed = (text: string) => trim(text, ' \t')
