import type { Middleware } from 'koa'
import { authenticate, missing, type Requirement } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import type { PolicyDecider } from '../authorization/policy/rule.js'
import type { TokenPayload } from '../token/payload.js'
import { type Described, describeGuard } from './guard-info.js'

/** For whom guards are made: an AuthX, or a login type of an AuthManager. */
export interface GuardOwner {
  readonly internals: Internals
  /** The policy engine that is set when a request comes. */
  readonly policyEngine: () => PolicyDecider | undefined
  /** Throws an error in the place of one of the token checks: a manager knows the other login types. */
  readonly explain?: (ctx: AuthContext, requirement: Requirement, error: unknown) => Promise<never>
}

/** What a guard requires of the token. */
export interface GuardRequirement extends Requirement {
  /** Let a request without a token pass, unauthenticated. Default false. */
  readonly optional?: boolean | undefined
}

/** One kind of guard, as data. */
export interface GuardPlan<State> {
  /** The method that makes the guard: its name in stack traces and for `audit`. */
  readonly name: string
  /** What the guard was made with, for `audit`. Default: nothing. */
  readonly asked?: readonly string[]
  /** What the token checks require. Default: an access token. */
  readonly requirement?: GuardRequirement
  /** Checks before any token is looked at that the application is configured for this guard. */
  readonly checkConfigured?: () => void
  /** Checks what the guard requires beyond the token. It may put more on `ctx.state`. @throws AuthXError */
  readonly check?: (ctx: Parameters<Middleware<State>>[0], payload: TokenPayload) => void | Promise<void>
}

/**
 * Make a guard. All guards are made here: it names the guard, describes it for `audit`, runs the token checks, sets
 * `ctx.state.token`, runs the guard's own check and calls `next`.
 */
export function makeGuard<State extends { token?: TokenPayload } = { token: TokenPayload }>(
  owner: GuardOwner,
  plan: GuardPlan<State>,
): Described<Middleware<State>> {
  const { name, asked = [], requirement = {}, checkConfigured, check } = plan
  const guard: Middleware<State> = async (ctx, next) => {
    checkConfigured?.()
    const payload = await requireToken(owner, ctx as unknown as AuthContext, requirement)
    setToken(ctx.state, payload)
    if (check && payload) await check(ctx, payload)
    await next()
  }
  Object.defineProperty(guard, 'name', { value: name })
  const { loginType } = owner.internals.config
  return describeGuard(guard, { name, loginType, asked, protects: !requirement.optional })
}

async function requireToken(
  { internals, explain }: GuardOwner,
  ctx: AuthContext,
  requirement: GuardRequirement,
): Promise<TokenPayload | undefined> {
  const checked = authenticate(internals, ctx, requirement)
  const payload = await (explain ? checked.catch(error => explain(ctx, requirement, error)) : checked)
  if (payload || requirement.optional) return payload
  throw missing(ctx, requirement, internals.config)
}

/** Replace what another guard or the middleware found: handlers see the token that this guard has checked. */
function setToken(state: { token?: TokenPayload }, payload: TokenPayload | undefined): void {
  if (payload) state.token = payload
  else delete state.token
}
