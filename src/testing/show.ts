import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'

const LONGEST_SHOWN = 60

/**
 * Returns a value as text for a message. Strings are written as in JSON. Of a long string, only the beginning and the
 * length are shown.
 */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show)}]`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid date' : value.toISOString()
  if (typeof value !== 'string') return inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY })
  if (value.length <= LONGEST_SHOWN) return JSON.stringify(value)
  return `${JSON.stringify(value.slice(0, LONGEST_SHOWN))}... (${value.length} characters)`
}

/** The error of a failed case. It has its own class, because a store may reject with an AssertionError too. */
export class SuiteFailure extends AssertionError {}

/**
 * The error if a call of the store rejects. A case that does not expect the rejection fails with this error. The error
 * is not an AssertionError, because a store may be right to reject.
 */
export class StoreRejection extends Error {
  /** The value with which the store rejected, as text for the message. */
  readonly reason: string

  constructor(call: string, cause: unknown) {
    const reason = cause instanceof Error ? String(cause) : show(cause)
    super(`${call}: saw a rejection (${reason}), expected an answer`, { cause })
    this.reason = reason
  }
}

/** Makes the error of a failed case: what was checked, what the case saw and what it expected, in words. */
export function failure(what: string, saw: string, expected: string): SuiteFailure {
  // Do not set `actual` and `expected`: runners would print their difference, which can be 64 kB long.
  return new SuiteFailure({ message: `${what}: saw ${saw}, expected ${expected}` })
}

/** @throws AssertionError unless the two are the same string, boolean or number, or both are undefined. */
export function expectSame(what: string, saw: unknown, expected: unknown): void {
  if (saw === expected) return
  throw failure(what, show(saw), `${show(expected)}${difference(saw, expected)}`)
}

/** @throws AssertionError unless the two lists contain the same strings, in the same order. */
export function expectAll(
  what: string,
  saw: readonly (string | undefined)[],
  expected: readonly (string | undefined)[],
): void {
  const place = expected.findIndex((value, n) => value !== saw[n])
  if (place < 0) return
  if (expected.length <= 6) throw failure(what, show(saw), show(expected))
  expectSame(`${what}, key ${place + 1} of ${expected.length}`, saw[place], expected[place])
}

/** Returns where two strings begin to differ, as the end of a message. Returns `''` for short strings. */
function difference(saw: unknown, expected: unknown): string {
  if (typeof saw !== 'string' || typeof expected !== 'string') return ''
  if (saw.length <= LONGEST_SHOWN && expected.length <= LONGEST_SHOWN) return ''
  let place = 0
  while (place < saw.length && saw[place] === expected[place]) place++
  return `; they differ from character ${place + 1}: ${show(saw.slice(place, place + 10))}, ${show(expected.slice(place, place + 10))}`
}
