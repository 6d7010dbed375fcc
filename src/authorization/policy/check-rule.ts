import { isObject, unknownOptions } from '../../config/values.js'
import { isScope } from '../../token/scopes.js'
import { attributePath } from './attributes.js'
import { OPERATORS } from './operators.js'
import { isPattern } from './patterns.js'

const SOURCES = ['subject', 'resource', 'environment', 'token']
const CONDITION_MEMBERS = ['source', 'key', 'operator', 'value']

/** Checks one member: returns the end of its error message, or `undefined` if the value is valid. */
type Check = (value: unknown) => string | undefined

const must =
  (accepts: string, holds: (value: unknown) => boolean): Check =>
  value =>
    holds(value) ? undefined : `must be ${accepts}`

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isListOf = (holds: (item: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.length > 0 && Array.from(value).every(holds)

const patterns = must(
  "a non-empty list of names such as 'documents:edit', 'documents:*' or '*'; a * must be a whole part between colons",
  isListOf(isPattern),
)
const text = must('a non-empty string', isText)

const REQUIRED: Record<string, Check> = {
  effect: must("'allow' or 'deny'", value => value === 'allow' || value === 'deny'),
  actions: patterns,
  resources: patterns,
}

const OPTIONAL: Record<string, Check> = {
  name: text,
  reason: text,
  scopes: must('a non-empty list of scopes', isListOf(isScope)),
  allScopesRequired: must('true or false', value => typeof value === 'boolean'),
  conditions: must('a list of conditions', Array.isArray),
  evaluators: must('a list of functions', value => Array.isArray(value) && value.every(isFunction)),
}

export function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

/** Returns the mistakes in a rule, one sentence for each. The sentences contain names of members, never values. */
export function ruleProblems(given: unknown, position: string): string[] {
  if (!isObject(given)) return [`${position} must be an object: { effect, actions, resources, ... }`]
  // compileRule copies own members only, so inherited ones are not checked.
  const rule: Record<string, unknown> = { ...given }
  const label = ruleLabel(rule, position)
  const members = Object.keys({ ...REQUIRED, ...OPTIONAL })
  const problems = unknownProblems(rule, members)
  for (const [member, check] of Object.entries({ ...REQUIRED, ...OPTIONAL })) {
    const value = rule[member]
    if (value === undefined && Object.hasOwn(OPTIONAL, member)) continue
    const problem = check(value)
    if (problem !== undefined) problems.push(`${member} ${problem}`)
  }
  if (rule.allScopesRequired !== undefined && rule.scopes === undefined) {
    problems.push('allScopesRequired requires scopes; add scopes, or remove allScopesRequired')
  }
  if (rule.effect === 'deny' && rule.evaluators !== undefined) {
    problems.push(
      'evaluators are not allowed in a deny rule, because they could disable it. ' +
        'Use conditions, or deny with an evaluator of an allow rule or of the engine: let it return false',
    )
  }
  const conditions = Array.isArray(rule.conditions) ? rule.conditions : []
  problems.push(...conditions.flatMap((condition, n) => conditionProblems(condition, `conditions[${n}]`)))
  return problems.map(problem => `${label}: ${problem}`)
}

function unknownProblems(given: object, members: readonly string[]): string[] {
  const unknown = Object.keys(given).filter(member => !members.includes(member))
  return unknown.length > 0 ? [`${unknownOptions(unknown)}; it takes ${members.join(', ')}`] : []
}

/** Returns the name of a rule in decisions and error messages. */
export function ruleLabel(rule: { readonly name?: unknown }, position: string): string {
  return isText(rule.name) ? `${position} (${rule.name})` : position
}

function conditionProblems(condition: unknown, position: string): string[] {
  if (!isObject(condition)) return [`${position} must be an object: { source, key, operator, value }`]
  const problems = unknownProblems(condition, CONDITION_MEMBERS)
  const { source, key, operator = 'equals', value }: Record<string, unknown> = { ...condition }
  if (!SOURCES.includes(source as string)) problems.push(`source must be one of ${SOURCES.join(', ')}`)
  if (!attributePath(key)) {
    problems.push("key must be the name of an attribute such as 'department' or 'address.city', or a list of its parts")
  }
  if (typeof operator !== 'string' || !Object.hasOwn(OPERATORS, operator)) {
    problems.push(`operator must be one of ${Object.keys(OPERATORS).join(', ')}`)
  } else {
    const { accepts, takes } = OPERATORS[operator as keyof typeof OPERATORS]
    if (!accepts(value)) problems.push(`value must be ${takes}`)
  }
  return problems.map(problem => `${position}: ${problem}`)
}
