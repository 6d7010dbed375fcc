import { isObject } from '../config/values.js'
import { type GuardRecord, recordOf } from './guard-record.js'
import { type Cover, coverOf, type Layer, pathsOf, writtenPath } from './route-cover.js'

/** A router of @koa/router, as far as it is looked at. */
interface Router {
  readonly stack: readonly Layer[]
  readonly exclusive?: boolean
  readonly host?: unknown
}

/** What `audit` takes: a Koa app, or a router of @koa/router. */
export type Auditable = { readonly middleware: readonly object[] } | { readonly stack: readonly object[] }

/** One method of one route. */
export interface AuditedRoute {
  /** `ALL` for `router.all`. A GET that answers HEAD too is GET. */
  method: string
  /** As it was written, with all prefixes; a regular expression as it prints. */
  path: string
  /** The `host` of the router that answers, if it has one. */
  host?: string
  /** The guards that each request to the handler passes, in their order: `accessTokenRequired`, `scopesRequired(a)`. */
  guards: string[]
  /** What recognises a token and refuses nobody: `middleware`, and guards with `optional: true`. */
  open: string[]
  /** Functions of the route itself that run before its first guard: parsers, loaders, and perhaps a handler. */
  before: string[]
}

/** A guard that is put up for routes, and does not stand before each request to them. */
export interface UnsafeGuard {
  /** Where the guard is mounted. */
  path: string
  /** The guard, as it is written in the lists of AuditedRoute. */
  guard: string
  /** What is wrong with the place, in a sentence. */
  why: string
  /** What it does not protect: `GET /admin/users`. */
  routes: string[]
}

/** What `audit` finds. */
export interface Audit {
  /** All routes, in the order of their registration. */
  routes: AuditedRoute[]
  /** Those that no guard protects: `POST /login`. */
  unprotected: string[]
  /** Guards that do not hold for every spelling of the paths that they are put up for. */
  unsafe: UnsafeGuard[]
  /** Functions on the app that no guard stands before and that nothing is known of. What they answer is in no list. */
  unseen: string[]
}

/**
 * Which routes are protected by which guards, for an application's own test. Only guards of this library count, and only
 * where they are seen: a guard inside of another function is none, and its route is listed as unprotected. A router that
 * another one mounts is judged with that one, not by itself.
 * @throws TypeError if `target` is neither a Koa app nor a router of @koa/router.
 */
export function audit(target: Auditable): Audit {
  const found = new Findings()
  if (isRouter(target)) auditRouter(target, [], found)
  else if (isApp(target)) auditApp(target.middleware, found)
  else throw new TypeError('audit takes a Koa app or a router of @koa/router: audit(app)')
  return found.audit
}

/** What a request has passed before it comes to a function. */
type Passed = readonly GuardRecord[]

function auditApp(middleware: readonly object[], found: Findings): void {
  const passed: GuardRecord[] = []
  for (const each of middleware) {
    const record = recordOf(each)
    const router = routerOf(each)
    if (record) passed.push(record)
    else if (router) auditRouter(router, passed, found)
    else if (!passed.some(({ protects }) => protects)) found.unseen(each)
  }
}

function auditRouter(router: Router, passed: Passed, found: Findings): void {
  for (const [place, layer] of router.stack.entries()) {
    const paths = pathsOf(layer)
    const earlier = layersBefore(router, place).filter(({ stack }) => recordsOf(stack).length > 0)
    const covers = earlier.map(each => ({ layer: each, cover: coverIn(router, each, layer, paths) }))
    const holding = covers.filter(({ cover }) => cover.holds).flatMap(({ layer: { stack } }) => recordsOf(stack))
    const broken = covers.filter(({ cover }) => !cover.holds && cover.meant)
    auditLayer(layer, { router, passed: [...passed, ...holding], broken }, found)
  }
}

/** Those that could run first. Of an exclusive router any layer could, and in truth none does besides the route's. */
function layersBefore({ stack, exclusive }: Router, place: number): readonly Layer[] {
  return exclusive ? stack.filter((_, n) => n !== place) : stack.slice(0, place)
}

type CoverIn = Cover & { readonly exclusive?: boolean }

function coverIn({ exclusive }: Router, layer: Layer, route: Layer, paths: readonly string[]): CoverIn {
  const cover = coverOf(layer, route, paths)
  return exclusive ? { ...cover, holds: false, exclusive } : cover
}

interface Surroundings {
  readonly router: Router
  readonly passed: Passed
  /** Layers that are put up for the route and do not hold for it. */
  readonly broken: readonly { readonly layer: Layer; readonly cover: CoverIn }[]
}

function auditLayer(layer: Layer, { router, passed, broken }: Surroundings, found: Findings): void {
  for (const [place, each] of layer.stack.entries()) {
    const nested = routerOf(each)
    if (nested) auditRouter(nested, [...passed, ...recordsOf(layer.stack.slice(0, place))], found)
  }
  // The handler is the last function that is no guard: a guard after it protects nothing of it.
  const handler = layer.stack.findLastIndex(each => !recordOf(each))
  if (handler >= 0 && routerOf(layer.stack[handler])) return
  const own = handler < 0 ? layer.stack : layer.stack.slice(0, handler)
  for (const method of methodsOf(layer)) {
    const route = found.route({ method, path: String(layer.path), ...hostOf(router), ...judge(passed, own) })
    for (const { layer: other, cover } of broken) found.unsafe(route, other, cover)
  }
}

function judge(passed: Passed, own: readonly object[]): Pick<AuditedRoute, 'guards' | 'open' | 'before'> {
  const records = [...passed, ...recordsOf(own)]
  const named = (protects: boolean) => records.filter(each => each.protects === protects).map(({ asks }) => asks)
  const first = passed.some(({ protects }) => protects) ? 0 : own.findIndex(each => recordOf(each)?.protects)
  const before = own.slice(0, Math.max(0, first)).filter(each => !recordOf(each))
  return { guards: [...new Set(named(true))], open: [...new Set(named(false))], before: before.map(nameOf) }
}

const recordsOf = (functions: readonly object[]) => functions.flatMap(each => recordOf(each) ?? [])

/** What `router.param` mounts carries the name of the parameter. */
function nameOf({ name, param }: { name?: unknown; param?: unknown }): string {
  if (typeof param === 'string') return `param(${param})`
  return typeof name === 'string' && name !== '' ? name : '(anonymous)'
}

const hostOf = ({ host }: Router) => (host === undefined ? {} : { host: String(host) })

/** The methods of RFC 9110 §9.1, and PATCH (RFC 5789): who takes them all takes any. */
const ALL = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']

/** As they were asked for: @koa/router adds HEAD to GET. None for what `.use` has mounted. */
function methodsOf({ methods }: Layer): string[] {
  if (ALL.every(method => methods.includes(method))) return ['ALL']
  return [...new Set(methods)].filter(method => method !== 'HEAD' || !methods.includes('GET'))
}

/** Gathers what is found, and each thing once: a router may be mounted twice. */
class Findings {
  readonly #routes = new Map<string, AuditedRoute>()
  readonly #unsafe = new Map<string, UnsafeGuard>()
  readonly #unseen: string[] = []

  /** Its name in the other lists. */
  route(route: AuditedRoute): string {
    this.#routes.set(JSON.stringify(route), route)
    return `${route.method} ${route.path}`
  }

  unsafe(route: string, layer: Layer, { exclusive, slip }: CoverIn): void {
    const slips =
      slip === undefined ? 'nothing proves that it sees every spelling of the path' : `it does not see ${slip}`
    const why = exclusive ? 'of all that match, an exclusive router runs one: it does not run before the route' : slips
    for (const { asks: guard, protects } of recordsOf(layer.stack)) {
      const key = JSON.stringify([writtenPath(layer), guard])
      const known = this.#unsafe.get(key) ?? { path: writtenPath(layer), guard, why, routes: [] }
      if (protects) this.#unsafe.set(key, { ...known, routes: [...new Set([...known.routes, route])] })
    }
  }

  unseen(middleware: object): void {
    this.#unseen.push(nameOf(middleware))
  }

  get audit(): Audit {
    const routes = [...this.#routes.values()]
    const open = routes.filter(({ guards }) => guards.length === 0).map(({ method, path }) => `${method} ${path}`)
    return { routes, unprotected: [...new Set(open)], unsafe: [...this.#unsafe.values()], unseen: this.#unseen }
  }
}

const isList = (value: unknown): value is readonly Record<string, unknown>[] => Array.isArray(value)

function isApp(target: unknown): target is { readonly middleware: readonly object[] } {
  return isObject(target) && isList(target.middleware)
}

function isRouter(target: unknown): target is Router {
  if (!isObject(target) || !isList(target.stack)) return false
  return target.stack.every(layer => isObject(layer) && isList(layer.methods) && isList(layer.stack))
}

/** The router of what its `routes()` has returned. */
function routerOf(middleware: { router?: unknown } | undefined): Router | undefined {
  return isRouter(middleware?.router) ? middleware.router : undefined
}
