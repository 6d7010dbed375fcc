import { isObject, unknownOptions } from '../../config/values.js'
import { BadConfigurationError, PolicyDeniedError, PolicyEvaluationError } from '../../errors.js'
import { isFunction, ruleLabel, ruleProblems } from './check-rule.js'
import { type CompiledRule, compileRule } from './compile.js'
import { isName, toName } from './patterns.js'
import type { PolicyContext, PolicyDecision, PolicyEvaluator, PolicyQuestion, PolicyRule } from './rule.js'

/** Options of a PolicyEngine. `addRule` and `addEvaluator` add to them later. */
export interface PolicyEngineOptions {
  /** The rules, in any order. Default: none, so that everything is denied. */
  readonly rules?: readonly PolicyRule[] | undefined
  /** Evaluators that every allow rule needs, in addition to its own. Default: none. */
  readonly evaluators?: readonly PolicyEvaluator[] | undefined
}

const OPTION_NAMES = ['rules', 'evaluators']

/**
 * Decides who may do what. A request is denied unless an allow rule applies. A deny rule overrides all allow rules; the
 * order of the rules does not matter. If a result is unknown (an attribute is missing or has another type), an allow
 * rule does not apply, but a deny rule applies.
 */
export class PolicyEngine {
  #rules: readonly CompiledRule[] = []
  #evaluators: readonly PolicyEvaluator[] = []

  /** Checks and compiles the rules. @throws BadConfigurationError naming all mistakes in the options and rules. */
  constructor(options: PolicyEngineOptions = {}) {
    const problems = engineProblems(options)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.#rules = (options.rules ?? []).map((rule, n) => compileRule(rule, ruleLabel(rule, `rules[${n}]`)))
    this.#evaluators = [...(options.evaluators ?? [])]
  }

  /** The current rules, frozen. */
  get rules(): readonly PolicyRule[] {
    return this.#rules.map(({ rule }) => rule)
  }

  /**
   * Adds a rule. It takes effect on the next request.
   * @throws BadConfigurationError naming all mistakes in the rule.
   */
  addRule(rule: PolicyRule): void {
    const position = `rules[${this.#rules.length}]`
    const problems = ruleProblems(rule, position)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.#rules = [...this.#rules, compileRule(rule, ruleLabel(rule, position))]
  }

  /**
   * Adds an evaluator that every allow rule needs, in addition to its own.
   * @throws BadConfigurationError if `evaluator` is not a function.
   */
  addEvaluator(evaluator: PolicyEvaluator): void {
    if (!isFunction(evaluator)) throw new BadConfigurationError(['an evaluator must be a function'])
    this.#evaluators = [...this.#evaluators, evaluator]
  }

  /** Decides about one request. It never rejects: an error denies the request and is in `error` of the decision. */
  async evaluate(question: PolicyQuestion): Promise<PolicyDecision> {
    const [rules, evaluators] = [this.#rules, this.#evaluators]
    try {
      return Object.freeze(await decide(rules, evaluators, toContext(question)))
    } catch (error) {
      if (error instanceof PolicyDeniedError) return Object.freeze({ allowed: false, reason: error.reason })
      return Object.freeze(undecided('the request could not be read', error))
    }
  }
}

async function decide(
  rules: readonly CompiledRule[],
  evaluators: readonly PolicyEvaluator[],
  context: PolicyContext,
): Promise<PolicyDecision> {
  const { action, resource } = context
  const covering = rules.filter(rule => rule.covers(action, resource))
  const denied = covering.filter(({ rule }) => rule.effect === 'deny').map(rule => denial(rule, context))
  // A rule that denies is reported before a rule that failed, in any order of the rules.
  const refusal = denied.find(decision => decision && !decision.error) ?? denied.find(decision => decision)
  if (refusal) return refusal

  let allowed: PolicyDecision | undefined
  let failed: PolicyDecision | undefined
  for (const rule of covering) {
    if (rule.rule.effect !== 'allow') continue
    const decision = await permission(rule, evaluators, context)
    if (decision?.allowed) allowed ??= decision
    else failed ??= decision
  }
  return failed ?? allowed ?? { allowed: false, reason: `no rule allows ${action} on ${resource}` }
}

/** Returns the decision of a deny rule. The rule applies unless one of its requirements is known to be false. */
function denial({ rule, label, requirements }: CompiledRule, context: PolicyContext): PolicyDecision | undefined {
  try {
    const verdicts = requirements.map(({ about, test }) => ({ about, verdict: test(context) }))
    if (verdicts.some(({ verdict }) => verdict === false)) return undefined
    const unjudged = verdicts.find(({ verdict }) => verdict === undefined)?.about
    const because = unjudged ? `${label} denies, because ${unjudged} is missing or of another type` : `${label} denies`
    return { allowed: false, reason: rule.reason ?? because, rule }
  } catch (error) {
    return undecided(`${label} failed`, error, rule)
  }
}

/**
 * Returns the decision of an allow rule. The rule applies if all its requirements are known to be true and every
 * evaluator returns true.
 */
async function permission(
  { rule, label, requirements }: CompiledRule,
  evaluators: readonly PolicyEvaluator[],
  context: PolicyContext,
): Promise<PolicyDecision | undefined> {
  try {
    if (!requirements.every(({ test }) => test(context) === true)) return undefined
    for (const evaluator of [...evaluators, ...(rule.evaluators ?? [])]) {
      const verdict: unknown = await evaluator(context, rule)
      if (verdict === false) return undefined
      // A missing `return` in an evaluator must be reported, not read as false.
      if (verdict !== true) throw new TypeError('an evaluator must return true or false, or a promise of true or false')
    }
    return { allowed: true, reason: rule.reason ?? `${label} allows`, rule }
  } catch (error) {
    return undecided(`${label} failed`, error, rule)
  }
}

function undecided(reason: string, cause: unknown, rule?: PolicyRule): PolicyDecision {
  return { allowed: false, reason, ...(rule && { rule }), error: new PolicyEvaluationError(reason, { cause }) }
}

/**
 * Makes the context of the rules from a question.
 * @throws PolicyDeniedError for an invalid list of parts; TypeError if action or resource is another invalid name.
 */
function toContext(question: PolicyQuestion): PolicyContext {
  const { subject, resourceAttrs, environment } = question
  const [action, resource] = [toName(question.action, 'action'), toName(question.resource, 'resource')]
  for (const name of [action, resource]) {
    // Rules with and without a wildcard would treat an empty part differently.
    if (!isName(name)) throw new TypeError('action and resource must be names without empty parts')
  }
  return Object.freeze({
    ...question,
    action,
    resource,
    subject: isObject(subject) ? subject : {},
    resourceAttrs: isObject(resourceAttrs) ? resourceAttrs : {},
    environment: Object.freeze({ ...environment }),
  })
}

function engineProblems(options: PolicyEngineOptions): string[] {
  if (!isObject(options)) return ['the options of a PolicyEngine must be an object: { rules, evaluators }']
  const { rules = [], evaluators = [] } = options as Record<string, unknown>
  const unknown = Object.keys(options).filter(name => !OPTION_NAMES.includes(name))
  const problems: string[] = []
  if (unknown.length > 0) problems.push(`PolicyEngine: ${unknownOptions(unknown)}; it takes ${OPTION_NAMES.join(', ')}`)
  if (!Array.isArray(rules)) problems.push('rules must be a list of rules')
  else problems.push(...rules.flatMap((rule, n) => ruleProblems(rule, `rules[${n}]`)))
  if (!Array.isArray(evaluators) || !evaluators.every(isFunction))
    problems.push('evaluators must be a list of functions')
  return problems
}
