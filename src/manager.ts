import type { Middleware, Next } from 'koa'
import type { Requirement } from './authenticate/authenticate.js'
import { type AuthContext, internalsOf } from './authenticate/internals.js'
import { cookieCollisions, issuerCollisions } from './authorization/isolation.js'
import { PolicyEngine } from './authorization/policy/engine.js'
import type { PolicyName } from './authorization/policy/patterns.js'
import type { PolicyRule } from './authorization/policy/rule.js'
import type { AuthX } from './authx.js'
import { unknownOptions } from './config/values.js'
import { BadConfigurationError, JWTDecodeError, LoginTypeMismatchError, MalformedTokenRequestError } from './errors.js'
import { describeGuard } from './guards/guard-info.js'
import { classWithGuards, type ForEachGuard, GUARDS } from './guards/guard-list.js'
import { type Guard, InstanceGuards } from './guards/guard-methods.js'
import type { GuardOwner } from './guards/make-guard.js'
import type { AuthorizeOptions } from './guards/policy-decision.js'
import { checkMiddlewareOptions } from './koa/middleware.js'
import type { MiddlewareOptions } from './koa/render-errors.js'
import type { ClaimsOf, LoginTypes, ManagedAuthX, ManagerGuardMethods } from './manager-types.js'
import type { LocatedToken } from './request/locate.js'
import { storedType } from './session/stored-type.js'
import type { TokenPayload } from './token/payload.js'

/** Options of `AuthManager`. */
export interface AuthManagerOptions {
  /**
   * The policy engine for the manager's `policyRequired` and `authorize`. The engines of the instances are not used.
   * Default: an engine with `policyRules`.
   */
  policyEngine?: PolicyEngine | undefined
  /** The rules of the manager's own engine. Cannot be combined with `policyEngine`. Default: none. */
  policyRules?: readonly PolicyRule[] | undefined
}

/** The base class of AuthManager. It has one method for each guard of this library. */
const ManagerGuards = classWithGuards((manager, name, [loginType, ...args]) => {
  if (!(manager instanceof AuthManager))
    throw new TypeError(`${name} makes middleware and must be called: write manager.${name}('user'), not ${name}`)
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
 * Several login types in one application, such as users and administrators. Each has its own `AuthX` with its own keys,
 * lifetimes and cookies. Guards reject tokens of other login types. The instances may share a store.
 */
export class AuthManager<Types extends LoginTypes = Readonly<Record<string, AuthX>>> extends ManagerGuards<Types> {
  readonly #instances = new Map<string, ManagedAuthX>()
  /** The policy engine for `policyRequired` and `authorize`. */
  readonly policyEngine: PolicyEngine

  /**
   * Create a manager.
   * @param types the instances, by their `loginType`.
   * @throws BadConfigurationError naming every problem, such as cookies that two instances share.
   */
  constructor(types: Types = {} as Types, options: AuthManagerOptions = {}) {
    super()
    const { policyEngine, policyRules, ...others } = options
    const unknown = Object.keys(others)
    const problems =
      unknown.length > 0 ? [`AuthManager: ${unknownOptions(unknown)}; it takes policyEngine, policyRules`] : []
    if (policyEngine && policyRules) problems.push('policyEngine and policyRules cannot be combined; set one of them')
    for (const [name, { config }] of Object.entries(types)) {
      if (config.loginType === name) continue
      problems.push(`the instance ${JSON.stringify(name)} has another loginType or none; set loginType: '${name}'`)
    }
    const instances = Object.values(types)
    problems.push(...this.#problems(instances))
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.policyEngine = policyEngine ?? new PolicyEngine(policyRules ? { rules: policyRules } : {})
    for (const authx of instances) this.#add(authx)
  }

  /**
   * Add an instance later. The compiler does not know its login type.
   * @throws BadConfigurationError if the instance has no `loginType`, or conflicts with another instance.
   */
  register(authx: ManagedAuthX): this {
    const { loginType } = authx.config
    const problems = this.#problems([authx])
    if (loginType === undefined)
      problems.push("the instance has no loginType; set one: new AuthX({ loginType: 'user' })")
    else if (this.#instances.has(loginType))
      problems.push(`the login type ${loginType} is already registered; give each instance its own loginType`)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.#add(authx)
    return this
  }

  /** The login types, in the order of registration. */
  get loginTypes(): readonly (keyof Types & string)[] {
    return [...this.#instances.keys()]
  }

  /**
   * Returns the instance of a login type. Use it for methods that the manager does not have: `login`, `refresh`,
   * sessions.
   * @throws BadConfigurationError for an unknown login type.
   */
  get<Type extends keyof Types & string>(loginType: Type): Types[Type] {
    const instance = this.#instances.get(loginType)
    if (instance) return instance as Types[Type]
    throw new BadConfigurationError([`unknown login type; the manager has: ${this.loginTypes.join(', ') || 'none'}`])
  }

  /** Add a rule to the policy engine. @throws BadConfigurationError naming every problem of the rule. */
  addPolicyRule(rule: PolicyRule): void {
    this.policyEngine.addRule(rule)
  }

  /**
   * Add a check to the policy engine. Every allow rule requires this check.
   * @throws BadConfigurationError if it is not a function.
   */
  addPolicyEvaluator(evaluator: Parameters<PolicyEngine['addEvaluator']>[0]): void {
    this.policyEngine.addEvaluator(evaluator)
  }

  /**
   * Makes the middleware that sets `ctx.state.token` to the payload of a valid access token of any login type, and
   * renders the library's errors: as JSON, by a redirect to `loginPage`, or with `onError`. It rejects no request. If a
   * request has tokens of several login types, the login type that was registered first wins. `options` are those of
   * `middleware` of AuthX.
   * @throws TypeError naming the invalid option.
   */
  middleware(options: MiddlewareOptions = {}): Guard<{ token?: TokenPayload }> {
    checkMiddlewareOptions(options)
    const instances = this.#instances
    const made = new Map<ManagedAuthX, Middleware>()
    const layerOf = (authx: ManagedAuthX): Middleware => {
      const layer = made.get(authx) ?? (authx.middleware(options) as Middleware)
      made.set(authx, layer)
      return layer
    }
    const middleware: Guard<{ token?: TokenPayload }> = async function authManager(ctx, next) {
      // The middleware of the instance that was registered first runs last, so that its token stays.
      const layers = [...instances.values()].map(layerOf)
      await layers.reduce<Next>((inner, layer) => () => layer(ctx as never, inner), next)()
    }
    return describeGuard(middleware, { name: 'middleware', loginType: undefined, asked: [], protects: false })
  }

  /**
   * Calls `createAccessToken` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  createAccessToken(loginType: keyof Types & string, ...args: Parameters<ManagedAuthX['createAccessToken']>): string {
    return this.get(loginType).createAccessToken(...args)
  }

  /**
   * Calls `createRefreshToken` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; TypeError for an invalid argument.
   */
  createRefreshToken(loginType: keyof Types & string, ...args: Parameters<ManagedAuthX['createRefreshToken']>): string {
    return this.get(loginType).createRefreshToken(...args)
  }

  /**
   * Calls `createTokenPair` of the instance of `loginType`.
   * @throws BadConfigurationError for an unknown login type; the errors of `createTokenPair` of AuthX.
   */
  createTokenPair(
    loginType: keyof Types & string,
    ...args: Parameters<ManagedAuthX['createTokenPair']>
  ): ReturnType<ManagedAuthX['createTokenPair']> {
    return this.get(loginType).createTokenPair(...args)
  }

  /**
   * Calls `authorize` of the instance of `loginType`, with the manager's policy engine.
   * @throws BadConfigurationError for an unknown login type; the errors of `authorize` of AuthX.
   */
  async authorize<Type extends keyof Types & string>(
    loginType: Type,
    ctxOrPayload: AuthContext | TokenPayload,
    action: PolicyName,
    resource: PolicyName,
    options: AuthorizeOptions = {},
  ): Promise<TokenPayload<ClaimsOf<Types[Type]>>> {
    const engine = options.engine ?? this.policyEngine
    const authorized = this.get(loginType).authorize(ctxOrPayload, action, resource, { ...options, engine })
    const payload = await authorized.catch((error: unknown) => {
      if (Object.hasOwn(ctxOrPayload, 'jti')) throw error
      return explain(this as never, loginType, ctxOrPayload as AuthContext, {}, error)
    })
    return payload as TokenPayload<ClaimsOf<Types[Type]>>
  }

  /** Close all instances: their watched sockets and their stores. */
  async close(): Promise<void> {
    await Promise.all([...this.#instances.values()].map(authx => authx.close()))
  }

  #add(authx: ManagedAuthX): void {
    this.#instances.set(String(authx.config.loginType), authx)
  }

  /** Returns the conflicts between the registered instances and the new ones. */
  #problems(added: readonly ManagedAuthX[]): string[] {
    const all = [...this.#instances.values(), ...added]
    const problems = cookieCollisions(new Map(all.map(({ config }) => [String(config.loginType), config])))
    if (new Set(all.map(({ config }) => config.errorMessageKey)).size > 1) {
      problems.push('errorMessageKey must be the same in all instances, because one middleware renders all errors')
    }
    problems.push(...storedTypeCollisions(all))
    problems.push(...issuerCollisions(all.map(authx => internalsOf(authx).config)))
    for (const { authx, name } of added.flatMap(overriddenGuards)) {
      problems.push(
        `the instance ${authx.config.loginType} overrides ${name}, but the manager would not call the override; give it another name, and use it from the instance`,
      )
    }
    return problems
  }
}

/** Two instances that keep sessions under one login type in one store would end each other's sessions. */
function storedTypeCollisions(all: readonly ManagedAuthX[]): string[] {
  const configs = all.map(authx => internalsOf(authx).config)
  return configs.flatMap((config, index) => {
    const others = configs.slice(0, index).filter(({ loginType }) => loginType !== config.loginType)
    const other = others.find(each => each.store === config.store && storedType(each) === storedType(config))
    if (!config.store || !other) return []
    return `storedLoginType: the login types ${other.loginType} and ${config.loginType} keep their sessions under one login type; only one of them can`
  })
}

/**
 * Returns the guards that an instance overrides. The manager makes its own guards, so it would ignore the override
 * without a warning, and the override may be stricter.
 */
function overriddenGuards(authx: ManagedAuthX) {
  const own = authx as unknown as Readonly<Record<string, unknown>>
  const listed = InstanceGuards.prototype as unknown as Readonly<Record<string, unknown>>
  return Object.keys(GUARDS)
    .filter(name => own[name] !== listed[name])
    .map(name => ({ authx, name }))
}

/**
 * Throws LoginTypeMismatchError instead of `error` if another login type verifies the token. If each login type has its
 * own key, `error` is "invalid signature", and the client would not learn that the login type is wrong.
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
  // The token is not verified yet, so its claim login_type may be forged. The instance of that type verifies it.
  if (located && typeof named === 'string' && named !== loginType && manager.loginTypes.includes(named)) {
    const verified = await manager
      .get(named)
      .verifyToken(located.token, { verifyType: false })
      .catch(() => undefined)
    if (verified) throw new LoginTypeMismatchError({ cause: error })
  }
  throw error
}

/**
 * Returns the token that was rejected. `undefined` if there is none, or if the tokens of the request are malformed or
 * ambiguous.
 */
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
