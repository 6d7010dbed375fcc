import { isObject } from '../../config/values.js'
import { BadConfigurationError, PolicyDeniedError, PolicyEvaluationError } from '../../errors.js'
import { isFunction, ruleLabel, ruleProblems } from './check-rule.js'
import { type CompiledRule, compileRule } from './compile.js'
import { isName, toName } from './patterns.js'
import type { PolicyContext, PolicyDecision, PolicyEvaluator, PolicyQuestion, PolicyRule } from './rule.js'

/** What a PolicyEngine starts with; `addRule` and `addEvaluator` add to it. */
export interface PolicyEngineOptions {
  /** Their order does not matter. */
  readonly rules?: readonly PolicyRule[] | undefined
  /** Asked before any allow rule counts, besides its own evaluators. */
  readonly evaluators?: readonly PolicyEvaluator[] | undefined
}

const OPTION_NAMES = ['rules', 'evaluators']

/**
 * Decides who may do what. Everything is denied that no allow rule covers, and a deny rule wins over all allow rules,
 * whatever their order. What cannot be told (a missing attribute, one of another type) never allows and always denies.
 */
export class PolicyEngine {
  #rules: readonly CompiledRule[] = []
  #evaluators: readonly PolicyEvaluator[] = []

  /** @throws BadConfigurationError naming everything that is wrong with the rules. */
  constructor(options: PolicyEngineOptions = {}) {
    const problems = engineProblems(options)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.#rules = (options.rules ?? []).map((rule, n) => compileRule(rule, ruleLabel(rule, `rules[${n}]`)))
    this.#evaluators = [...(options.evaluators ?? [])]
  }

  /** The rules in force, frozen. */
  get rules(): readonly PolicyRule[] {
    return this.#rules.map(({ rule }) => rule)
  }

  /**
   * Add a rule; it is in force for the next request.
   * @throws BadConfigurationError naming everything that is wrong with the rule.
   */
  addRule(rule: PolicyRule): void {
    const position = `rules[${this.#rules.length}]`
    const problems = ruleProblems(rule, position)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    this.#rules = [...this.#rules, compileRule(rule, ruleLabel(rule, position))]
  }

  /**
   * Add a check that every allow rule needs besides its own.
   * @throws BadConfigurationError if it is no function.
   */
  addEvaluator(evaluator: PolicyEvaluator): void {
    if (!isFunction(evaluator)) throw new BadConfigurationError(['an evaluator must be a function'])
    this.#evaluators = [...this.#evaluators, evaluator]
  }

  /** The decision about one request. It never rejects: what goes wrong denies, and is in `error`. */
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
  // Which of several decides does not depend on their order: a rule that denies comes before one that failed.
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

/** What a deny rule comes to: it counts unless something in it is known not to hold. */
function denial({ rule, label, requirements }: CompiledRule, context: PolicyContext): PolicyDecision | undefined {
  try {
    const verdicts = requirements.map(({ about, test }) => ({ about, verdict: test(context) }))
    if (verdicts.some(({ verdict }) => verdict === false)) return undefined
    const unjudged = verdicts.find(({ verdict }) => verdict === undefined)?.about
    const because = unjudged ? `${label} denies, since ${unjudged} is missing or of another type` : `${label} denies`
    return { allowed: false, reason: rule.reason ?? because, rule }
  } catch (error) {
    return undecided(`${label} failed`, error, rule)
  }
}

/** What an allow rule comes to: it counts if everything in it is known to hold, and every evaluator says so. */
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
      // A forgotten `return` is a mistake to be found, not an answer.
      if (verdict !== true) throw new TypeError('an evaluator must return true or false, or a promise of it')
    }
    return { allowed: true, reason: rule.reason ?? `${label} allows`, rule }
  } catch (error) {
    return undecided(`${label} failed`, error, rule)
  }
}

function undecided(reason: string, cause: unknown, rule?: PolicyRule): PolicyDecision {
  return { allowed: false, reason, ...(rule && { rule }), error: new PolicyEvaluationError(reason, { cause }) }
}

/** @throws PolicyDeniedError for a list that makes no name; TypeError if action or resource is something else that is none. */
function toContext(question: PolicyQuestion): PolicyContext {
  const { subject, resourceAttrs, environment } = question
  const [action, resource] = [toName(question.action, 'action'), toName(question.resource, 'resource')]
  for (const name of [action, resource]) {
    // An empty part would be one thing to a rule with a wildcard and another to one without.
    if (!isName(name)) throw new TypeError('action and resource must be names, no part of which is empty')
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
  const problems = Object.keys(options)
    .filter(name => !OPTION_NAMES.includes(name))
    .map(name => `${JSON.stringify(name)} is not an option of a PolicyEngine`)
  if (!Array.isArray(rules)) problems.push('rules must be a list of rules')
  else problems.push(...rules.flatMap((rule, n) => ruleProblems(rule, `rules[${n}]`)))
  if (!Array.isArray(evaluators) || !evaluators.every(isFunction))
    problems.push('evaluators must be a list of functions')
  return problems
}
