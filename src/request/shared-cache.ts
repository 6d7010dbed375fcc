import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { trim } from './trim.js'

/** A directive of `Cache-Control`, its name in lower case. */
interface Directive {
  readonly name: string
  /** The value of the directive, without quotes. `undefined` if the directive has no `=`. */
  readonly value?: string
}

/** Headers that some shared caches use instead of `Cache-Control`: the headers of RFC 9213 §2, and older ones. */
const TARGETED = /(?:-cache|^surrogate|^edge)-control$/

/** Directives that have a meaning only for a cached response, so they allow caching. */
const FOR_KEPT: ReadonlySet<string> = new Set(
  'immutable stale-while-revalidate stale-if-error must-understand'.split(' '),
)

/**
 * Returns whether shared caches, such as proxies and CDNs, may keep a response (RFC 9111 §3, RFC 9213). `'allowed'` is
 * also the result if caches treat the headers differently, and for 304, because its headers update a cached response
 * (RFC 9111 §3.2). `'unsaid'`: the headers do not say it. A cache may then keep the response by its own rules, unless
 * `no-store` is added.
 * @param headers names in lower case, as `response.getHeaders()` gives them.
 * @param now milliseconds since 1970.
 */
export function sharedCaching(
  status: number,
  headers: OutgoingHttpHeaders,
  now: number,
): 'allowed' | 'forbidden' | 'unsaid' {
  // A Cache-Control cannot forbid what a targeted header allows.
  if (Object.keys(headers).some(name => isTargeted(name) && targetedAllows(name, textOf(headers[name]))))
    return 'allowed'
  const directives = parse(textOf(headers['cache-control']))
  // If private or no-store is present too, caches treat the combination differently.
  if (directives.some(({ name, value }) => name === 'public' || (name === 's-maxage' && isPositive(value)))) {
    return 'allowed'
  }
  if (forbids(directives)) return 'forbidden'
  const expires = Date.parse(textOf(headers.expires))
  return status === 304 || expires > now || directives.some(allows) ? 'allowed' : 'unsaid'
}

/** Forbid caches to keep a response, whatever its headers allow. */
export function forbidCaching(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) if (isAboutCaching(name)) response.removeHeader(name)
  response.setHeader('Cache-Control', 'no-store')
}

/** Whether a header says if caches may keep a response. */
function isAboutCaching(name: string): boolean {
  const lower = name.toLowerCase()
  return lower === 'cache-control' || lower === 'expires' || isTargeted(lower)
}

const isTargeted = (name: string) => name === 'x-accel-expires' || TARGETED.test(name)

function targetedAllows(name: string, text: string): boolean {
  if (text === '') return false
  if (name === 'x-accel-expires') return text !== '0'
  const directives = parse(text)
  return !forbids(directives) && !directives.some(directive => directive.name === 'bypass-cache')
}

/**
 * Whether directives forbid shared caches to keep the response. `private="X-User"` does not: it forbids only the header
 * X-User (RFC 9111 §5.2.2.7). With `must-understand`, `no-store` is ignored (§5.2.2.3).
 */
function forbids(directives: readonly Directive[]): boolean {
  const has = (name: string) => directives.some(each => each.name === name && each.value === undefined)
  return has('private') || (has('no-store') && !has('must-understand'))
}

function allows({ name, value }: Directive): boolean {
  if (name === 'max-age') return isPositive(value)
  // With a list of headers, the rest of the response may be kept.
  if (name === 'private' || name === 'no-cache') return value !== undefined
  return FOR_KEPT.has(name)
}

/**
 * Whether a number of seconds is positive. An invalid number counts as positive, because some caches may treat it as
 * positive and keep the response.
 */
const isPositive = (value = '') => !/^(?:0+|-\d+)$/.test(value)

const textOf = (value: OutgoingHttpHeaders[string]): string => trim([value ?? ''].flat().join(', '), ' \t')

/** Quoted strings (RFC 9110 §5.6.4), complete or cut off, and other text up to the next comma. */
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
