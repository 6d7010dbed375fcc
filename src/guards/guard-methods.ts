import type { Middleware } from 'koa'
import { type Internals, internalsOfMaker } from '../authenticate/internals.js'
import type { PolicyName } from '../authorization/policy/patterns.js'
import type { TokenPayload } from '../token/payload.js'
import { classWithGuards, type ForEachGuard } from './guard-list.js'
import type { GuardOwner } from './make-guard.js'
import type { PolicyGuardOptions, PolicyResource } from './policy-guard.js'
import type { GuardOptions, TokenGuardOptions } from './token-guards.js'

/**
 * A guard that promises `State` to the handlers after it. A request that it refuses ends in an AuthXError, thrown before
 * the next handler is called.
 */
export type Guard<State> = Middleware<State>

/** What a guard puts on `ctx.state`: with `optional: true`, or where that is not known, the token may be missing. */
export type TokenState<Claims extends object, Options> = 'optional' extends keyof Options
  ? [Options['optional']] extends [false | undefined]
    ? { token: TokenPayload<Claims> }
    : { token?: TokenPayload<Claims> }
  : { token: TokenPayload<Claims> }

/** The guards of an instance. A method makes the guard; the guard checks each request. */
export interface GuardMethods<Claims extends object, Subject> {
  /**
   * Makes a guard that lets requests pass with a token as `options` describe it; by default an access token.
   * @throws TypeError naming the option that is wrong.
   */
  tokenRequired<const Options extends TokenGuardOptions = object>(options?: Options): Guard<TokenState<Claims, Options>>
  /** Makes a guard that lets requests pass with a valid access token. @throws TypeError naming the option that is wrong. */
  accessTokenRequired<const Options extends GuardOptions = object>(
    options?: Options,
  ): Guard<TokenState<Claims, Options>>
  /**
   * Makes a guard that lets requests pass with a valid refresh token that has not been used up. It does not use it up.
   * @throws TypeError naming the option that is wrong.
   */
  refreshTokenRequired<const Options extends GuardOptions = object>(
    options?: Options,
  ): Guard<TokenState<Claims, Options>>
  /**
   * Makes a guard that lets requests pass whose access token was issued for credentials, not by a refresh.
   * @throws TypeError naming the option that is wrong.
   */
  freshTokenRequired<const Options extends GuardOptions = object>(options?: Options): Guard<TokenState<Claims, Options>>
  /**
   * Makes a guard that lets requests pass whose access token has all these scopes. `admin:*` covers `admin` and
   * everything below it.
   * @throws TypeError if there is no scope, or one is invalid.
   */
  scopesRequired(...scopes: string[]): Guard<{ token: TokenPayload<Claims> }>
  /**
   * Makes a guard that lets requests pass whose access token has one of these scopes.
   * @throws TypeError if there is no scope, or one is invalid.
   */
  anyScopeRequired(...scopes: string[]): Guard<{ token: TokenPayload<Claims> }>
  /** Makes a guard that lets requests pass whose access token's subject exists, and puts it on `ctx.state.subject`. */
  subjectRequired(): Guard<{ token: TokenPayload<Claims>; subject: Subject }>
  /**
   * Makes a guard that lets requests pass whose access token's holder may do `action` to the resource, as the policy
   * engine decides. The resource, and what else the rules look at, can be functions of `ctx`. Put what a client chooses
   * into a list of parts: `ctx => ['documents', ctx.params.id]`. A part that is empty, is not a string, or contains `:`
   * or `*` is PolicyDeniedError (403).
   * @throws TypeError naming what is wrong.
   */
  policyRequired(
    action: PolicyName,
    resource: PolicyResource<Claims>,
    options?: PolicyGuardOptions<Claims>,
  ): Guard<{ token: TokenPayload<Claims> }>
}

/** For whom an instance makes its guards. */
export const ownerOf = (internals: Internals): GuardOwner => ({ internals, policyEngine: () => internals.policyEngine })

/** The class that AuthX extends: a method for each guard of the list. */
export const InstanceGuards = classWithGuards((authx, name, args) => ({
  owner: ownerOf(internalsOfMaker(authx, name)),
  args,
})) as new <Claims extends object, Subject>() => ForEachGuard<GuardMethods<Claims, Subject>>
