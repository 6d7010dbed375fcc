import { PolicyDeniedError } from '../../errors.js'

/**
 * Names of actions and resources, such as `documents:42:comments`, and the patterns of rules that cover them. Both are
 * compared part by part, never as regular expressions: what a user types into a name has no meaning, and no name takes
 * longer than its length.
 */

/** Whether `value` is what a rule can be asked about: text, every part of which says something. */
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.split(':').every(part => part !== '')

/** The name of an action or a resource, or its parts: `['documents', id]` is `documents:42`. */
export type PolicyName = string | readonly string[]

/** Whether `value` is a list that makes one name, and whose parts stay the parts that they are. */
export const isPartList = (value: unknown): value is readonly string[] =>
  // Array.from: `every` skips the holes of a list.
  Array.isArray(value) && value.length > 0 && Array.from(value).every(isPart)

const isPart = (part: unknown) => typeof part === 'string' && part !== '' && !/[:*]/.test(part)

/**
 * The name that a list of parts makes; a name is itself. A client may choose a part: it never becomes two parts, nor what
 * reads like a pattern. `what`: `'action'` or `'resource'`.
 * @throws PolicyDeniedError
 */
export function toName(given: PolicyName, what: string): string {
  if (!Array.isArray(given)) return given as string
  if (isPartList(given)) return given.join(':')
  throw new PolicyDeniedError(`the ${what} has no parts, or one that is empty, is not a string, or contains : or *`)
}

/** Whether `value` is a name with `:` between its parts, in which a `*` is a whole part. */
export function isPattern(value: unknown): value is string {
  if (typeof value !== 'string') return false
  return value.split(':').every(part => part === '*' || (part !== '' && !part.includes('*')))
}

/**
 * Whether `pattern` covers `name`. A `*` at the end stands for what is before it and all below (as in scopes), a `*`
 * before the end for one part. A name with an empty part is covered by nothing.
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
