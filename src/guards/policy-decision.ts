import { authenticate, missing } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { checkLoginType, checkType } from '../authenticate/token-checks.js'
import { type PolicyName, toName } from '../authorization/policy/patterns.js'
import type { PolicyDecider, PolicyDecision, PolicyRequest } from '../authorization/policy/rule.js'
import type { Config } from '../config/table.js'
import { checkNames, isObject } from '../config/values.js'
import { BadConfigurationError, PolicyDeniedError, PolicyEvaluationError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'

/** What the rules look at besides the token, in a handler. */
export interface AuthorizeOptions {
  /** Attributes of who asks. Default: the claims of the token. */
  subject?: object | undefined
  /** Attributes of what is asked for. Default: none. */
  resourceAttrs?: object | undefined
  /** Circumstances besides `time`, `hour`, `weekday`, `method`, `path` and `clientIp`. */
  env?: Readonly<Record<string, unknown>> | undefined
  /** What decides. Default: the engine of `setPolicyEngine`. */
  engine?: PolicyDecider | undefined
}

/**
 * Ask the engine from within a handler: about the access token of a request, which is verified, or about a payload that
 * has been verified before (revocation is not asked again then).
 * @throws PolicyDeniedError, PolicyEvaluationError, and what a guard throws.
 */
export async function authorize(
  internals: Internals,
  who: AuthContext | TokenPayload,
  action: PolicyName,
  resource: PolicyName,
  options: AuthorizeOptions = {},
): Promise<TokenPayload> {
  checkPolicyOptions(options)
  const engine = engineOf(options.engine ?? internals.policyEngine)
  const ctx = isPayload(who) ? undefined : who
  const payload = isPayload(who) ? judged(who, internals.config) : await authenticate(internals, who, {})
  if (!payload) throw missing(who as AuthContext, {}, internals.config)
  const question = { action: toName(action, 'action'), resource: toName(resource, 'resource'), ...options }
  await decide(engine, requestOf(payload, question, internals.config, ctx))
  return payload
}

/** A context has no `jti`. Should one get it, it is refused as a payload that is not of an access token. */
function isPayload(who: AuthContext | TokenPayload): who is TokenPayload {
  return Object.hasOwn(who, 'jti')
}

function judged(payload: TokenPayload, config: Config): TokenPayload {
  checkType(payload, 'access')
  checkLoginType(payload, config)
  return payload
}

/** @throws BadConfigurationError if there is no engine. */
export function engineOf(decider: PolicyDecider | undefined): PolicyDecider {
  if (decider) return decider
  throw new BadConfigurationError(['a policy needs an engine: authx.setPolicyEngine(new PolicyEngine({ rules }))'])
}

export interface Question extends AuthorizeOptions {
  readonly action: string
  readonly resource: string
}

export function requestOf(payload: TokenPayload, question: Question, config: Config, ctx?: AuthContext): PolicyRequest {
  const { action, resource, resourceAttrs, env } = question
  // A subject that was looked for and not found is nobody: the claims must not stand in for it.
  const subject = Object.hasOwn(question, 'subject') ? question.subject : payload
  const environment = { ...circumstances(config, ctx), ...env }
  return { action, resource, payload, loginType: config.loginType, subject, resourceAttrs, environment }
}

/** What every policy may ask about. As in AuthX, `hour` and `weekday` (0 is Monday) are those of UTC. */
function circumstances({ now }: Config, ctx: AuthContext | undefined): Record<string, unknown> {
  const time = new Date(now())
  const clock = { time, hour: time.getUTCHours(), weekday: (time.getUTCDay() + 6) % 7 }
  return ctx ? { ...clock, method: ctx.method, path: ctx.request.path, clientIp: ctx.ip } : clock
}

/** @throws PolicyDeniedError unless the answer is a plain yes. */
export async function decide(engine: PolicyDecider, request: PolicyRequest): Promise<void> {
  const decision = await ask(engine, request)
  if (decision?.allowed === true) return
  if (decision?.error instanceof PolicyDeniedError) throw decision.error
  throw new PolicyDeniedError(decision?.reason, { cause: decision })
}

/** Our own engine never rejects; another one may. */
async function ask(engine: PolicyDecider, request: PolicyRequest): Promise<PolicyDecision | undefined> {
  try {
    return await engine.evaluate(request)
  } catch (cause) {
    throw new PolicyEvaluationError('the engine failed', { cause })
  }
}

const OPTION_NAMES = new Set(['subject', 'resourceAttrs', 'env', 'engine'])

/** @throws TypeError */
export function checkPolicyOptions(options: object): void {
  checkNames(options, OPTION_NAMES, 'a policy')
  const { engine } = options as AuthorizeOptions
  if (engine !== undefined) checkDecider(engine)
}

/** @throws TypeError */
export function checkDecider(engine: unknown): void {
  if (isObject(engine) && typeof engine.evaluate === 'function') return
  throw new TypeError('the policy engine must be a PolicyEngine, or an object with its method evaluate')
}
