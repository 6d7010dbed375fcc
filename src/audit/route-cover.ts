/**
 * The parts of a layer of @koa/router that `audit` reads. A layer is a route, or (without methods) middleware of
 * `.use`.
 */
export interface Layer {
  readonly methods: readonly string[]
  /** The path with all prefixes. */
  readonly path: unknown
  readonly regexp?: unknown
  readonly stack: readonly object[]
  readonly opts?: { readonly end?: boolean; readonly pathAsRegExp?: boolean }
}

/** Whether a layer covers a later route. */
export interface Cover {
  /** Whether the layer runs for every request that the route handles. */
  readonly holds: boolean
  /** Whether the layer seems to be meant for the route: it seems to run for some of the route's requests. */
  readonly meant: boolean
  /** A path that the route matches and the layer does not. */
  readonly slip?: string
}

/**
 * Checks whether the layer matches every path that the route matches. The result is yes only if the two patterns prove
 * it, because a wrong yes would hide an unprotected route.
 * @param paths the result of `pathsOf(route)`.
 */
export function coverOf(layer: Layer, route: Layer, paths: readonly string[]): Cover {
  const isProven = hasMethodsOf(layer, route) && (seesEverything(layer) || isWider(layer, route))
  // A guard of another route is only meant for that route.
  if (!isProven && layer.methods.length > 0) return { holds: false, meant: false }
  const slip = paths.find(path => !matches(layer, path))
  if (isProven && slip === undefined) return { holds: true, meant: true }
  return { holds: false, meant: paths.some(path => matches(layer, path)), ...(slip !== undefined && { slip }) }
}

/** Returns sample paths that the route matches, in spellings that routers treat as equal. */
export const pathsOf = (route: Layer): string[] => samplesOf(route).filter(path => matches(route, path))

/** The path that was passed to `.use` or to the route, without the suffix that the router adds. */
export function writtenPath({ path }: Layer): string {
  return typeof path === 'string' ? path.replace(WHATEVER_FOLLOWS, '') : String(path)
}

/**
 * Matches what @koa/router adds at the end of a path, so that the layer matches longer paths too. For `.use(guard)`
 * without a path or prefix, this suffix is the whole path.
 */
const WHATEVER_FOLLOWS = /(?:\(\?:\\\/\|\$\)|\(\[\^\/\]\*\)|\{\/\*rest\})$/

/** Whether a layer runs for all methods of the route. A layer without methods runs for every method. */
function hasMethodsOf(layer: Layer, { methods }: Layer): boolean {
  if (layer.methods.length === 0) return true
  return methods.length > 0 && methods.every(method => layer.methods.includes(method))
}

/**
 * The `path` of a layer that @koa/router mounts for every path: `expression` (a regular expression as a string) for `.use`
 * without a path, `pattern` for `.use` with an empty path.
 */
const EVERYTHING = { expression: String.raw`(?:\/|$)`, pattern: '{/*rest}' }

function seesEverything({ path, opts }: Layer): boolean {
  return path === (opts?.pathAsRegExp ? EVERYTHING.expression : EVERYTHING.pattern) && opts?.end === false
}

function isWider(layer: Layer, route: Layer): boolean {
  const { regexp } = layer
  if (!(regexp instanceof RegExp) || !(route.regexp instanceof RegExp) || !isRepeatable(regexp)) return false
  // A case-sensitive layer does not match all paths of a case-insensitive route.
  if (!regexp.ignoreCase && route.regexp.ignoreCase) return false
  // A case-insensitive expression excludes more: [^a] excludes A too.
  if (regexp.ignoreCase !== route.regexp.ignoreCase && EXCLUDES.test(regexp.source)) return false
  return isSamePattern(regexp, route.regexp) || isWrittenBelow(layer, route)
}

/** Parts of a regular expression that exclude letters: `[^a]` (but not `[^/]`), `(?!a)`, `(?<!a)`, `\W`, `\p{Lu}`. */
const EXCLUDES = /\[\^(?![^\]\\\w\u0080-\uffff]*\])|--|\(\?<?!|\\[A-Zp]/

function isSamePattern(one: RegExp, other: RegExp): boolean {
  return one.source === other.source && one.flags.replace('i', '') === other.flags.replace('i', '')
}

/**
 * Whether the route's pattern is the layer's pattern, or continues it after a `/`. Both must be path patterns, and the
 * layer must match longer paths too.
 */
function isWrittenBelow(layer: Layer, route: Layer): boolean {
  const [above, path] = [patternOf(layer), patternOf(route)]
  if (layer.opts?.end !== false || above === undefined || path === undefined) return false
  const start = above.replace(/\{\/\*rest\}$/, '')
  // Optional parts may follow if each begins with a `/`.
  if (path.startsWith(start)) return /^(?:\{\/[^{}]*\})*(?:\/|$)/.test(path.slice(start.length))
  const [begun, segments] = [start.split('/'), path.split('/')]
  return begun.length <= segments.length && begun.every((each, n) => isWiderSegment(each, segments[n] as string))
}

/**
 * Returns the path pattern of a layer. `undefined` for a regular expression, even if it is written as a string, because
 * it may match anywhere in a path.
 */
const patternOf = ({ path, opts }: Layer) => (typeof path === 'string' && !opts?.pathAsRegExp ? path : undefined)

/** Whether a segment of the layer's pattern is equal to the route's segment, or is a parameter that matches it. */
function isWiderSegment(segment: string, other: string): boolean {
  const isPlain = (text: string) => !/[{}*"\\]/.test(text)
  return isPlain(segment) && isPlain(other) && (segment === other || (/^:[$\w]+$/.test(segment) && other !== ''))
}

/**
 * Whether each use of an expression starts at the beginning. With the flag `g` or `y` it starts where the last match
 * ended.
 */
const isRepeatable = ({ global, sticky }: RegExp) => !global && !sticky

function matches({ regexp }: Layer, path: string): boolean {
  if (!(regexp instanceof RegExp)) return false
  // Use a copy, because a test with `g` or `y` changes the state of the expression.
  const asked = isRepeatable(regexp) ? regexp : new RegExp(regexp.source, regexp.flags.replace(/[gy]/g, ''))
  return asked.test(path)
}

/** `ctx.path` of `OPTIONS *`, and of a request target without a path. */
const WITHOUT_PATH = ['*', '']

/** Returns sample paths for a route, in several spellings. The route may not match some of them. */
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
