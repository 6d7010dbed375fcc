import { type GuardInfo, guardInfoOf, writtenGuard } from '../guards/guard-info.js'
import { type Cover, type Layer, writtenPath } from './route-cover.js'

/** One method of one route. */
export interface AuditedRoute {
  /** The HTTP method. `ALL` for `router.all`. HEAD is not listed if the route has GET. */
  method: string
  /**
   * The path with all prefixes. If the path is a regular expression, this is its text. For `router.on('not-found')` it
   * is `(not-found)`.
   */
  path: string
  /** The `host` of the router, if it has one. */
  host?: string
  /** The guards that each request passes before the handler, in order: `accessTokenRequired`, `scopesRequired(a)`. */
  guards: string[]
  /**
   * Middleware that reads a token but rejects no request without one: `middleware`, and guards with `optional: true`.
   */
  open: string[]
  /** Functions of the route that run before its first guard: parsers, loaders, or even a handler. */
  before: string[]
}

/** A guard that some requests bypass: they reach a route that the guard is mounted for, but the guard does not run. */
export interface UnsafeGuard {
  /** The path where the guard is mounted. */
  path: string
  /** The guard as text, as in `AuditedRoute.guards`. */
  guard: string
  /** Why the guard is unsafe. */
  why: string
  /** The routes that the guard does not protect: `GET /admin/users`. */
  routes: string[]
}

/** The result of `audit`. */
export interface Audit {
  /** All routes, in the order of their registration. */
  routes: AuditedRoute[]
  /** The routes that no guard protects: `POST /login`. */
  unprotected: string[]
  /**
   * The guards that some requests bypass: they reach a route that the guard is mounted for, but the guard does not run.
   */
  unsafe: UnsafeGuard[]
  /**
   * Functions on the app, or mounted with `.use` on a router, that run without a guard before them. `audit` cannot see
   * which requests they handle.
   */
  unseen: string[]
}

/** A function. @koa/router adds `param` and `_originalFn` to functions of `router.param`. */
export interface Named {
  readonly name?: unknown
  readonly param?: unknown
  readonly _originalFn?: unknown
}

/** Whether a layer covers a route, in a router that may be exclusive. */
export type RouteCover = Cover & { readonly exclusive?: boolean }

/** Collects the findings, without duplicates: a router may be mounted twice. */
export class Findings {
  readonly #routes = new Map<string, AuditedRoute>()
  readonly #unsafe = new Map<string, UnsafeGuard>()
  readonly #unseen = new Map<unknown, string>()

  /** Adds a route. Returns its name in the lists of `Audit`, such as `POST /login`. */
  route(route: AuditedRoute): string {
    this.#routes.set(JSON.stringify(route), route)
    return `${route.method} ${route.path}`
  }

  /** Adds a guard that some requests to `route` bypass. */
  uncovered(route: string, layer: Layer, { exclusive, slip }: RouteCover): void {
    const slips = slip === undefined ? 'it may not match every spelling of the path' : `it does not match ${slip}`
    const why = exclusive
      ? 'an exclusive router runs only one matching layer, so the guard does not run before the route'
      : slips
    for (const guard of layer.stack.flatMap(each => guardInfoOf(each) ?? [])) {
      if (guard.protects) this.#addUnsafe('uncovered', writtenPath(layer), guard, why, route)
    }
  }

  /** Adds a guard to `unsafe`: a handler of `router.param` runs before it and may send a response. */
  preceded(route: string, layer: Layer, guard: GuardInfo, handler: Named): void {
    const name = nameOf(handler)
    this.#addUnsafe(
      name,
      writtenPath(layer),
      guard,
      `${name} of the router runs before it and may send a response`,
      route,
    )
  }

  /**
   * Adds a route to an entry of `unsafe`. Each guard has one entry for each kind of mistake. The entry lists all routes
   * that have this mistake.
   */
  #addUnsafe(kind: string, path: string, info: GuardInfo, why: string, route: string): void {
    const guard = writtenGuard(info)
    const key = JSON.stringify([kind, path, guard])
    const known = this.#unsafe.get(key) ?? { path, guard, why, routes: [] }
    this.#unsafe.set(key, { ...known, routes: [...new Set([...known.routes, route])] })
  }

  unseen(middleware: Named): void {
    // @koa/router wraps a handler of `router.param` in a new function for each layer.
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

/** Returns the name of a function. For a handler of `router.param`, the name includes the name of the parameter. */
export function nameOf({ name, param }: Named): string {
  if (typeof param === 'string') return `param(${param})`
  return typeof name === 'string' && name !== '' ? name : '(anonymous)'
}
