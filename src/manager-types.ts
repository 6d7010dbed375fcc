import type { PolicyName } from './authorization/policy/patterns.js'
import type { AuthX } from './authx.js'
import type { Guard, TokenState } from './guards/guard-methods.js'
import type { PolicyGuardOptions, PolicyResource } from './guards/policy-guard.js'
import type { FreshGuardOptions, GuardOptions, TokenGuardOptions } from './guards/token-guards.js'
import type { MiddlewareOptions } from './koa/render-errors.js'
import type { TokenPayload } from './token/payload.js'

/**
 * An AuthX with any claims. The manager needs only these methods. The type AuthX itself does not fit: for the compiler,
 * guards with other claims have another type.
 */
export interface ManagedAuthX
  extends Pick<
    AuthX<object, unknown>,
    'config' | 'createAccessToken' | 'createRefreshToken' | 'createTokenPair' | 'getTokenFromRequest' | 'close'
  > {
  middleware(options?: MiddlewareOptions): unknown
  authorize(...asked: Parameters<AuthX['authorize']>): Promise<unknown>
  verifyToken(...asked: Parameters<AuthX['verifyToken']>): Promise<unknown>
}

/** The instances, by their `loginType`. */
export type LoginTypes = Readonly<Record<string, ManagedAuthX>>

export type ClaimsOf<Instance> = Instance extends AuthX<infer Claims, infer _Subject> ? Claims : Record<string, unknown>
type SubjectOf<Instance> = Instance extends AuthX<infer _Claims extends object, infer Subject> ? Subject : unknown
type Token<Instance> = TokenPayload<ClaimsOf<Instance>>

/**
 * The guards of a manager. Each belongs to the instance of a login type and rejects other login types
 * (LoginTypeMismatchError).
 */
export interface ManagerGuardMethods<Types extends LoginTypes> {
  /**
   * Makes the guard `tokenRequired` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  tokenRequired<Type extends keyof Types & string, const Options extends TokenGuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /**
   * Makes the guard `accessTokenRequired` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  accessTokenRequired<Type extends keyof Types & string, const Options extends GuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /**
   * Makes the guard `refreshTokenRequired` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  refreshTokenRequired<Type extends keyof Types & string, const Options extends GuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /**
   * Makes the guard `freshTokenRequired` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  freshTokenRequired<Type extends keyof Types & string, const Options extends FreshGuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /**
   * Makes the guard `scopesRequired` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  scopesRequired<Type extends keyof Types & string>(
    loginType: Type,
    ...scopes: string[]
  ): Guard<{ token: Token<Types[Type]> }>
  /**
   * Makes the guard `anyScopeRequired` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  anyScopeRequired<Type extends keyof Types & string>(
    loginType: Type,
    ...scopes: string[]
  ): Guard<{ token: Token<Types[Type]> }>
  /**
   * Makes the guard `subjectRequired` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type.
   */
  subjectRequired<Type extends keyof Types & string>(
    loginType: Type,
  ): Guard<{ token: Token<Types[Type]>; subject: SubjectOf<Types[Type]> }>
  /**
   * Makes the guard `policyRequired` of the instance of `loginType`. The manager's policy engine decides.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  policyRequired<Type extends keyof Types & string>(
    loginType: Type,
    action: PolicyName,
    resource: PolicyResource<ClaimsOf<Types[Type]>>,
    options?: PolicyGuardOptions<ClaimsOf<Types[Type]>>,
  ): Guard<{ token: Token<Types[Type]> }>
}
