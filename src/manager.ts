import type { Middleware, Next } from 'koa'
import type { Requirement } from './authenticate/authenticate.js'
import { type AuthContext, internalsOf } from './authenticate/internals.js'
import { cookieCollisions } from './authorization/isolation.js'
import { PolicyEngine } from './authorization/policy/engine.js'
import type { PolicyName } from './authorization/policy/patterns.js'
import type { PolicyRule } from './authorization/policy/rule.js'
import type { AuthX } from './authx.js'
import { BadConfigurationError, JWTDecodeError, LoginTypeMismatchError, MalformedTokenRequestError } from './errors.js'
import { describeGuard } from './guards/guard-info.js'
import { classWithGuards, type ForEachGuard } from './guards/guard-list.js'
import type { Guard, TokenState } from './guards/guard-methods.js'
import type { GuardOwner } from './guards/make-guard.js'
import type { AuthorizeOptions } from './guards/policy-decision.js'
import type { PolicyGuardOptions, PolicyResource } from './guards/policy-guard.js'
import type { GuardOptions, TokenGuardOptions } from './guards/token-guards.js'
import type { LocatedToken } from './request/locate.js'
import type { TokenPayload } from './token/payload.js'

/**
 * What the manager asks of an instance: methods of AuthX, whatever its claims. To the compiler a guard of other claims is
 * another type, so that no one AuthX stands for all.
 */
export interface ManagedAuthX
  extends Pick<
    AuthX<object, unknown>,
    'config' | 'createAccessToken' | 'createRefreshToken' | 'createTokenPair' | 'getTokenFromRequest' | 'close'
  > {
  middleware(): unknown
  authorize(...asked: Parameters<AuthX['authorize']>): Promise<unknown>
  verifyToken(...asked: Parameters<AuthX['verifyToken']>): Promise<unknown>
}

/** The instances by the `loginType` of each. */
export type LoginTypes = Readonly<Record<string, ManagedAuthX>>

/** Options of `AuthManager`. */
export interface AuthManagerOptions {
  /** What decides for the manager's `policyRequired` and `authorize`, whatever engines the instances have. */
  policyEngine?: PolicyEngine | undefined
  /** Rules in place of an engine. */
  policyRules?: readonly PolicyRule[] | undefined
}

type ClaimsOf<Instance> = Instance extends AuthX<infer Claims, infer _Subject> ? Claims : Record<string, unknown>
type SubjectOf<Instance> = Instance extends AuthX<infer _Claims extends object, infer Subject> ? Subject : unknown
type Token<Instance> = TokenPayload<ClaimsOf<Instance>>

/** The guards of a manager: those of the instance of a login type. A token of another login type is LoginTypeMismatchError. */
interface ManagerGuardMethods<Types extends LoginTypes> {
  /** Makes `tokenRequired` of the instance. @throws BadConfigurationError for an unknown login type, TypeError. */
  tokenRequired<Type extends keyof Types & string, const Options extends TokenGuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /** Makes `accessTokenRequired` of the instance. @throws BadConfigurationError for an unknown login type, TypeError. */
  accessTokenRequired<Type extends keyof Types & string, const Options extends GuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /** Makes `refreshTokenRequired` of the instance. @throws BadConfigurationError for an unknown login type, TypeError. */
  refreshTokenRequired<Type extends keyof Types & string, const Options extends GuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /** Makes `freshTokenRequired` of the instance. @throws BadConfigurationError for an unknown login type, TypeError. */
  freshTokenRequired<Type extends keyof Types & string, const Options extends GuardOptions = object>(
    loginType: Type,
    options?: Options,
  ): Guard<TokenState<ClaimsOf<Types[Type]>, Options>>
  /** Makes `scopesRequired` of the instance. @throws BadConfigurationError for an unknown login type, TypeError. */
  scopesRequired<Type extends keyof Types & string>(
    loginType: Type,
    ...scopes: string[]
  ): Guard<{ token: Token<Types[Type]> }>
  /** Makes `anyScopeRequired` of the instance. @throws BadConfigurationError for an unknown login type, TypeError. */
  anyScopeRequired<Type extends keyof Types & string>(
    loginType: Type,
    ...scopes: string[]
  ): Guard<{ token: Token<Types[Type]> }>
  /** Makes `subjectRequired` of the instance. @throws BadConfigurationError for an unknown login type. */
  subjectRequired<Type extends keyof Types & string>(
    loginType: Type,
  ): Guard<{ token: Token<Types[Type]>; subject: SubjectOf<Types[Type]> }>
  /**
   * Makes `policyRequired` of the instance, decided by the manager's engine.
   * @throws BadConfigurationError for an unknown login type, TypeError.
   */
  policyRequired<Type extends keyof Types & string>(
    loginType: Type,
    action: PolicyName,
    resource: PolicyResource<ClaimsOf<Types[Type]>>,
    options?: PolicyGuardOptions<ClaimsOf<Types[Type]>>,
  ): Guard<{ token: Token<Types[Type]> }>
}

/** The class that AuthManager extends: a method for each guard of the list. */
const ManagerGuards = classWithGuards((manager, name, [loginType, ...args]) => {
  if (!(manager instanceof AuthManager))
    throw new TypeError(
      `${name} makes middleware, and has to be called for it: write manager.${name}('user'), not ${name}`,
    )
  return { owner: ownerIn(manager, String(loginType)), args }
}) as new <Types extends LoginTypes>() => ForEachGuard<ManagerGuardMethods<Types>>

function ownerIn(manager: AuthManager, loginType: string): GuardOwner {
  return {
    internals: internalsOf(manager.get(loginType)),
    policyEngine: () => manager.policyEngine,
    explain: (ctx, requirement, error) => explain(manager, loginType, ctx, requirement, error),
  }
}

/**
 * Several kinds of logins in one application (users and administrators, say), each with an `AuthX` of its own: keys,
 * lifetimes, cookies. A token of one is refused by the guards of the others. They may share a store.
 */
export class AuthManager<Types extends LoginTypes = Readonly<Record<string, AuthX>>> extends ManagerGuards<Types> {
  readonly #instances = new Map<string, { readonly authx: ManagedAuthX; readonly middleware: Middleware }>()
  /** What decides for `policyRequired` and `authorize`. */
  readonly policyEngine: PolicyEngine

  /**
   * @param types the instances by their `loginType`.
   * @throws BadConfigurationError naming everything that keeps them from being apart.
   */
  constructor(types: Types = {} as Types, options: AuthManagerOptions = {}) {
    super()
    const { policyEngine, policyRules, ...others } = options
    const problems = Object.keys(others).map(name => `${JSON.stringify(name)} is not an option of an AuthManager`)
    if (policyEngine && policyRules) problems.push('policyRules make an engine of their own; give policyEngine or them')
    for (const [name, { config }] of Object.entries(types)) {
      if (config.loginType === name) continue
      problems.push(
        `the instance under ${JSON.stringify(name)} has another loginType, or none; set loginType: '${name}'`,
      )
    }
    const instances = Object.values(types)
    problems.push(...this.#problems(instances))
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.policyEngine = policyEngine ?? new PolicyEngine(policyRules ? { rules: policyRules } : {})
    for (const authx of instances) this.#add(authx)
  }

  /**
   * Add an instance later. Its login type is not known to the compiler then.
   * @throws BadConfigurationError if it has no `loginType`, or it is not apart from the others.
   */
  register(authx: ManagedAuthX): this {
    const { loginType } = authx.config
    const problems = this.#problems([authx])
    if (loginType === undefined) problems.push('an instance of an AuthManager needs a loginType')
    else if (this.#instances.has(loginType)) problems.push(`the login type ${loginType} is registered already`)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.#add(authx)
    return this
  }

  /** The login types, in the order of their registration. */
  get loginTypes(): readonly (keyof Types & string)[] {
    return [...this.#instances.keys()]
  }

  /** The instance of a login type, for everything that is not here: `login`, `refresh`, sessions. @throws BadConfigurationError */
  get<Type extends keyof Types & string>(loginType: Type): Types[Type] {
    const instance = this.#instances.get(loginType)?.authx
    if (instance) return instance as Types[Type]
    throw new BadConfigurationError([`no such login type; there are: ${this.loginTypes.join(', ') || 'none'}`])
  }

  /** Add a rule to the engine. @throws BadConfigurationError naming what is wrong with it. */
  addPolicyRule(rule: PolicyRule): void {
    this.policyEngine.addRule(rule)
  }

  /** Add a check to the engine that every allow rule needs. @throws BadConfigurationError if it is no function. */
  addPolicyEvaluator(evaluator: Parameters<PolicyEngine['addEvaluator']>[0]): void {
    this.policyEngine.addEvaluator(evaluator)
  }

  /**
   * Renders the library's errors as JSON and refuses nobody. A good access token of any login type is put on
   * `ctx.state.token`; where a browser holds several, that of the type that was registered first.
   */
  middleware(): Guard<{ token?: TokenPayload }> {
    const instances = this.#instances
    const recognises: Guard<{ token?: TokenPayload }> = async function authManager(ctx, next) {
      // The first registered runs last, so that its token stays.
      const layers = [...instances.values()].map(({ middleware }) => middleware)
      await layers.reduce<Next>((inner, layer) => () => layer(ctx as never, inner), next)()
    }
    return describeGuard(recognises, { name: 'middleware', loginType: undefined, asked: [], protects: false })
  }

  /** `createAccessToken` of the instance. @throws BadConfigurationError, TypeError. */
  createAccessToken(loginType: keyof Types & string, ...args: Parameters<ManagedAuthX['createAccessToken']>): string {
    return this.get(loginType).createAccessToken(...args)
  }

  /** `createRefreshToken` of the instance. @throws BadConfigurationError, TypeError. */
  createRefreshToken(loginType: keyof Types & string, ...args: Parameters<ManagedAuthX['createRefreshToken']>): string {
    return this.get(loginType).createRefreshToken(...args)
  }

  /** `createTokenPair` of the instance. @throws BadConfigurationError, TypeError; rejects with StoreUnavailableError. */
  createTokenPair(
    loginType: keyof Types & string,
    ...args: Parameters<ManagedAuthX['createTokenPair']>
  ): ReturnType<ManagedAuthX['createTokenPair']> {
    return this.get(loginType).createTokenPair(...args)
  }

  /** `authorize` of the instance, by the manager's engine. @throws BadConfigurationError, and what `authorize` throws. */
  async authorize<Type extends keyof Types & string>(
    loginType: Type,
    ctxOrPayload: AuthContext | TokenPayload,
    action: PolicyName,
    resource: PolicyName,
    options: AuthorizeOptions = {},
  ): Promise<Token<Types[Type]>> {
    const engine = options.engine ?? this.policyEngine
    const authorized = this.get(loginType).authorize(ctxOrPayload, action, resource, { ...options, engine })
    const payload = await authorized.catch((error: unknown) => {
      if (Object.hasOwn(ctxOrPayload, 'jti')) throw error
      return explain(this as never, loginType, ctxOrPayload as AuthContext, {}, error)
    })
    return payload as Token<Types[Type]>
  }

  /** Release the stores. */
  async close(): Promise<void> {
    await Promise.all([...this.#instances.values()].map(({ authx }) => authx.close()))
  }

  #add(authx: ManagedAuthX): void {
    this.#instances.set(String(authx.config.loginType), { authx, middleware: authx.middleware() as Middleware })
  }

  /** What keeps the instances here and these new ones from being apart. */
  #problems(added: readonly ManagedAuthX[]): string[] {
    const all = [...[...this.#instances.values()].map(({ authx }) => authx), ...added]
    const problems = cookieCollisions(new Map(all.map(({ config }) => [String(config.loginType), config])))
    if (new Set(all.map(({ config }) => config.errorMessageKey)).size > 1) {
      problems.push('errorMessageKey must be the same in all instances: one middleware renders the errors of all')
    }
    return problems
  }
}

/**
 * Types with keys of their own refuse each other's tokens by the signature already. The client is told that the login type
 * is wrong all the same, if one of the other types verifies the token.
 */
async function explain(
  manager: AuthManager,
  loginType: string,
  ctx: AuthContext,
  { type = 'access', locations }: Requirement,
  error: unknown,
): Promise<never> {
  if (!(error instanceof JWTDecodeError)) throw error
  const located = locateIn(manager.get(loginType), ctx, { type, ...(locations && { locations }) })
  const named = located && unverifiedLoginType(located.token)
  // Nobody has verified yet whose token it is; the login type that it names is asked whether that is true.
  if (located && typeof named === 'string' && named !== loginType && manager.loginTypes.includes(named)) {
    const verified = await manager
      .get(named)
      .verifyToken(located.token, { verifyType: false })
      .catch(() => undefined)
    if (verified) throw new LoginTypeMismatchError({ cause: error })
  }
  throw error
}

/** The token that was refused; `undefined` if there are several and none is valid. */
function locateIn(
  authx: ManagedAuthX,
  ctx: AuthContext,
  search: Parameters<ManagedAuthX['getTokenFromRequest']>[1],
): LocatedToken | undefined {
  try {
    return authx.getTokenFromRequest(ctx, search)
  } catch (error) {
    if (error instanceof MalformedTokenRequestError) return undefined
    throw error
  }
}

function unverifiedLoginType(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).login_type
  } catch {
    return undefined
  }
}
