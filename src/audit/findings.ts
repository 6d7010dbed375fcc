import { type GuardInfo, guardInfoOf, writtenGuard } from '../guards/guard-info.js'
import { type Cover, type Layer, writtenPath } from './route-cover.js'

/** One method of one route. */
export interface AuditedRoute {
  /** `ALL` for `router.all`. A GET that answers HEAD too is GET. */
  method: string
  /** As it was written, with all prefixes; a regular expression as it prints; `(not-found)` for `router.on('not-found')`. */
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
  /** Guards that do not stand before every request that they are put up for. */
  unsafe: UnsafeGuard[]
  /**
   * Functions on the app, or mounted with `.use` on a router, that no guard stands before and that nothing is known of. What
   * they answer is in no list.
   */
  unseen: string[]
}

/** A function, and what @koa/router writes on those that `router.param` mounts. */
export interface Named {
  readonly name?: unknown
  readonly param?: unknown
  readonly _originalFn?: unknown
}

/** How a layer stands to a route, in a router that may be exclusive. */
export type RouteCover = Cover & { readonly exclusive?: boolean }

/** Gathers what is found, and each thing once: a router may be mounted twice. */
export class Findings {
  readonly #routes = new Map<string, AuditedRoute>()
  readonly #unsafe = new Map<string, UnsafeGuard>()
  readonly #unseen = new Map<unknown, string>()

  /** Its name in the other lists. */
  route(route: AuditedRoute): string {
    this.#routes.set(JSON.stringify(route), route)
    return `${route.method} ${route.path}`
  }

  /** What does not hold for all requests to `route`. */
  uncovered(route: string, layer: Layer, { exclusive, slip }: RouteCover): void {
    const slips =
      slip === undefined ? 'nothing proves that it sees every spelling of the path' : `it does not see ${slip}`
    const why = exclusive ? 'of all that match, an exclusive router runs one: it does not run before the route' : slips
    for (const guard of layer.stack.flatMap(each => guardInfoOf(each) ?? [])) {
      if (guard.protects) this.#addUnsafe('uncovered', writtenPath(layer), guard, why, route)
    }
  }

  /** What `router.param` has put before a guard. */
  preceded(route: string, layer: Layer, guard: GuardInfo, handler: Named): void {
    const name = nameOf(handler)
    this.#addUnsafe(name, writtenPath(layer), guard, `${name} of the router runs before it, and may answer`, route)
  }

  /** One entry for each kind of mistake at a guard, with all routes that it concerns. */
  #addUnsafe(kind: string, path: string, info: GuardInfo, why: string, route: string): void {
    const guard = writtenGuard(info)
    const key = JSON.stringify([kind, path, guard])
    const known = this.#unsafe.get(key) ?? { path, guard, why, routes: [] }
    this.#unsafe.set(key, { ...known, routes: [...new Set([...known.routes, route])] })
  }

  unseen(middleware: Named): void {
    // Each layer has a function of its own around a handler of `router.param`.
    this.#unseen.set(middleware._originalFn ?? middleware, nameOf(middleware))
  }

  get audit(): Audit {
    const routes = [...this.#routes.values()]
    const open = routes.filter(({ guards }) => guards.length === 0).map(({ method, path }) => `${method} ${path}`)
    return {
      routes,
      unprotected: [...new Set(open)],
      unsafe: [...this.#unsafe.values()],
      unseen: [...this.#unseen.values()],
    }
  }
}

/** What `router.param` mounts carries the name of the parameter. */
export function nameOf({ name, param }: Named): string {
  if (typeof param === 'string') return `param(${param})`
  return typeof name === 'string' && name !== '' ? name : '(anonymous)'
}
