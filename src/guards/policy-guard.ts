import type { Middleware, ParameterizedContext } from 'koa'
import { isPartList, type PolicyName, toName } from '../authorization/policy/patterns.js'
import type { PolicyDecider } from '../authorization/policy/rule.js'
import type { TokenPayload } from '../token/payload.js'
import type { Described } from './guard-info.js'
import { type GuardOwner, makeGuard } from './make-guard.js'
import { type AuthorizeOptions, checkPolicyOptions, decide, engineOf, requestOf } from './policy-decision.js'

/** A value, or a function of `ctx` that returns it. */
type Found<Value, Ctx> = Value | ((ctx: Ctx) => Value | Promise<Value>)

/** Any Koa or router context in which a token has been verified. */
export type PolicyGuardContext<Claims extends object = Record<string, unknown>> = ParameterizedContext<{
  token: TokenPayload<Claims>
}>

/**
 * Options of `policyRequired`: values for the policy rules, in addition to the token. Each can be a function of `ctx`.
 */
export interface PolicyGuardOptions<Claims extends object = Record<string, unknown>> {
  /** Attributes of the subject. Default: the claims of the token. */
  subject?: Found<AuthorizeOptions['subject'], PolicyGuardContext<Claims>> | undefined
  /** Attributes of the resource. Default: none. */
  resourceAttrs?: Found<AuthorizeOptions['resourceAttrs'], PolicyGuardContext<Claims>> | undefined
  /**
   * Environment attributes, in addition to `time`, `hour`, `weekday`, `method`, `path` and `clientIp`. Default: none.
   */
  env?: Found<AuthorizeOptions['env'], PolicyGuardContext<Claims>> | undefined
  /** The policy engine. Default: the engine of `setPolicyEngine`. */
  engine?: PolicyDecider | undefined
}

/**
 * The resource of a route, or a function of `ctx` that returns it. The function may throw as a handler does:
 * `ctx.throw(404)`. Pass values that the client chooses in a list: `ctx => ['documents', ctx.params.id]`. If a part of
 * the list is empty, not a string, or contains `:` or `*`, access is denied.
 */
export type PolicyResource<Claims extends object = Record<string, unknown>> = Found<
  PolicyName,
  PolicyGuardContext<Claims>
>

/** Makes a guard that requires that the policy engine allows `action` on `resource`. @throws TypeError */
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
      const { config } = owner.internals
      await decide(engine(), requestOf(payload, question, config, ctx), config)
    },
  })
}

async function find<Value>(found: Found<Value, PolicyGuardContext>, ctx: PolicyGuardContext): Promise<Value> {
  return typeof found === 'function' ? (found as (ctx: PolicyGuardContext) => Value | Promise<Value>)(ctx) : found
}

/** Checks the arguments when the guard is made, not when a request comes. @throws TypeError */
function checkGuard(action: unknown, resource: unknown, options: object): void {
  if (!isNameOrParts(action)) throw new TypeError(`policyRequired: action must be ${NAME}`)
  if (typeof resource !== 'function' && !isNameOrParts(resource)) {
    throw new TypeError(`policyRequired: resource must be a function of ctx, or ${NAME}`)
  }
  checkPolicyOptions(options, 'policyRequired')
}

const NAME = "a string such as 'documents:42', or a list of its parts; a part must not be empty or contain : or *"

const isNameOrParts = (value: unknown) => isPartList(value) || (typeof value === 'string' && value !== '')
