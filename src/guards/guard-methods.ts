import type { Middleware } from 'koa'
import { internalsOfMaker } from '../authenticate/internals.js'
import type { PolicyName } from '../authorization/policy/patterns.js'
import type { TokenPayload } from '../token/payload.js'
import { classWithGuards, type ForEachGuard } from './guard-list.js'
import type { PolicyGuardOptions, PolicyResource } from './policy-guard.js'
import type { FreshGuardOptions, GuardOptions, TokenGuardOptions } from './token-guards.js'

/**
 * A guard: middleware that sets `State` on `ctx.state` for the handlers after it. If it rejects a request, it throws an
 * AuthXError before the next handler runs.
 */
export type Guard<State> = Middleware<State>

/**
 * What a guard sets on `ctx.state`. `token` may be missing with `optional: true`, or if the compiler does not know the
 * value of `optional`.
 */
export type TokenState<Claims extends object, Options> = 'optional' extends keyof Options
  ? [Options['optional']] extends [false | undefined]
    ? { token: TokenPayload<Claims> }
    : { token?: TokenPayload<Claims> }
  : { token: TokenPayload<Claims> }

/** The guards of an instance. Each method makes a guard. The guard checks each request. */
export interface GuardMethods<Claims extends object, Subject> {
  /**
   * Makes a guard that requires a valid token. `options` describe the token. Default: an access token.
   * @throws TypeError naming the invalid option.
   */
  tokenRequired<const Options extends TokenGuardOptions = object>(options?: Options): Guard<TokenState<Claims, Options>>
  /** Makes a guard that requires a valid access token. @throws TypeError naming the invalid option. */
  accessTokenRequired<const Options extends GuardOptions = object>(
    options?: Options,
  ): Guard<TokenState<Claims, Options>>
  /**
   * Makes a guard that requires a refresh token that `refresh` would accept. The guard does not use up the token.
   * @throws TypeError naming the invalid option.
   */
  refreshTokenRequired<const Options extends GuardOptions = object>(
    options?: Options,
  ): Guard<TokenState<Claims, Options>>
  /**
   * Makes a guard that requires a fresh access token: issued for credentials, not by a refresh. With `within` or `amr`,
   * the token may also come from a refresh. Then the user must have given credentials at most `within` ago (claim
   * `auth_time`), and by all methods in `amr`.
   * @throws TypeError naming the invalid option.
   */
  freshTokenRequired<const Options extends FreshGuardOptions = object>(
    options?: Options,
  ): Guard<TokenState<Claims, Options>>
  /**
   * Makes a guard that requires an access token with all of `scopes`. A token's scope `admin:*` covers `admin` and
   * everything below it.
   * @throws TypeError if there is no scope, or a scope is invalid.
   */
  scopesRequired(...scopes: string[]): Guard<{ token: TokenPayload<Claims> }>
  /**
   * Makes a guard that requires an access token with at least one of `scopes`.
   * @throws TypeError if there is no scope, or a scope is invalid.
   */
  anyScopeRequired(...scopes: string[]): Guard<{ token: TokenPayload<Claims> }>
  /** Makes a guard that requires an access token whose subject exists, and sets `ctx.state.subject` to it. */
  subjectRequired(): Guard<{ token: TokenPayload<Claims>; subject: Subject }>
  /**
   * Makes a guard that requires an access token for which the policy engine allows `action` on `resource`. The resource
   * and the values of `options` can be functions of `ctx`. Pass values that the client chooses in a list: `ctx =>
   * ['documents', ctx.params.id]`. If a part of the list is empty, not a string, or contains `:` or `*`, access is
   * denied (403 PolicyDeniedError).
   * @throws TypeError naming the invalid argument or option.
   */
  policyRequired(
    action: PolicyName,
    resource: PolicyResource<Claims>,
    options?: PolicyGuardOptions<Claims>,
  ): Guard<{ token: TokenPayload<Claims> }>
}

/** The base class of AuthX. It has a method for each guard of `GUARDS`. */
export const InstanceGuards = classWithGuards((authx, name, args) => {
  const internals = internalsOfMaker(authx, name)
  return { owner: { internals, policyEngine: () => internals.policyEngine }, args }
}) as new <Claims extends object, Subject>() => ForEachGuard<GuardMethods<Claims, Subject>>
