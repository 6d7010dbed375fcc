import type { Context } from 'koa'
import type { PolicyDecider } from '../authorization/policy/rule.js'
import type { GetKey, AuthXOptions as Options } from '../config/options.js'
import type { Config } from '../config/table.js'
import type { Issuers } from '../issuers/issuers.js'
import type { RequestContext } from '../request/context.js'
import type { Events } from '../session/events.js'
import type { IssuerSessions } from '../session/issuer-sessions.js'
import type { Revocation } from '../session/revocation.js'
import type { Sessions } from '../session/sessions.js'
import type { KeyCache } from '../token/key-cache.js'
import type { KeyRing } from '../token/keys.js'
import type { ClaimsGetter, SubjectGetter } from './getters.js'
import type { RequestCache } from './request-cache.js'

/** All options of AuthX. */
export interface AuthXOptions extends Options {
  /**
   * Returns the key that verifies a token, instead of the configured keys: for one key per tenant, for example. It is
   * called once for each token of a request, before anything in the token is verified. `ctx` is `undefined` outside of
   * requests. If it returns `undefined`, or throws an error with which jose or jwks-rsa report a missing key, the token
   * is rejected (401). If it throws another error, takes longer than `storeTimeout`, or returns a key that no algorithm
   * of `decodeAlgorithms` can use, the response is 503. Refresh tokens, tokens to renew, and tokens that end or list
   * sessions must also be signed by a configured key; otherwise they are rejected (401). Default: none. Not in AuthX
   * for Python.
   */
  getKey?: GetKey<Context | undefined> | undefined
}

/** The internal parts of an instance. */
export interface Internals {
  readonly config: Config
  /** The current keys. `setKeys` replaces them, so read this property once for each decision and do not keep it. */
  ring: KeyRing
  readonly keyCache: KeyCache
  /** `undefined` without the option `issuers`. */
  readonly issuers: Issuers | undefined
  /** Our own sessions. `undefined` without a store. */
  readonly sessions: Sessions | undefined
  /** What has ended of issuers. `undefined` without a store. */
  readonly issuerSessions: IssuerSessions | undefined
  readonly revocation: Revocation
  readonly events: Events
  readonly requestCache: RequestCache
  claimsGetter: ClaimsGetter | undefined
  subjectGetter: SubjectGetter<unknown> | undefined
  policyEngine: PolicyDecider | undefined
  /** The resource that `resourceMetadata` describes. `undefined` before its first call. */
  resource: PublishedResource | undefined
}

/** A resource with public metadata (RFC 9728). */
export interface PublishedResource {
  readonly resource: string
  /** The URL of its metadata, for challenges. */
  readonly metadataUrl: string
}

const INTERNALS = new WeakMap<object, Internals>()

/** Register the internals of an instance. Other modules of this library can read them, users cannot. */
export function keepInternals(authx: object, internals: Internals): void {
  INTERNALS.set(authx, internals)
}

/** Returns the internals of an instance. @throws TypeError if `authx` is not an AuthX. */
export function internalsOf(authx: object): Internals {
  const internals = INTERNALS.get(authx)
  if (internals) return internals
  throw new TypeError('the first argument must be an AuthX; create it with new AuthX({ ... })')
}

/**
 * Returns the internals of the instance whose method makes middleware.
 * @throws TypeError if the method itself was mounted instead of the middleware that it returns.
 */
export function internalsOfMaker(authx: object | undefined, method: string): Internals {
  const internals = authx && INTERNALS.get(authx)
  if (internals) return internals
  throw new TypeError(`${method} makes middleware and must be called: write authx.${method}(), not ${method}`)
}

/** A Koa context. The library reads tokens from it and sets cookies on it. */
export type AuthContext = RequestContext & Pick<Context, 'response' | 'secure' | 'ip'>
