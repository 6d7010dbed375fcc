/** A layer of a router of @koa/router, as far as it is looked at: a route, or (without methods) what `.use` put there. */
export interface Layer {
  readonly methods: readonly string[]
  /** As it was written, with all prefixes before it. */
  readonly path: unknown
  readonly regexp?: unknown
  readonly stack: readonly object[]
  readonly opts?: { readonly end?: boolean; readonly pathAsRegExp?: boolean }
}

/** How a layer stands to a route that comes after it. */
export interface Cover {
  /** Whether it runs for every request that the route answers. */
  readonly holds: boolean
  /** Whether it runs for some of them, as far as can be seen. */
  readonly meant: boolean
  /** A path that the route answers and the layer does not see. */
  readonly slip?: string
}

/**
 * Whether each path that the route matches is one that the layer matches. It is proven from how the two are written,
 * and what cannot be proven does not hold: a wrong yes would hide an open route.
 * @param paths those of `pathsOf(route)`.
 */
export function coverOf(layer: Layer, route: Layer, paths: readonly string[]): Cover {
  const isProven = hasMethodsOf(layer, route) && (seesEverything(layer) || isWider(layer, route))
  // What stands in another route is put up for that.
  if (!isProven && layer.methods.length > 0) return { holds: false, meant: false }
  const slip = paths.find(path => !matches(layer, path))
  if (isProven && slip === undefined) return { holds: true, meant: true }
  return { holds: false, meant: paths.some(path => matches(layer, path)), ...(slip !== undefined && { slip }) }
}

/** Some paths that the route answers, spelt in the ways that routers take for the same. */
export const pathsOf = (route: Layer): string[] => samplesOf(route).filter(path => matches(route, path))

/** What was given to `.use` or to the route, without what the router has put behind it. */
export function writtenPath({ path }: Layer): string {
  return typeof path === 'string' ? path.replace(WHATEVER_FOLLOWS, '') : String(path)
}

/** What @koa/router makes of `.use(guard)` without a path; with a prefix it stands behind that. */
const WHATEVER_FOLLOWS = /(?:\(\?:\\\/\|\$\)|\(\[\^\/\]\*\)|\{\/\*rest\})$/

/** What has no methods runs for all of them. */
function hasMethodsOf(layer: Layer, { methods }: Layer): boolean {
  if (layer.methods.length === 0) return true
  return methods.length > 0 && methods.every(method => layer.methods.includes(method))
}

/** What `.use` makes of no path, a regular expression in a string, and of an empty one, a pattern. */
const EVERYTHING = { expression: String.raw`(?:\/|$)`, pattern: '{/*rest}' }

function seesEverything({ path, opts }: Layer): boolean {
  return path === (opts?.pathAsRegExp ? EVERYTHING.expression : EVERYTHING.pattern) && opts?.end === false
}

function isWider(layer: Layer, route: Layer): boolean {
  const { regexp } = layer
  if (!(regexp instanceof RegExp) || !(route.regexp instanceof RegExp) || !isRepeatable(regexp)) return false
  // Paths that differ in case are one to most routes, and another to a layer that tells them apart.
  if (!regexp.ignoreCase && route.regexp.ignoreCase) return false
  // What an expression excludes it excludes in both cases if it does not tell them apart: it sees less then.
  if (regexp.ignoreCase !== route.regexp.ignoreCase && EXCLUDES.test(regexp.source)) return false
  return isSamePattern(regexp, route.regexp) || isWrittenBelow(layer, route)
}

/** `[^a]` (not `[^/]`, which is no letter), `(?!a)`, `(?<!a)`, `\W`, `\p{Lu}` in the source of a regular expression. */
const EXCLUDES = /\[\^(?![^\]\\\w\u0080-\uffff]*\])|--|\(\?<?!|\\[A-Zp]/

function isSamePattern(one: RegExp, other: RegExp): boolean {
  return one.source === other.source && one.flags.replace('i', '') === other.flags.replace('i', '')
}

/** Both are path patterns, and that of the route goes on where that of an open-ended layer ends: at a `/`. */
function isWrittenBelow(layer: Layer, route: Layer): boolean {
  const [above, path] = [patternOf(layer), patternOf(route)]
  if (layer.opts?.end !== false || above === undefined || path === undefined) return false
  const start = above.replace(/\{\/\*rest\}$/, '')
  // Optional parts may come next if each begins with a `/` itself.
  if (path.startsWith(start)) return /^(?:\{\/[^{}]*\})*(?:\/|$)/.test(path.slice(start.length))
  const [begun, segments] = [start.split('/'), path.split('/')]
  return begun.length <= segments.length && begun.every((each, n) => isWiderSegment(each, segments[n] as string))
}

/** `undefined` for a regular expression, which may match anywhere in a path, even if it was given as a string. */
const patternOf = ({ path, opts }: Layer) => (typeof path === 'string' && !opts?.pathAsRegExp ? path : undefined)

/** The same, or a parameter where the route has anything of one segment. */
function isWiderSegment(segment: string, other: string): boolean {
  const isPlain = (text: string) => !/[{}*"\\]/.test(text)
  return isPlain(segment) && isPlain(other) && (segment === other || (/^:[$\w]+$/.test(segment) && other !== ''))
}

/** One with `g` or `y` remembers where it left off: the same path matches now, and not the next time. */
const isRepeatable = ({ global, sticky }: RegExp) => !global && !sticky

function matches({ regexp }: Layer, path: string): boolean {
  if (!(regexp instanceof RegExp)) return false
  // To ask one that remembers would change what it answers next.
  const asked = isRepeatable(regexp) ? regexp : new RegExp(regexp.source, regexp.flags.replace(/[gy]/g, ''))
  return asked.test(path)
}

/** What `ctx.path` is in `OPTIONS *`, and where the target of a request has no path. */
const WITHOUT_PATH = ['*', '']

/** Paths that the route may answer, spelt in the ways that routers take for the same, and some that they do not. */
function samplesOf({ path }: Layer): string[] {
  if (typeof path !== 'string') return WITHOUT_PATH
  const [shortest, longest] = [path.replaceAll(/\{[^{}]*\}/g, ''), path.replaceAll(/[{}]/g, '')]
  const plain = [longest, shortest].map(each => each.replaceAll(PARAMETER, 'x'))
  return [...plain.flatMap(spellingsOf), ...WITHOUT_PATH]
}

const PARAMETER = /[:*](?:"[^"]*"|[$_\p{ID_Start}][$\p{ID_Continue}]*)/gu

function spellingsOf(path: string): string[] {
  return [path, path.toUpperCase(), path.toLowerCase(), `${path}/`, path.replace('/', '//')]
}
