import { authenticate, missing } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { namingMetadata } from '../authenticate/refusal.js'
import { checkLoginType, checkType } from '../authenticate/token-checks.js'
import { type PolicyName, toName } from '../authorization/policy/patterns.js'
import type { PolicyDecider, PolicyDecision, PolicyRequest } from '../authorization/policy/rule.js'
import { askInTime } from '../callback.js'
import type { Config } from '../config/table.js'
import { checkNames, isObject } from '../config/values.js'
import { BadConfigurationError, PolicyDeniedError, PolicyEvaluationError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'

/** Options of `authorize`: values for the policy rules, in addition to the token. */
export interface AuthorizeOptions {
  /** Attributes of the subject. Default: the claims of the token. */
  subject?: object | undefined
  /** Attributes of the resource. Default: none. */
  resourceAttrs?: object | undefined
  /**
   * Environment attributes, in addition to `time`, `hour`, `weekday`, `method`, `path` and `clientIp`. Default: none.
   */
  env?: Readonly<Record<string, unknown>> | undefined
  /** The policy engine. Default: the engine of `setPolicyEngine`. */
  engine?: PolicyDecider | undefined
}

/**
 * Check in a handler whether the policy engine allows an action: for the access token of a request, which is verified
 * here, or for a payload that is already verified. For a payload, revocation is not checked again.
 * @throws PolicyDeniedError, PolicyEvaluationError, and the errors of guards.
 */
export function authorize(
  internals: Internals,
  who: AuthContext | TokenPayload,
  action: PolicyName,
  resource: PolicyName,
  options: AuthorizeOptions = {},
): Promise<TokenPayload> {
  return namingMetadata(internals, authorized(internals, who, action, resource, options))
}

async function authorized(
  internals: Internals,
  who: AuthContext | TokenPayload,
  action: PolicyName,
  resource: PolicyName,
  options: AuthorizeOptions,
): Promise<TokenPayload> {
  checkPolicyOptions(options, 'authorize')
  const engine = engineOf(options.engine ?? internals.policyEngine)
  const ctx = isPayload(who) ? undefined : who
  const payload = isPayload(who) ? checkedPayload(who, internals.config) : await authenticate(internals, who, {})
  if (!payload) throw missing(who as AuthContext, {}, internals.config)
  const question = { action: toName(action, 'action'), resource: toName(resource, 'resource'), ...options }
  await decide(engine, requestOf(payload, question, internals.config, ctx), internals.config)
  return payload
}

/**
 * Whether `who` is a payload: a context has no `jti`. A context with `jti` is rejected, because its `type` is invalid.
 */
function isPayload(who: AuthContext | TokenPayload): who is TokenPayload {
  return Object.hasOwn(who, 'jti')
}

function checkedPayload(payload: TokenPayload, config: Config): TokenPayload {
  checkType(payload, 'access')
  checkLoginType(payload, config)
  return payload
}

/** Returns the engine. @throws BadConfigurationError if there is no engine. */
export function engineOf(decider: PolicyDecider | undefined): PolicyDecider {
  if (decider) return decider
  throw new BadConfigurationError([
    'the policy engine is missing; call authx.setPolicyEngine(new PolicyEngine({ rules }))',
  ])
}

export interface Question extends AuthorizeOptions {
  readonly action: string
  readonly resource: string
}

export function requestOf(payload: TokenPayload, question: Question, config: Config, ctx?: AuthContext): PolicyRequest {
  const { action, resource, resourceAttrs, env } = question
  // `subject: undefined` means that the application did not find the subject: do not use the claims instead.
  const subject = Object.hasOwn(question, 'subject') ? question.subject : payload
  const environment = { ...circumstances(config, ctx), ...env }
  return { action, resource, payload, loginType: config.loginType, subject, resourceAttrs, environment }
}

/** The environment attributes of every policy. As in AuthX, `hour` and `weekday` (0 is Monday) are in UTC. */
function circumstances({ now }: Config, ctx: AuthContext | undefined): Record<string, unknown> {
  const time = new Date(now())
  const clock = { time, hour: time.getUTCHours(), weekday: (time.getUTCDay() + 6) % 7 }
  return ctx ? { ...clock, method: ctx.method, path: ctx.request.path, clientIp: ctx.ip } : clock
}

/**
 * Asks the policy engine about a request.
 * @throws PolicyDeniedError unless `allowed` in the decision is exactly true; CallbackUnavailableError if the engine
 * takes longer than `callbackTimeout`.
 */
export async function decide(
  engine: PolicyDecider,
  request: PolicyRequest,
  { callbackTimeout }: Config,
): Promise<void> {
  const decision = await askInTime('evaluator', callbackTimeout * 1000, () => ask(engine, request))
  if (decision?.allowed === true) return
  if (decision?.error instanceof PolicyDeniedError) throw decision.error
  throw new PolicyDeniedError(decision?.reason, { cause: decision })
}

/** Calls the engine. Our own engine never rejects, but another engine may. */
async function ask(engine: PolicyDecider, request: PolicyRequest): Promise<PolicyDecision | undefined> {
  try {
    return await engine.evaluate(request)
  } catch (cause) {
    throw new PolicyEvaluationError('the engine failed', { cause })
  }
}

const OPTION_NAMES = new Set(['subject', 'resourceAttrs', 'env', 'engine'])

/** Checks the options of `caller`. @throws TypeError */
export function checkPolicyOptions(options: object, caller: 'authorize' | 'policyRequired'): void {
  checkNames(options, OPTION_NAMES, caller)
  const { engine } = options as AuthorizeOptions
  if (engine !== undefined) checkDecider(engine)
}

/** Checks that `engine` is a policy engine. @throws TypeError */
export function checkDecider(engine: unknown): void {
  if (isObject(engine) && typeof engine.evaluate === 'function') return
  throw new TypeError('the policy engine must be a PolicyEngine or an object with the method evaluate')
}
