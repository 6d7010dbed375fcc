import { type Duration, parseDuration } from './duration.js'

/** A type of option value: what it accepts, how it is normalised, and how an environment variable is parsed. */
export interface ValueType<T> {
  /** The end of the error message "<option> must be ...". */
  readonly accepts: string
  /** Returns the normalised value, or `undefined` if `value` is not of this type. */
  read(value: unknown): T | undefined
  /** Parses the text of an environment variable. `read` checks the result. */
  fromText(text: string): unknown
}

const asIs = (text: string) => text

/** Parses text that looks like JSON. Other text, and invalid JSON, goes to `otherwise`. */
function jsonOr(text: string, otherwise: (text: string) => unknown): unknown {
  if (!/^\s*[[{"]/.test(text)) return otherwise(text)
  try {
    return JSON.parse(text)
  } catch {
    return otherwise(text)
  }
}

function jsonListOr(text: string, otherwise: (text: string) => unknown): unknown {
  const value = jsonOr(text, otherwise)
  return Array.isArray(value) ? value : otherwise(text)
}

const splitList = (text: string) =>
  text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')

const textMatching = (accepts: string, pattern: RegExp): ValueType<string> => ({
  accepts,
  read: value => (typeof value === 'string' && pattern.test(value) ? value : undefined),
  fromText: asIs,
})

export const text = textMatching('a non-empty string', /./s)
/** A token of RFC 9110 §5.6.2. Cookie names have the same syntax (RFC 6265 §4.1.1). */
export const httpToken = textMatching("a name of letters, digits and !#$%&'*+-.^_`|~", /^[!#$%&'*+\-.^_`|~\w]+$/)
export const optionalHttpToken = textMatching(
  "a name of letters, digits and !#$%&'*+-.^_`|~, or ''",
  /^[!#$%&'*+\-.^_`|~\w]*$/,
)
export const path = textMatching("a path that begins with '/'", /^\/\S*$/)
export const cookiePath = textMatching("a path that begins with '/'", /^\/[\x20-\x3a\x3c-\x7e]*$/)
export const domain = textMatching(
  "a domain name such as 'example.com', without scheme and port",
  /^\.?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/,
)

/**
 * An origin (RFC 6454 §6.2), spelled exactly as browsers send it. For schemes such as `chrome-extension://` the class
 * URL gives the origin `null`, so the origin is built from scheme and host.
 */
export const origin: ValueType<string> = {
  accepts:
    "an origin as browsers send it, such as 'https://app.example' or 'http://localhost:3000': " +
    "scheme, host, and port unless it is the scheme's default; no path, no trailing slash, no wildcard",
  read(value) {
    if (typeof value !== 'string' || value.includes('*') || !URL.canParse(value)) return undefined
    const { origin, protocol, host } = new URL(value)
    return origin === value || (origin === 'null' && host !== '' && `${protocol}//${host}` === value)
      ? value
      : undefined
  },
  fromText: asIs,
}

export const flag: ValueType<boolean> = {
  accepts: 'true or false',
  read: value => (typeof value === 'boolean' ? value : undefined),
  fromText(text) {
    const word = text.trim().toLowerCase()
    if (['true', '1', 'yes', 'on'].includes(word)) return true
    return ['false', '0', 'no', 'off'].includes(word) ? false : undefined
  },
}

export function oneOf<const T extends string>(...words: T[]): ValueType<T> {
  return {
    accepts: `one of ${words.map(word => `'${word}'`).join(', ')}`,
    read: value => words.find(word => word === value),
    fromText: asIs,
  }
}

export const samesite: ValueType<'lax' | 'strict' | 'none'> = {
  accepts: "'lax', 'strict' or 'none'",
  read: value => (typeof value === 'string' ? oneOf('lax', 'strict', 'none').read(value.toLowerCase()) : undefined),
  fromText: asIs,
}

export function listOf<T>(item: ValueType<T>, { empty = false } = {}): ValueType<readonly T[]> {
  return {
    accepts: `a ${empty ? '' : 'non-empty '}list; each item must be ${item.accepts}`,
    read(value) {
      if (!Array.isArray(value) || (value.length === 0 && !empty)) return undefined
      const items = value.map(each => item.read(each))
      return items.includes(undefined) ? undefined : Object.freeze([...new Set(items as T[])])
    },
    fromText: words => jsonOr(words, splitList),
  }
}

/**
 * A value of the type `item`, or a non-empty list of them.
 * @param commas whether a comma separates items in an environment variable. If false, only a JSON list has several
 * items: a secret may contain commas and quotes.
 */
export function oneOrMore<T>(item: ValueType<T>, { commas = true } = {}): ValueType<readonly T[]> {
  const list = listOf(item)
  return {
    accepts: `${item.accepts}, or a non-empty list of them`,
    read: value => list.read(Array.isArray(value) ? value : [value]),
    fromText: word => (commas ? jsonOr(word, splitList) : jsonListOr(word, item.fromText)),
  }
}

/** A duration, normalised to a number of seconds. `least` and `most` are in seconds. */
export function duration({ least = 1, most = Number.POSITIVE_INFINITY } = {}): ValueType<number> {
  const bounds =
    most < Number.POSITIVE_INFINITY ? ` between ${least} and ${most} seconds` : ` of ${least} second or more`
  return {
    accepts: `a duration${bounds}: a number of seconds or a string such as '15m', '30d', 'PT15M'`,
    read(value) {
      const seconds = parseDuration(value as Duration)
      return seconds !== undefined && seconds >= least && seconds <= most ? seconds : undefined
    },
    fromText: asIs,
  }
}

export function integer(least: number, most: number, unit: string): ValueType<number> {
  return {
    accepts: `a whole number of ${unit} from ${least} to ${most}`,
    read: value =>
      Number.isInteger(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined,
    fromText: text => (/^\d+$/.test(text.trim()) ? Number(text) : undefined),
  }
}

const METHOD = textMatching('an HTTP method', /^[A-Za-z]+$/)
export const method: ValueType<string> = { ...METHOD, read: value => METHOD.read(value)?.toUpperCase() }

/** Makes a type whose values are checked only roughly here. For example, token/keys checks keys when it reads them. */
export function opaque<T>(accepts: string, holds: (value: unknown) => boolean): ValueType<T> {
  return { accepts, read: value => (holds(value) ? (value as T) : undefined), fromText: asIs }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The start of every error message about unknown options: `unknown option "foo"`. */
export function unknownOptions(names: readonly string[]): string {
  return `unknown option${names.length > 1 ? 's' : ''} ${names.map(name => JSON.stringify(name)).join(', ')}`
}

/**
 * Check that `options` is an object without unknown options. Otherwise a misspelt option would silently get its
 * default.
 * @param what the function that takes the options, for the message.
 * @throws TypeError naming every unknown option.
 */
export function checkNames(options: object, names: ReadonlySet<string>, what: string): void {
  const takes = () => [...names].join(', ')
  if (!isObject(options)) throw new TypeError(`${what}: the options must be an object with ${takes()}`)
  const unknown = Object.keys(options).filter(name => !names.has(name))
  if (unknown.length > 0) throw new TypeError(`${what}: ${unknownOptions(unknown)}; it takes ${takes()}`)
}
