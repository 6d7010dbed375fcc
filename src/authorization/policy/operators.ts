import type { PolicyOperator } from './rule.js'

/** Whether a condition holds. `undefined` (unknown) if the attribute is missing or has another type. */
export type Verdict = boolean | undefined

export interface Operator {
  /** The end of the error message "value must be ...". */
  readonly takes: string
  /** Whether `value` is valid in a condition with this operator. */
  accepts(value: unknown): boolean
  test(attribute: unknown, value: unknown): Verdict
}

type Scalar = string | number | boolean
type Typed = readonly [type: 'string' | 'number' | 'boolean' | 'date', value: Scalar]

/**
 * Returns the type and the value, or `undefined` if `value` cannot be compared: NaN, infinities, `null` and objects.
 */
function typed(value: unknown): Typed | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : ['date', value.getTime()]
  if (typeof value === 'number') return Number.isFinite(value) ? ['number', value] : undefined
  if (typeof value === 'string') return ['string', value]
  return typeof value === 'boolean' ? ['boolean', value] : undefined
}

const isValue = (value: unknown) => typed(value) !== undefined
const isOrdered = (value: unknown) => isValue(value) && typeof value !== 'boolean'
/** All items have one type: with a mixed list, the result of a comparison would often be unknown. */
const isList = (value: unknown) =>
  Array.isArray(value) && value.every(isValue) && new Set(value.map(item => typed(item)?.[0])).size === 1

function equals(attribute: unknown, value: unknown): Verdict {
  const [one, other] = [typed(attribute), typed(value)]
  return one && other && one[0] === other[0] ? one[1] === other[1] : undefined
}

function isIn(attribute: unknown, list: unknown): Verdict {
  const verdicts = (list as unknown[]).map(value => equals(attribute, value))
  if (verdicts.includes(true)) return true
  return verdicts.includes(false) ? false : undefined
}

/** For lists and sets only: the text `'notadmin'` must not pass as a list that contains `'admin'`. */
function contains(attribute: unknown, value: unknown): Verdict {
  if (!Array.isArray(attribute) && !(attribute instanceof Set)) return undefined
  const verdicts = [...attribute].map(item => equals(item, value))
  if (verdicts.includes(true)) return true
  return verdicts.includes(undefined) ? undefined : false
}

const not =
  (test: Operator['test']): Operator['test'] =>
  (attribute, value) => {
    const verdict = test(attribute, value)
    return verdict === undefined ? undefined : !verdict
  }

const compare =
  (holds: (attribute: Scalar, value: Scalar) => boolean): Operator['test'] =>
  (attribute, value) => {
    const [one, other] = [typed(attribute), typed(value)]
    return one && other && one[0] === other[0] ? holds(one[1], other[1]) : undefined
  }

const onValue = (test: Operator['test']): Operator => ({
  takes: 'a string, a finite number, a boolean or a Date (for null use exists)',
  accepts: isValue,
  test,
})

const onList = (test: Operator['test']): Operator => ({
  takes: 'a non-empty list of strings, of finite numbers, of booleans or of Dates',
  accepts: isList,
  test,
})

const onOrder = (holds: (attribute: Scalar, value: Scalar) => boolean): Operator => ({
  takes: 'a finite number, a Date or a string',
  accepts: isOrdered,
  test: compare(holds),
})

/** All operators. Strings are compared by their character codes. */
export const OPERATORS: Readonly<Record<PolicyOperator, Operator>> = {
  equals: onValue(equals),
  notEquals: onValue(not(equals)),
  in: onList(isIn),
  notIn: onList(not(isIn)),
  contains: onValue(contains),
  gt: onOrder((attribute, value) => attribute > value),
  gte: onOrder((attribute, value) => attribute >= value),
  lt: onOrder((attribute, value) => attribute < value),
  lte: onOrder((attribute, value) => attribute <= value),
  exists: {
    takes: 'left out',
    accepts: value => value === undefined,
    test: attribute => attribute !== undefined && attribute !== null,
  },
}
