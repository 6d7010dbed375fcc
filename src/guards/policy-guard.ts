import type { Middleware, ParameterizedContext } from 'koa'
import { isPartList, type PolicyName, toName } from '../authorization/policy/patterns.js'
import type { PolicyDecider } from '../authorization/policy/rule.js'
import type { TokenPayload } from '../token/payload.js'
import type { Described } from './guard-info.js'
import { type GuardOwner, makeGuard } from './make-guard.js'
import { type AuthorizeOptions, checkPolicyOptions, decide, engineOf, requestOf } from './policy-decision.js'

/** A value, or how it is found for a request. */
type Found<Value, Ctx> = Value | ((ctx: Ctx) => Value | Promise<Value>)

/** Any Koa or router context in which a token has been verified. */
export type PolicyGuardContext<Claims extends object = Record<string, unknown>> = ParameterizedContext<{
  token: TokenPayload<Claims>
}>

/** What the rules look at besides the token, in a guard: values, or functions of `ctx` that find them. */
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

/** Passes access tokens whose holders may do `action` to the resource. */
export function policyGuard(
  owner: GuardOwner,
  action: PolicyName,
  resource: PolicyResource,
  options: PolicyGuardOptions = {},
): Described<Middleware<{ token: TokenPayload }>> {
  checkGuard(action, resource, options)
  const actionName = toName(action, 'action')
  const about = typeof resource === 'function' ? resource : toName(resource, 'resource')
  const engine = () => engineOf(options.engine ?? owner.policyEngine())
  return makeGuard(owner, {
    name: 'policyRequired',
    asked: typeof about === 'string' ? [actionName, about] : [actionName],
    checkConfigured: engine,
    check: async (ctx, payload) => {
      const question = {
        action: actionName,
        resource: toName(await find(about, ctx), 'resource'),
        resourceAttrs: await find(options.resourceAttrs, ctx),
        env: await find(options.env, ctx),
        ...(Object.hasOwn(options, 'subject') && { subject: await find(options.subject, ctx) }),
      }
      await decide(engine(), requestOf(payload, question, owner.internals.config, ctx))
    },
  })
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
  checkPolicyOptions(options)
}

const NAME = "a string such as 'documents:42', or the list of its internals, none of which is empty or contains : or *"

const isNameOrParts = (value: unknown) => isPartList(value) || (typeof value === 'string' && value !== '')
