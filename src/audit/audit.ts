import { isObject } from '../config/values.js'
import { type GuardInfo, guardInfoOf, writtenGuard } from '../guards/guard-info.js'
import { type Audit, type AuditedRoute, Findings, type Named, nameOf, type RouteCover } from './findings.js'
import { coverOf, type Layer, pathsOf } from './route-cover.js'

/** The parts of a router of @koa/router that `audit` reads. */
interface Router {
  readonly stack: readonly Layer[]
  readonly exclusive?: boolean
  readonly host?: unknown
  /** The event handlers, by the name of the event. */
  readonly _events?: { readonly _handlers?: unknown }
}

/** A Koa app, or a router of @koa/router. */
export type Auditable = { readonly middleware: readonly object[] } | { readonly stack: readonly object[] }

/**
 * Lists which guards protect which routes, for tests of an application. Only visible guards of this library count: if a
 * guard is called inside another function, its route is listed as unprotected. If a router is mounted on another
 * router, audit the outer one.
 * @throws TypeError if `target` is neither a Koa app nor a router of @koa/router.
 */
export function audit(target: Auditable): Audit {
  const found = new Findings()
  if (isRouter(target)) auditRouter(target, [], found)
  else if (isApp(target)) auditApp(target.middleware, found)
  else throw new TypeError('audit: the argument must be a Koa app or a router of @koa/router; write audit(app)')
  return found.audit
}

/** The guards that run before a function. */
type Passed = readonly GuardInfo[]

function auditApp(middleware: readonly object[], found: Findings): void {
  const passed: GuardInfo[] = []
  for (const each of middleware) {
    const record = guardInfoOf(each)
    const router = routerOf(each)
    if (record) passed.push(record)
    else if (router) auditRouter(router, passed, found)
    else if (!passed.some(({ protects }) => protects)) found.unseen(each)
  }
}

function auditRouter(router: Router, passed: Passed, found: Findings): void {
  for (const [place, layer] of router.stack.entries()) {
    const paths = pathsOf(layer)
    const earlier = layersBefore(router, place).filter(({ stack }) => guardInfosOf(stack).length > 0)
    const covers = earlier.map(each => ({ layer: each, cover: coverIn(router, each, layer, paths) }))
    const holding = covers.filter(({ cover }) => cover.holds).flatMap(({ layer: { stack } }) => guardInfosOf(stack))
    const broken = covers.filter(({ cover }) => !cover.holds && cover.meant)
    auditLayer(layer, { router, passed: [...passed, ...holding], broken }, found)
  }
  for (const [event, handlers] of eventsOf(router))
    auditEvent(`(${String(event)})`, handlers, { router, passed }, found)
}

/**
 * Audits the handlers that `router.on` has added for one event. The layers of this router do not run for an event. Its
 * only guards that run before a handler are those that were added earlier for the same event.
 */
function auditEvent(
  path: string,
  handlers: readonly object[],
  surroundings: Omit<Surroundings, 'broken'>,
  found: Findings,
): void {
  for (const [place, each] of handlers.entries()) {
    if (guardInfoOf(each)) continue
    const stack = [...handlers.slice(0, place).filter(guardInfoOf), each]
    auditLayer({ methods: ALL, path, stack }, { ...surroundings, broken: [] }, found)
  }
}

/**
 * Returns the handlers of `router.on`, by event. They never run in a router that is mounted with `.use` on another
 * router.
 */
function eventsOf({ _events }: Router): [event: unknown, handlers: readonly Named[]][] {
  return _events?._handlers instanceof Map ? [..._events._handlers] : []
}

/**
 * Returns the layers that seem to run before a route. In an exclusive router these are all other layers, although none
 * of them runs.
 */
function layersBefore({ stack, exclusive }: Router, place: number): readonly Layer[] {
  return exclusive ? stack.filter((_, n) => n !== place) : stack.slice(0, place)
}

function coverIn({ exclusive }: Router, layer: Layer, route: Layer, paths: readonly string[]): RouteCover {
  const cover = coverOf(layer, route, paths)
  return exclusive ? { ...cover, holds: false, exclusive } : cover
}

interface Surroundings {
  readonly router: Router
  readonly passed: Passed
  /** Layers that seem to be meant for the route, but do not run for all of its requests. */
  readonly broken: readonly { readonly layer: Layer; readonly cover: RouteCover }[]
}

function auditLayer(layer: Layer, { router, passed, broken }: Surroundings, found: Findings): void {
  for (const [place, each] of layer.stack.entries()) {
    const nested = routerOf(each)
    if (nested) auditRouter(nested, [...passed, ...guardInfosOf(layer.stack.slice(0, place))], found)
  }
  // The handler is the last function that is not a guard. A guard after it does not protect it.
  const handler = layer.stack.findLastIndex(each => !guardInfoOf(each))
  const hasHandler = layer.methods.length > 0 && !(handler >= 0 && routerOf(layer.stack[handler]))
  auditEarly(layer, { passed, hasHandler }, found)
  if (!hasHandler) return
  const own = handler < 0 ? layer.stack : layer.stack.slice(0, handler)
  for (const method of methodsOf(layer)) {
    const route = found.route({ method, path: String(layer.path), ...hostOf(router), ...protectionOf(passed, own) })
    for (const { layer: other, cover } of broken) found.uncovered(route, other, cover)
  }
}

/**
 * Finds functions that run before the first guard but are not listed in `before` of a route: handlers of
 * `router.param`, and functions that are mounted with `.use`.
 */
function auditEarly(layer: Layer, { passed, hasHandler }: { passed: Passed; hasHandler: boolean }, found: Findings) {
  const { stack } = layer
  const first = passed.some(({ protects }) => protects) ? 0 : stack.findIndex(each => guardInfoOf(each)?.protects)
  const guard = guardInfoOf(stack[first] ?? {})
  const early: readonly Named[] = (first < 0 ? stack : stack.slice(0, first)).filter(each => !guardInfoOf(each))
  for (const each of early.filter(each => !routerOf(each as { router?: unknown }))) {
    if (guard && typeof each.param === 'string') {
      const methods = hasHandler ? methodsOf(layer) : ['ALL']
      for (const method of methods) found.preceded(`${method} ${String(layer.path)}`, layer, guard, each)
    } else if (!hasHandler) found.unseen(each)
  }
}

function protectionOf(passed: Passed, own: readonly object[]): Pick<AuditedRoute, 'guards' | 'open' | 'before'> {
  const records = [...passed, ...guardInfosOf(own)]
  const named = (protects: boolean) => records.filter(each => each.protects === protects).map(writtenGuard)
  const first = passed.some(({ protects }) => protects) ? 0 : own.findIndex(each => guardInfoOf(each)?.protects)
  const before = own.slice(0, Math.max(0, first)).filter(each => !guardInfoOf(each))
  return {
    guards: [...new Set(named(true))],
    open: [...new Set(named(false))],
    before: before.map(each => nameOf(each)),
  }
}

const guardInfosOf = (functions: readonly object[]) => functions.flatMap(each => guardInfoOf(each) ?? [])

const hostOf = ({ host }: Router) => (host === undefined ? {} : { host: String(host) })

/** The methods of RFC 9110 §9.1, and PATCH (RFC 5789). A layer with all of them counts as `ALL`. */
const ALL = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']

/**
 * Returns the methods of a route, without the HEAD that @koa/router adds to GET. The list is empty for layers of
 * `.use`.
 */
function methodsOf({ methods }: Layer): string[] {
  if (ALL.every(method => methods.includes(method))) return ['ALL']
  return [...new Set(methods)].filter(method => method !== 'HEAD' || !methods.includes('GET'))
}

const isList = (value: unknown): value is readonly Record<string, unknown>[] => Array.isArray(value)

function isApp(target: unknown): target is { readonly middleware: readonly object[] } {
  return isObject(target) && isList(target.middleware)
}

function isRouter(target: unknown): target is Router {
  if (!isObject(target) || !isList(target.stack)) return false
  return target.stack.every(layer => isObject(layer) && isList(layer.methods) && isList(layer.stack))
}

/** Returns the router of a middleware that was made by `router.routes()`; `undefined` for other functions. */
function routerOf(middleware: { router?: unknown } | undefined): Router | undefined {
  return isRouter(middleware?.router) ? middleware.router : undefined
}
