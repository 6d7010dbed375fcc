import { didYouMean } from '../src/config/nearest.js'

/** Options of every store. */
export interface StoreOptions {
  /**
   * Prefix of every key, so that applications can share a backend. Only letters, digits, `_`, `:` and `-`. Default
   * `authx:`.
   */
  prefix?: string | undefined
}

/** Options of stores whose backend may answer late. */
export interface TimedStoreOptions extends StoreOptions {
  /**
   * Milliseconds after which a call without an answer rejects, from 1 to 60000. Default 250. Time in which the event
   * loop of this process is blocked does not count.
   */
  timeout?: number | undefined
}

/**
 * Returns `options` if it is a plain object and all its names are in `names`. Throws for a misspelt option.
 * @throws TypeError
 */
export function knownOptions<T extends object>(
  store: string,
  options: T | undefined,
  names: readonly string[],
): Partial<T> {
  const list = names.join(', ')
  if (options === undefined) return {}
  if (!isPlainObject(options)) throw new TypeError(`${store}: the options must be a plain object with ${list}`)
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw new TypeError(`${store}: ${notAnOption(name, names, `it takes ${list}`)}`)
  }
  return options
}

/**
 * Makes the message for an unknown option. The message suggests the nearest name, or contains `otherwise` if no name is
 * similar.
 */
export function notAnOption(name: string, names: readonly string[], otherwise: string): string {
  return `${JSON.stringify(name)} is not an option; ${didYouMean(name, names, otherwise)}`
}

/** Whether `value` is an object literal; not a Map, an array or a client of some package. */
export function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value))
}

export function checkedPrefix(store: string, prefix = 'authx:'): string {
  // Other characters could be a pattern or a hash tag in some backends.
  if (typeof prefix === 'string' && /^[A-Za-z0-9_:-]*$/.test(prefix)) return prefix
  throw new TypeError(`${store}: prefix must contain only letters, digits, "_", ":" and "-"`)
}

export function checkedTimeout(store: string, timeout = 250): number {
  if (Number.isInteger(timeout) && timeout > 0 && timeout <= 60_000) return timeout
  throw new TypeError(`${store}: timeout must be a whole number of milliseconds from 1 to 60000`)
}

/**
 * Returns the whole milliseconds until `expiresAt`, at least 1. Backends read 0, NaN or fractions as no expiry or no
 * value.
 * @throws RangeError if `expiresAt` is not in the future.
 */
export function millisecondsUntil(expiresAt: Date): number {
  const milliseconds = Math.ceil(expiresAt.getTime() - Date.now())
  if (milliseconds >= 1) return milliseconds
  throw new RangeError('expiresAt must be a date in the future')
}

export function closedError(store: string): Error {
  return new Error(`${store} is closed`)
}
