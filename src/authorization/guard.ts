import type { Middleware, ParameterizedContext } from 'koa'
import type { Config } from '../config/table.js'
import { checkNames, isObject } from '../config/values.js'
import { BadConfigurationError, PolicyDeniedError, PolicyEvaluationError } from '../errors.js'
import { authenticate, checkLoginType, checkType, missing } from '../koa/authenticate.js'
import { record } from '../koa/guard-record.js'
import { admit } from '../koa/guards.js'
import type { AuthContext, Parts } from '../koa/parts.js'
import type { TokenPayload } from '../token/payload.js'
import { isPartList, type PolicyName, toName } from './policy/patterns.js'
import type { PolicyDecision, PolicyRequest } from './policy/rule.js'

/** What decides: a PolicyEngine, or anything else that answers as it does. */
export interface PolicyDecider {
  /** Decide about one request. A rejection denies it. */
  evaluate(request: PolicyRequest): Promise<PolicyDecision>
}

/** A value, or how it is found for a request. */
type Found<Value, Ctx> = Value | ((ctx: Ctx) => Value | Promise<Value>)

/** Any Koa or router context in which a token has been verified. */
export type PolicyGuardContext<Claims extends object = Record<string, unknown>> = ParameterizedContext<{
  token: TokenPayload<Claims>
}>

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

/** The same for a guard, where the first three may be functions of `ctx`. */
export interface PolicyGuardOptions<Claims extends object = Record<string, unknown>> {
  /** Attributes of who asks. Default: the claims of the token. */
  subject?: Found<AuthorizeOptions['subject'], PolicyGuardContext<Claims>> | undefined
  /** Attributes of what is asked for. Default: none. */
  resourceAttrs?: Found<AuthorizeOptions['resourceAttrs'], PolicyGuardContext<Claims>> | undefined
  /** Circumstances besides `time`, `hour`, `weekday`, `method`, `path` and `clientIp`. */
  env?: Found<AuthorizeOptions['env'], PolicyGuardContext<Claims>> | undefined
  /** What decides. Default: the engine of `setPolicyEngine`. */
  engine?: PolicyDecider | undefined
}

/**
 * The resource that a route is about, or how it is found; it may throw as a handler may (`ctx.throw(404)`). What a client
 * chooses belongs into a list of parts, `ctx => ['documents', ctx.params.id]`: a part that is empty, is not a string, or
 * contains `:` or `*` is denied.
 */
export type PolicyResource<Claims extends object = Record<string, unknown>> = Found<
  PolicyName,
  PolicyGuardContext<Claims>
>

/** The engine that is set when a request comes: it may be set after the routes are made. */
export type EngineInForce = () => PolicyDecider | undefined

const OPTION_NAMES = new Set(['subject', 'resourceAttrs', 'env', 'engine'])

/** Passes access tokens whose holders may do `action` to the resource. */
export function policyRequired(
  parts: Parts,
  inForce: EngineInForce,
  action: PolicyName,
  resource: PolicyResource,
  options: PolicyGuardOptions = {},
): Middleware<{ token: TokenPayload }> {
  checkGuard(action, resource, options)
  const asked = toName(action, 'action')
  const about = typeof resource === 'function' ? resource : toName(resource, 'resource')
  const guard: Middleware<{ token: TokenPayload }> = async function policyRequired(ctx, next) {
    const engine = engineOf(options, inForce)
    const payload = (await admit(parts, ctx, {})) as TokenPayload
    const question = {
      action: asked,
      resource: toName(await find(about, ctx), 'resource'),
      resourceAttrs: await find(options.resourceAttrs, ctx),
      env: await find(options.env, ctx),
      ...(Object.hasOwn(options, 'subject') && { subject: await find(options.subject, ctx) }),
    }
    await decide(engine, requestOf(payload, question, parts.config, ctx))
    await next()
  }
  const told = typeof about === 'string' ? [asked, about] : [asked]
  return record(guard, 'policyRequired', { loginType: parts.config.loginType, asked: told })
}

/**
 * Ask the engine from within a handler: about the access token of a request, which is verified, or about a payload that
 * has been verified before (revocation is not asked again then).
 * @throws PolicyDeniedError, PolicyEvaluationError, and what a guard throws.
 */
export async function authorize(
  parts: Parts,
  inForce: EngineInForce,
  who: AuthContext | TokenPayload,
  action: PolicyName,
  resource: PolicyName,
  options: AuthorizeOptions = {},
): Promise<TokenPayload> {
  checkOptions(options)
  const engine = engineOf(options, inForce)
  const ctx = isPayload(who) ? undefined : who
  const payload = isPayload(who) ? judged(who, parts.config) : await authenticate(parts, who, {})
  if (!payload) throw missing(who as AuthContext, {}, parts.config)
  const question = { action: toName(action, 'action'), resource: toName(resource, 'resource'), ...options }
  await decide(engine, requestOf(payload, question, parts.config, ctx))
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

function engineOf({ engine }: { engine?: PolicyDecider | undefined }, inForce: EngineInForce): PolicyDecider {
  const decider = engine ?? inForce()
  if (decider) return decider
  throw new BadConfigurationError(['a policy needs an engine: authx.setPolicyEngine(new PolicyEngine({ rules }))'])
}

interface Question extends AuthorizeOptions {
  readonly action: string
  readonly resource: string
}

function requestOf(payload: TokenPayload, question: Question, config: Config, ctx?: AuthContext): PolicyRequest {
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
async function decide(engine: PolicyDecider, request: PolicyRequest): Promise<void> {
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

async function find<Value>(found: Found<Value, PolicyGuardContext>, ctx: PolicyGuardContext): Promise<Value> {
  return typeof found === 'function' ? (found as (ctx: PolicyGuardContext) => Value | Promise<Value>)(ctx) : found
}

/** @throws TypeError when the guard is made, not when a request comes. */
function checkGuard(action: unknown, resource: unknown, options: object): void {
  if (!isNameOrParts(action)) throw new TypeError(`policyRequired takes an action: ${NAME}`)
  if (typeof resource !== 'function' && !isNameOrParts(resource)) {
    throw new TypeError(`policyRequired takes a resource: a function of ctx that finds it, or ${NAME}`)
  }
  checkOptions(options)
}

const NAME = "a string such as 'documents:42', or the list of its parts, none of which is empty or contains : or *"

const isNameOrParts = (value: unknown) => isPartList(value) || (typeof value === 'string' && value !== '')

/** @throws TypeError */
function checkOptions(options: object): void {
  checkNames(options, OPTION_NAMES, 'a policy')
  const { engine } = options as AuthorizeOptions
  if (engine !== undefined) checkDecider(engine)
}

/** @throws TypeError */
export function checkDecider(engine: unknown): void {
  if (isObject(engine) && typeof engine.evaluate === 'function') return
  throw new TypeError('the policy engine must be a PolicyEngine, or an object with its method evaluate')
}
