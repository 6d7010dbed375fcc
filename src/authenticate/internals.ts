import type { Context } from 'koa'
import type { PolicyDecider } from '../authorization/policy/rule.js'
import type { GetKey, AuthXOptions as Options } from '../config/options.js'
import type { Config } from '../config/table.js'
import type { RequestContext } from '../request/context.js'
import type { Events } from '../session/events.js'
import type { Revocation } from '../session/revocation.js'
import type { Sessions } from '../session/sessions.js'
import type { KeyCache } from '../token/key-cache.js'
import type { KeyRing } from '../token/keys.js'
import type { RequestCache } from './request-cache.js'

/** Finds who a token is about; `undefined` if there is no such subject (any more). */
export type SubjectGetter<Subject> = (sub: string, ctx: Context) => Subject | undefined | Promise<Subject | undefined>

/** Everything that can be configured. */
export interface AuthXOptions extends Options {
  /**
   * Finds the key that a token is verified with, in place of the configured ones: for keys per tenant. Asked once for
   * each token of a request, before anything in the token has been verified; `ctx` is `undefined` outside of requests.
   * `undefined` refuses the token (401), and so does an error with which jose or jwks-rsa say that no key fits. If it
   * throws another error, misses `storeTimeout` or returns a key that no algorithm of `decodeAlgorithms` can use, the
   * answer is 503. A refresh token, and a token that is to be renewed, has to be signed by a configured key besides: else
   * the answer is 401; so has a token that ends a session or lists sessions. Not in AuthX.
   */
  getKey?: GetKey<Context | undefined> | undefined
}

/** What an instance is made of, as the functions of the other folders need it. */
export interface Internals {
  readonly config: Config
  /** What `setKeys` replaces: read it when it is needed, and once for each decision. */
  ring: KeyRing
  readonly keyCache: KeyCache
  /** None without a store. */
  readonly sessions: Sessions | undefined
  readonly revocation: Revocation
  readonly events: Events
  readonly requestCache: RequestCache
  subjectGetter: SubjectGetter<unknown> | undefined
  policyEngine: PolicyDecider | undefined
}

const INTERNALS = new WeakMap<object, Internals>()

/** Every instance does this when it is made: what stands beside the class finds its internals, and users do not. */
export function keepInternals(authx: object, internals: Internals): void {
  INTERNALS.set(authx, internals)
}

/** @throws TypeError if `authx` is no AuthX. */
export function internalsOf(authx: object): Internals {
  const internals = INTERNALS.get(authx)
  if (internals) return internals
  throw new TypeError('the first argument must be an AuthX: new AuthX({ ... })')
}

/**
 * The internals of the instance whose method makes middleware.
 * @throws TypeError if Koa or a router calls the method itself, where the middleware that it makes should stand.
 */
export function internalsOfMaker(authx: object | undefined, method: string): Internals {
  const internals = authx && INTERNALS.get(authx)
  if (internals) return internals
  throw new TypeError(`${method} makes middleware, and has to be called for it: write authx.${method}(), not ${method}`)
}

/** What tokens are read from and cookies are written to: any Koa context. */
export type AuthContext = RequestContext & Pick<Context, 'response' | 'secure' | 'ip'>
