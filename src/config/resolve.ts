import { BadConfigurationError } from '../errors.js'
import { didYouMean } from './nearest.js'
import type { AuthXOptions } from './options.js'
import { type Config, OPTIONS } from './table.js'
import { isObject, unknownOptions } from './values.js'

/** The claims that only the library writes. `data` cannot contain them, and `identityClaim` cannot be one of them. */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set(
  'iss sub aud exp nbf iat jti type fresh auth_time amr csrf scopes login_type sid gen renewable'.split(' '),
)

export interface Resolved {
  readonly config: Config
  /** One sentence for each problem. It contains names of options, never values. */
  readonly problems: readonly string[]
  /** The options with an invalid value. `config` contains their defaults. */
  readonly wrong: readonly string[]
}

/** Normalise `options` and find all problems. Never throws. */
export function resolveOptions(options: AuthXOptions): Resolved {
  if (!isObject(options)) {
    return {
      config: resolveOptions({}).config,
      problems: ['the options must be an object; write new AuthX({ secretKey: ... })'],
      wrong: ['secretKey'],
    }
  }
  const problems: string[] = []
  const wrong: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, { type, fallback }] of Object.entries(OPTIONS)) {
    const given = options[name as keyof AuthXOptions]
    const value = given === undefined ? fallback : type.read(given)
    if (given !== undefined && value === undefined) {
      problems.push(`${name} must be ${type.accepts}`)
      wrong.push(name)
    }
    values[name] = value ?? fallback
  }
  values.decodeAlgorithms ??= Object.freeze([values.algorithm])
  values.decodeAudience ??= values.encodeAudience
  values.decodeIssuer ??= values.encodeIssuer
  values.now = checkedClock(values.now as () => unknown)
  const config = Object.freeze(values) as Config
  return { config, problems: [...problems, ...unknownNames(options), ...conflicts(config)], wrong }
}

/** The last millisecond of the year 9999. */
const LAST_MILLISECOND = 253_402_300_799_999

/**
 * Returns a clock that checks each result of `now`. A comparison with NaN is always false, so expired tokens would be
 * accepted. `now` is not called at construction: tests may set their clock later.
 */
function checkedClock(now: () => unknown): () => number {
  return function checkedNow() {
    const time = askClock(now)
    if (typeof time === 'number' && time >= 0 && time <= LAST_MILLISECOND) return time
    throw new BadConfigurationError([
      'now did not return a valid time; return milliseconds since 1970 as a number, as Date.now() does',
    ])
  }
}

/**
 * Returns `undefined` if `now` throws. If it returns a promise, its rejection is caught: an unhandled rejection would
 * end the process.
 */
function askClock(now: () => unknown): unknown {
  try {
    const time = now()
    if (time instanceof Promise) time.catch(() => {})
    return time
  } catch {
    return undefined
  }
}

const LIST = 'docs/options.md lists all options'

function unknownNames(options: AuthXOptions): string[] {
  return Object.keys(options)
    .filter(name => !Object.hasOwn(OPTIONS, name))
    .map(name => `${unknownOptions([name])}; ${didYouMean(name, Object.keys(OPTIONS), LIST)}`)
}

/** Returns the problems that the check of each single option does not find. */
function conflicts(config: Config): string[] {
  const problems: string[] = []
  const { identityClaim, errorMessageKey } = config
  if (identityClaim !== 'sub' && RESERVED_CLAIMS.has(identityClaim)) {
    problems.push('identityClaim is a reserved claim; choose another name')
  }
  if (errorMessageKey === 'error_type') {
    problems.push("errorMessageKey must not be 'error_type', which holds the name of the error; choose another name")
  }
  if (config.maxSessions !== undefined && !config.store) {
    problems.push('maxSessions requires a store; set the option store, or omit maxSessions')
  }
  if (config.storedLoginType !== undefined && config.loginType === undefined) {
    problems.push('storedLoginType requires a loginType; set the option loginType, or omit storedLoginType')
  }
  return [...problems, ...issuerConflicts(config), ...cookieConflicts(config)]
}

function issuerConflicts({ issuers, encodeIssuer, decodeIssuer }: Config): string[] {
  const names = issuers.map(({ issuer }) => issuer)
  const problems = names.some((name, n) => names.indexOf(name) < n)
    ? ['issuers has two entries with the same issuer; make them one entry']
    : []
  // decodeIssuer is encodeIssuer by default: one mistake is one problem.
  const own = encodeIssuer === decodeIssuer ? { encodeIssuer } : { encodeIssuer, decodeIssuer }
  for (const [option, name] of Object.entries(own)) {
    if (name !== undefined && names.includes(name))
      problems.push(`${option} must not be the issuer of an entry of issuers; our own tokens need another name`)
  }
  return problems
}

function cookieConflicts(config: Config): string[] {
  const problems: string[] = []
  const names = ['accessCookieName', 'refreshCookieName', 'accessCsrfCookieName', 'refreshCsrfCookieName'] as const
  if (new Set(names.map(name => config[name])).size < names.length) {
    problems.push(`${names.join(', ')} must be four different names`)
  }
  if (config.cookiePartitioned && !(config.cookieSecure && config.cookieSamesite === 'none')) {
    problems.push("cookiePartitioned requires cookieSecure: true and cookieSamesite: 'none'; set both, or turn it off")
  }
  if (config.cookieSamesite === 'none' && !config.cookieSecure) {
    problems.push("cookieSamesite 'none' requires cookieSecure: true; otherwise browsers reject the cookies")
  }
  for (const name of names) problems.push(...prefixProblems(config, name))
  return problems
}

/** The name prefixes `__Host-` and `__Secure-` require certain attributes (RFC 6265bis §4.1.3). */
function prefixProblems(config: Config, name: `${string}CookieName` & keyof Config): string[] {
  const path = name.replace('Name', 'Path') as 'accessCookiePath'
  const cookie = String(config[name]).toLowerCase()
  const problems: string[] = []
  if (/^__(?:host|secure)-/.test(cookie) && !config.cookieSecure) {
    problems.push(`${name} begins with __Host- or __Secure-, which requires cookieSecure: true`)
  }
  if (cookie.startsWith('__host-') && (config.cookieDomain !== undefined || config[path] !== '/')) {
    problems.push(`${name} begins with __Host-, which requires ${path} '/' and no cookieDomain`)
  }
  return problems
}
