import type { TokenPayload } from '../../token/payload.js'
import type { PolicyName } from './patterns.js'

/** What a rule does to the requests that it covers. */
export type PolicyEffect = 'allow' | 'deny'

/** What a condition looks at: who asks, what is asked for, the circumstances, the claims of the token. */
export type PolicySource = 'subject' | 'resource' | 'environment' | 'token'

/** What a condition can compare. Values of different types are never equal, and never unequal either. */
export type PolicyValue = string | number | boolean | Date

/** One comparison of an attribute with a value. Default operator: `equals`. */
export type PolicyCondition = {
  readonly source: PolicySource
  /** The attribute: `'department'`, `'address.city'`, or a list of its parts where a name has dots. */
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
  /** What decisions and mistakes call the rule. */
  readonly name?: string | undefined
  /** Names with `:` between their parts. `documents:*` covers `documents` and all below it, `*` covers everything. */
  readonly actions: readonly string[]
  /** Names of resources, as in `actions`. A `*` in the middle stands for one part: `documents:*:comments`. */
  readonly resources: readonly string[]
  /** All have to hold. */
  readonly conditions?: readonly PolicyCondition[] | undefined
  /** What the token's scopes have to cover. */
  readonly scopes?: readonly string[] | undefined
  /** Whether the token needs all of `scopes`, or one. Default true. */
  readonly allScopesRequired?: boolean | undefined
  /** Why, for the reader of the decision. It does not reach the client. */
  readonly reason?: string | undefined
}

/** Who may do what. An allow rule counts if everything in it holds; a deny rule unless something in it does not. */
export type PolicyRule =
  | (RuleMembers & {
      readonly effect: 'allow'
      /** Asked once the rest of the rule holds; each has to say `true`. */
      readonly evaluators?: readonly PolicyEvaluator[] | undefined
    })
  | (RuleMembers & { readonly effect: 'deny'; readonly evaluators?: undefined })

/**
 * A check in code. It can only narrow what is allowed: `false` takes the rule away. Anything but `true` and `false`, and
 * a rejection, deny the request.
 */
export type PolicyEvaluator = (context: PolicyContext, rule: PolicyRule) => boolean | Promise<boolean>

type Attributes = Readonly<Record<string, unknown>>

/** One question to an engine, as guards and `authorize` ask it. */
export interface PolicyRequest {
  /** What somebody wants to do: `documents:edit`. */
  readonly action: string
  /** What they want to do it to: `documents:42`. */
  readonly resource: string
  /** The verified payload of the token: source `token`, and the scopes of rules. */
  readonly payload?: TokenPayload | undefined
  /** The login type of the instance that asks. */
  readonly loginType?: string | undefined
  /** Attributes of who asks: source `subject`. */
  readonly subject?: unknown | undefined
  /** Attributes of what is asked for: source `resource`. */
  readonly resourceAttrs?: unknown | undefined
  /** The circumstances: source `environment`. */
  readonly environment?: Attributes | undefined
}

/** One question to a PolicyEngine. The names may be lists of parts, which is how values of clients belong into them. */
export interface PolicyQuestion extends Omit<PolicyRequest, 'action' | 'resource'> {
  /** What somebody wants to do: `'documents:edit'`, or `['documents', 'edit']`. */
  readonly action: PolicyName
  /**
   * What they want to do it to: `'documents:42'`, or `['documents', id]`. A list with a part that is empty, is no string,
   * or holds `:` or `*` is denied.
   */
  readonly resource: PolicyName
}

/** The question as evaluators see it: what was not given, or is no object, is empty. */
export interface PolicyContext extends PolicyRequest {
  readonly subject: Attributes
  readonly resourceAttrs: Attributes
  readonly environment: Attributes
}

/** The answer, for the developer: a client learns no more than that it was denied. */
export interface PolicyDecision {
  /** Whether it may be done. */
  readonly allowed: boolean
  /** Why: the reason of the rule, or what was missing. */
  readonly reason: string
  /** The rule that decided; none if no rule allowed it. */
  readonly rule?: PolicyRule | undefined
  /** Why the question could not be answered, which denies: a PolicyEvaluationError, with what was thrown as `cause`. */
  readonly error?: Error | undefined
}

/** What decides: a PolicyEngine, or anything else that answers as it does. */
export interface PolicyDecider {
  /** Decide about one request. A rejection denies it. */
  evaluate(request: PolicyRequest): Promise<PolicyDecision>
}
