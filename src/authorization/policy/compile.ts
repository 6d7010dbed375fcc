import { coversAll, coversAny } from '../../token/scopes.js'
import { attributePath, readAttribute } from './attributes.js'
import { OPERATORS, type Verdict } from './operators.js'
import { matchesPattern } from './patterns.js'
import type { PolicyCondition, PolicyContext, PolicyRule } from './rule.js'

/** One requirement of a rule. `about` is its name in decisions. */
interface Requirement {
  readonly about: string
  test(context: PolicyContext): Verdict
}

/** A checked and frozen copy of a rule, ready to evaluate. */
export interface CompiledRule {
  readonly rule: PolicyRule
  readonly label: string
  covers(action: string, resource: string): boolean
  readonly requirements: readonly Requirement[]
}

/** Compiles a rule in which `ruleProblems` finds no mistakes. */
export function compileRule(given: PolicyRule, label: string): CompiledRule {
  const rule = frozenCopy(given)
  const requirements = (rule.conditions ?? []).map(compileCondition)
  if (rule.scopes) requirements.unshift(scopesRequirement(rule.scopes, rule.allScopesRequired ?? true))
  return {
    rule,
    label,
    covers: (action, resource) =>
      rule.actions.some(pattern => matchesPattern(pattern, action)) &&
      rule.resources.some(pattern => matchesPattern(pattern, resource)),
    requirements,
  }
}

function scopesRequirement(scopes: readonly string[], all: boolean): Requirement {
  const cover = all ? coversAll : coversAny
  // A token without the claim has no scopes. Without a token the result is unknown (undefined).
  return { about: 'scopes', test: ({ payload }) => payload && cover(payload.scopes ?? [], scopes) }
}

function compileCondition({ source, key, operator = 'equals', value }: PolicyCondition): Requirement {
  const path = attributePath(key) ?? []
  const { test } = OPERATORS[operator]
  return {
    about: `${source}.${path.join('.')}`,
    test: context => test(readAttribute(sourceOf(context, source), path), value),
  }
}

function sourceOf(context: PolicyContext, source: PolicyCondition['source']): unknown {
  switch (source) {
    case 'subject':
      return context.subject
    case 'resource':
      return context.resourceAttrs
    case 'environment':
      return context.environment
    case 'token':
      return context.payload
  }
}

/** Copies and freezes a value. A Date is copied, because a frozen one can still change. Functions are not copied. */
function frozenCopy<T>(value: T): T {
  if (value instanceof Date) return new Date(value) as T
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy)) as T
  return Object.freeze(
    Object.fromEntries(Object.entries(value).map(([name, member]) => [name, frozenCopy(member)])),
  ) as T
}
