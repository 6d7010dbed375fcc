import type { OutgoingHttpHeaders } from 'node:http'
import { trim } from './trim.js'

/** A directive of `Cache-Control`, its name in lower case. */
interface Directive {
  readonly name: string
  /** Without its quotes; `undefined` where there is no `=`. */
  readonly value?: string
}

/** Fields that some shared caches obey in place of `Cache-Control`: RFC 9213 §2, and those from before it. */
const TARGETED = /(?:-cache|^surrogate|^edge)-control$/

/** Directives that have a meaning only for a response that is kept. */
const FOR_KEPT: ReadonlySet<string> = new Set(
  'immutable stale-while-revalidate stale-if-error must-understand'.split(' '),
)

/**
 * What a response says of being kept by shared caches, such as proxies and CDNs (RFC 9111 §3, RFC 9213). `'allowed'`
 * also where caches differ, and for 304: its headers become those of a response that is kept already (RFC 9111 §3.2).
 * `'unsaid'`: a cache may keep it by its own rules, as long as nobody adds `no-store`.
 * @param headers names in lower case, as `response.getHeaders()` gives them.
 * @param now milliseconds since 1970.
 */
export function sharedCaching(
  status: number,
  headers: OutgoingHttpHeaders,
  now: number,
): 'allowed' | 'forbidden' | 'unsaid' {
  // What targeted fields allow, no Cache-Control of ours takes back.
  if (Object.keys(headers).some(name => isTargeted(name) && targetedAllows(name, textOf(headers[name]))))
    return 'allowed'
  const directives = parse(textOf(headers['cache-control']))
  // Together with private or no-store caches disagree on which counts.
  if (directives.some(({ name, value }) => name === 'public' || (name === 's-maxage' && isPositive(value)))) {
    return 'allowed'
  }
  if (forbids(directives)) return 'forbidden'
  const expires = Date.parse(textOf(headers.expires))
  return status === 304 || expires > now || directives.some(allows) ? 'allowed' : 'unsaid'
}

const isTargeted = (name: string) => name === 'x-accel-expires' || TARGETED.test(name)

function targetedAllows(name: string, text: string): boolean {
  if (text === '') return false
  if (name === 'x-accel-expires') return text !== '0'
  const directives = parse(text)
  return !forbids(directives) && !directives.some(directive => directive.name === 'bypass-cache')
}

/** `private="X-User"` forbids the field only (RFC 9111 §5.2.2.7); beside must-understand no-store is not meant (§5.2.2.3). */
function forbids(directives: readonly Directive[]): boolean {
  const has = (name: string) => directives.some(each => each.name === name && each.value === undefined)
  return has('private') || (has('no-store') && !has('must-understand'))
}

function allows({ name, value }: Directive): boolean {
  if (name === 'max-age') return isPositive(value)
  // To say it of some fields is to let the others be kept.
  if (name === 'private' || name === 'no-cache') return value !== undefined
  return FOR_KEPT.has(name)
}

/** Caches read what is no number in their own ways: only a clear zero or less is none. */
const isPositive = (value = '') => !/^(?:0+|-\d+)$/.test(value)

const textOf = (value: OutgoingHttpHeaders[string]): string => trim([value ?? ''].flat().join(', '), ' \t')

/** Pieces of a quoted string, whole or cut off, and of anything else up to the next comma (RFC 9110 §5.6.4). */
const PIECES = /"(?:[^"\\]|\\.)*(?:"|$)|\\|[^",\\]+|,/gs

function parse(text: string): Directive[] {
  const directives: string[] = ['']
  for (const [piece] of text.matchAll(PIECES)) {
    if (piece === ',') directives.push('')
    else directives[directives.length - 1] += piece
  }
  return directives.map(toDirective).filter(({ name }) => name !== '')
}

function toDirective(text: string): Directive {
  const equals = text.indexOf('=')
  const name = trim(equals < 0 ? text : text.slice(0, equals), ' \t').toLowerCase()
  if (equals < 0) return { name }
  return { name, value: trim(text.slice(equals + 1), ' \t').replace(/^"(.*?)"?$/s, '$1') }
}
