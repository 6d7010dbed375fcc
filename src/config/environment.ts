import { didYouMean } from './nearest.js'
import type { AuthXOptions } from './options.js'
import { OPTIONS } from './table.js'

export interface EnvironmentOptions {
  /** The options that are set. No `getKey`: a variable cannot contain a function. */
  readonly options: Omit<AuthXOptions, 'getKey'>
  readonly problems: readonly string[]
  /** The options whose variables are invalid. */
  readonly wrong: readonly string[]
  /** Unknown `JWT_*` variables, each with a suggestion: `JWT_SECRET (did you mean JWT_SECRET_KEY?)`. */
  readonly unknown: readonly string[]
}

/** The environment variable of an option: `JWT_ACCESS_TOKEN_EXPIRES` for `accessTokenExpires`. */
export const variableOf = (option: string) => `JWT_${option.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`

/**
 * Read options from AuthX's `JWT_*` variables. Lists are JSON or separated by commas. An empty variable counts as not
 * set. Variables of options that `overridden` sets are ignored. Problems contain names of variables, never values.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  overridden: AuthXOptions = {},
): EnvironmentOptions {
  const options: Record<string, unknown> = {}
  const problems: string[] = []
  const wrong: string[] = []
  const known = new Set<string>()
  for (const [name, { type, environment }] of Object.entries(OPTIONS)) {
    if (!environment) continue
    const variable = variableOf(name)
    known.add(variable)
    const text = env[variable]
    if (text === undefined || text === '' || overridden[name as keyof AuthXOptions] !== undefined) continue
    const value = type.fromText(text)
    if (type.read(value) !== undefined) options[name] = value
    else {
      problems.push(`${variable} must be ${type.accepts}`)
      wrong.push(name)
    }
  }
  const notSet = [...known].filter(name => !env[name])
  const unknown = Object.keys(env)
    .filter(name => name.startsWith('JWT_') && !known.has(name))
    .map(name => {
      const suggestion = didYouMean(name, notSet, '')
      return suggestion ? `${name} (${suggestion})` : name
    })
  return { options, problems, wrong, unknown }
}
