import type { Middleware } from 'koa'
import { authenticate, locateRequired, missing, type Requirement } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { emitRefused, nameMetadata } from '../authenticate/refusal.js'
import type { Checked } from '../authenticate/token-checks.js'
import type { PolicyDecider } from '../authorization/policy/rule.js'
import type { TokenPayload } from '../token/payload.js'
import { type Described, describeGuard } from './guard-info.js'

/** The owner of a guard: an AuthX, or a login type of an AuthManager. */
export interface GuardOwner {
  readonly internals: Internals
  /** Returns the current policy engine. It is called for each request. */
  readonly policyEngine: () => PolicyDecider | undefined
  /** Replaces an error of the token checks. An AuthManager sets it, because it knows the other login types. */
  readonly explain?: (ctx: AuthContext, requirement: Requirement, error: unknown) => Promise<never>
}

/** The token that a guard requires. */
export interface GuardRequirement extends Requirement {
  /** Let a request without a token pass, unauthenticated. Default false. */
  readonly optional?: boolean | undefined
}

/** The description of one kind of guard. */
export interface GuardPlan<State> {
  /** The name of the guard in stack traces and in `audit`: the method that makes it. */
  readonly name: string
  /** The arguments of the guard, for `audit`. Default: none. */
  readonly asked?: readonly string[]
  /** The token that the guard requires. Default: an access token. */
  readonly requirement?: GuardRequirement
  /** Checks the application's configuration before the token is read. @throws BadConfigurationError */
  readonly checkConfigured?: () => void
  /** Checks what the guard requires in addition to the token. It may set more on `ctx.state`. @throws AuthXError */
  readonly check?: (ctx: Parameters<Middleware<State>>[0], payload: TokenPayload) => void | Promise<void>
}

/**
 * Make a guard. All guards are made by this function. It names the guard and describes it for `audit`. The guard runs
 * the token checks, sets `ctx.state.token`, runs its own check and calls `next`. If it refuses the request, it emits
 * `refused`.
 */
export function makeGuard<State extends { token?: TokenPayload } = { token: TokenPayload }>(
  owner: GuardOwner,
  plan: GuardPlan<State>,
): Described<Middleware<State>> {
  const { name, asked = [], requirement = {}, checkConfigured, check } = plan
  const { internals } = owner
  const guard: Middleware<State> = async (ctx, next) => {
    const call = ctx as unknown as AuthContext
    try {
      checkConfigured?.()
      const payload = await checkedToken(owner, call, requirement)
      if (!payload && !requirement.optional) throw missing(call, requirement, internals.config)
      setToken(ctx.state, payload)
      if (check && payload) await check(ctx, payload)
    } catch (error) {
      nameMetadata(internals, error)
      await announceRefusal(owner, call, requirement, error)
      throw error
    }
    await next()
  }
  Object.defineProperty(guard, 'name', { value: name })
  const { loginType } = internals.config
  return describeGuard(guard, { name, loginType, asked, protects: !requirement.optional })
}

/** Runs the token checks. An AuthManager replaces their errors. */
function checkedToken(
  { internals, explain }: GuardOwner,
  ctx: AuthContext,
  requirement: GuardRequirement,
): Checked | Promise<Checked> {
  if (!explain) return authenticate(internals, ctx, requirement)
  const check = async () => authenticate(internals, ctx, requirement)
  return check().catch(error => explain(ctx, requirement, error))
}

function announceRefusal(
  { internals }: GuardOwner,
  ctx: AuthContext,
  requirement: GuardRequirement,
  error: unknown,
): Promise<void> {
  return emitRefused(internals, { ctx, locate: () => locateRequired(internals, ctx, requirement) }, error)
}

/** Sets or deletes `ctx.state.token`, so that handlers see the token of this guard, not of an earlier guard. */
function setToken(state: { token?: TokenPayload }, payload: TokenPayload | undefined): void {
  if (payload) state.token = payload
  else delete state.token
}
