import type { PolicyName } from '../authorization/policy/patterns.js'
import type { Described } from './guard-info.js'
import type { GuardOwner } from './make-guard.js'
import { type PolicyGuardOptions, type PolicyResource, policyGuard } from './policy-guard.js'
import {
  type FreshGuardOptions,
  freshGuard,
  type GuardOptions,
  scopeGuard,
  subjectGuard,
  type TokenGuardOptions,
  tokenGuard,
} from './token-guards.js'

/** A function that makes a guard. */
type GuardFactory = (owner: GuardOwner, ...args: never[]) => Described<object>

/** All guards. AuthX and AuthManager have a method for each guard. */
export const GUARDS = {
  tokenRequired: (owner: GuardOwner, options?: TokenGuardOptions) => tokenGuard(owner, 'tokenRequired', options),
  accessTokenRequired: (owner: GuardOwner, options?: GuardOptions) => tokenGuard(owner, 'accessTokenRequired', options),
  refreshTokenRequired: (owner: GuardOwner, options?: GuardOptions) =>
    tokenGuard(owner, 'refreshTokenRequired', options),
  freshTokenRequired: (owner: GuardOwner, options?: FreshGuardOptions) => freshGuard(owner, options),
  scopesRequired: (owner: GuardOwner, ...scopes: string[]) => scopeGuard(owner, 'scopesRequired', scopes),
  anyScopeRequired: (owner: GuardOwner, ...scopes: string[]) => scopeGuard(owner, 'anyScopeRequired', scopes),
  subjectRequired: (owner: GuardOwner) => subjectGuard(owner),
  policyRequired: (owner: GuardOwner, action: PolicyName, resource: PolicyResource, options?: PolicyGuardOptions) =>
    policyGuard(owner, action, resource, options),
} satisfies Record<string, GuardFactory>

/** The name of a guard, which is also the name of the method that makes it. */
export type GuardName = keyof typeof GUARDS

/** Returns the type `Methods` unchanged. Does not compile if `Methods` lacks a method for a guard of `GUARDS`. */
export type ForEachGuard<Methods extends Record<GuardName, unknown>> = Methods

/** Finds the owner of a new guard and the arguments for its factory, from the call of the method. */
type Resolve = (
  self: object | undefined,
  name: GuardName,
  args: readonly unknown[],
) => { readonly owner: GuardOwner; readonly args: readonly unknown[] }

/** Makes a class that has a method for each guard of `GUARDS`. */
export function classWithGuards(resolve: Resolve): new () => object {
  class WithGuards {}
  for (const [name, makes] of Object.entries(GUARDS) as [GuardName, GuardFactory][]) {
    // `this` is undefined if the method itself was mounted: app.use(authx.tokenRequired) instead of tokenRequired().
    const method = function (this: object | undefined, ...given: unknown[]) {
      const { owner, args } = resolve(this, name, given)
      return makes(owner, ...(args as never[]))
    }
    Object.defineProperty(method, 'name', { value: name })
    Object.defineProperty(WithGuards.prototype, name, { value: method, writable: true, configurable: true })
  }
  return WithGuards
}
