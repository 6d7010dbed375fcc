import { PolicyDeniedError } from '../../errors.js'

/**
 * Names of actions and resources, such as `documents:42:comments`, and the patterns of rules that cover them. They are
 * compared part by part, never as regular expressions. A user's input in a name is not interpreted, and the time is
 * linear in the length of the name.
 */

/** Whether `value` is a valid name of an action or a resource: a string without empty parts. */
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.split(':').every(part => part !== '')

/** The name of an action or a resource, or a list of its parts: `['documents', '42']` is `documents:42`. */
export type PolicyName = string | readonly string[]

/** Whether `value` is a valid list of parts: non-empty, of non-empty strings without `:` and `*`. */
export const isPartList = (value: unknown): value is readonly string[] =>
  // Array.from: `every` skips the holes of a sparse list.
  Array.isArray(value) && value.length > 0 && Array.from(value).every(isPart)

const isPart = (part: unknown) => typeof part === 'string' && part !== '' && !/[:*]/.test(part)

/**
 * Joins a list of parts to a name, and returns a name unchanged. A part that a client chooses cannot become two parts
 * or a pattern. `what`: `'action'` or `'resource'`, for the error message.
 * @throws PolicyDeniedError if a list is empty or has an invalid part.
 */
export function toName(given: PolicyName, what: string): string {
  if (!Array.isArray(given)) return given as string
  if (isPartList(given)) return given.join(':')
  throw new PolicyDeniedError(`the ${what} has no parts, or a part that is empty, is not a string, or contains : or *`)
}

/** Whether `value` is a valid pattern: a name in which parts can be `*`. */
export function isPattern(value: unknown): value is string {
  if (typeof value !== 'string') return false
  return value.split(':').every(part => part === '*' || (part !== '' && !part.includes('*')))
}

/**
 * Whether `pattern` covers `name`. `documents:*` covers `documents` and everything below it, as in scopes. A `*` that
 * is not the last part covers exactly one part. No pattern covers a name with an empty part.
 */
export function matchesPattern(pattern: string, name: string): boolean {
  const parts = pattern.split(':')
  const named = name.split(':')
  const open = parts.at(-1) === '*'
  if (open) parts.pop()
  if (!isName(name)) return false
  if (open ? named.length < parts.length : named.length !== parts.length) return false
  return parts.every((part, n) => part === '*' || part === named[n])
}
