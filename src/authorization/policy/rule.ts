import type { TokenPayload } from '../../token/payload.js'
import type { PolicyName } from './patterns.js'

/** Whether a rule allows or denies the requests that it covers. */
export type PolicyEffect = 'allow' | 'deny'

/** Where a condition reads its attribute: the user, the resource, the environment, or the claims of the token. */
export type PolicySource = 'subject' | 'resource' | 'environment' | 'token'

/** A value in a condition. If the attribute has another type, neither `equals` nor `notEquals` holds. */
export type PolicyValue = string | number | boolean | Date

/** One comparison of an attribute with a value. Default operator: `equals`. */
export type PolicyCondition = {
  readonly source: PolicySource
  /** The attribute: `'department'`, `'address.city'`, or a list of its parts if a part contains a dot. */
  readonly key: string | readonly string[]
} & (
  | { readonly operator?: 'equals' | 'notEquals' | 'contains'; readonly value: PolicyValue }
  | { readonly operator: 'in' | 'notIn'; readonly value: readonly PolicyValue[] }
  | { readonly operator: 'gt' | 'gte' | 'lt' | 'lte'; readonly value: string | number | Date }
  | { readonly operator: 'exists'; readonly value?: undefined }
)

/** How a condition compares the attribute with its value. */
export type PolicyOperator = NonNullable<PolicyCondition['operator']>

interface RuleMembers {
  /** The name of the rule in decisions and error messages, after its position. Default: only the position. */
  readonly name?: string | undefined
  /**
   * The actions that the rule covers: names with `:` between parts. `documents:*` covers `documents` and everything
   * below it, `*` covers everything.
   */
  readonly actions: readonly string[]
  /**
   * The resources that the rule covers, written like `actions`. A `*` in the middle stands for exactly one part:
   * `documents:*:comments`.
   */
  readonly resources: readonly string[]
  /** Conditions that must all hold. Default: none. */
  readonly conditions?: readonly PolicyCondition[] | undefined
  /** Scopes that the token must have. Default: none. */
  readonly scopes?: readonly string[] | undefined
  /** True: the token needs all of `scopes`. False: one is enough. Default true. */
  readonly allScopesRequired?: boolean | undefined
  /** The `reason` of the rule's decisions, for logs. It is not sent to the client. */
  readonly reason?: string | undefined
}

/**
 * A rule for who may do what. An allow rule applies if all its requirements are met. A deny rule applies unless one of
 * its requirements is known not to be met: a missing attribute does not disable the rule.
 */
export type PolicyRule =
  | (RuleMembers & {
      readonly effect: 'allow'
      /**
       * Functions that are called if all other requirements of the rule are met. Each must return `true`. Default:
       * none.
       */
      readonly evaluators?: readonly PolicyEvaluator[] | undefined
    })
  | (RuleMembers & { readonly effect: 'deny'; readonly evaluators?: undefined })

/**
 * A check in code for an allow rule. If it returns `false`, the rule does not apply. If it throws, rejects or returns
 * anything else, the request is denied.
 */
export type PolicyEvaluator = (context: PolicyContext, rule: PolicyRule) => boolean | Promise<boolean>

type Attributes = Readonly<Record<string, unknown>>

/** One question to a policy engine, as guards and `authorize` ask it. */
export interface PolicyRequest {
  /** The action: `documents:edit`. */
  readonly action: string
  /** The resource of the action: `documents:42`. */
  readonly resource: string
  /** The verified payload of the token, for conditions with the source `token` and for the scopes of rules. */
  readonly payload?: TokenPayload | undefined
  /** The login type of the AuthX instance. `undefined` if it has none. */
  readonly loginType?: string | undefined
  /** Attributes of the user, for conditions with the source `subject`. */
  readonly subject?: unknown | undefined
  /** Attributes of the resource, for conditions with the source `resource`. */
  readonly resourceAttrs?: unknown | undefined
  /** Attributes of the request, such as time or IP address, for conditions with the source `environment`. */
  readonly environment?: Attributes | undefined
}

/** One question to a PolicyEngine. To put a client's value into a name, pass the name as a list of parts. */
export interface PolicyQuestion extends Omit<PolicyRequest, 'action' | 'resource'> {
  /** The action: `'documents:edit'`, or `['documents', 'edit']`. */
  readonly action: PolicyName
  /**
   * The resource of the action: `'documents:42'`, or `['documents', id]`. The request is denied if a part of a list is
   * empty, is not a string, or contains `:` or `*`.
   */
  readonly resource: PolicyName
}

/** The question that evaluators get. Attributes that were not given, or are not an object, are `{}`. */
export interface PolicyContext extends PolicyRequest {
  readonly subject: Attributes
  readonly resourceAttrs: Attributes
  readonly environment: Attributes
}

/** The decision of a policy engine, for the developer. A client only learns that its request was denied. */
export interface PolicyDecision {
  /** Whether the action is allowed. */
  readonly allowed: boolean
  /** The reason for the decision: the `reason` of the rule that decided, or a sentence that describes the decision. */
  readonly reason: string
  /** The rule that decided. Absent if no rule applied. */
  readonly rule?: PolicyRule | undefined
  /** A PolicyEvaluationError if the evaluation failed: the request is denied. Its `cause` is the thrown value. */
  readonly error?: Error | undefined
}

/** A PolicyEngine, or an object with the same method `evaluate`. */
export interface PolicyDecider {
  /** Decides about one request. If it rejects, the request is denied. */
  evaluate(request: PolicyRequest): Promise<PolicyDecision>
}
