import { didYouMean } from './nearest.js'
import type { AuthXOptions } from './options.js'
import { OPTIONS } from './table.js'

export interface EnvironmentOptions {
  /** Text is never a function. */
  readonly options: Omit<AuthXOptions, 'getKey'>
  readonly problems: readonly string[]
  /** The options whose variables are wrong. */
  readonly wrong: readonly string[]
  /** `JWT_*` variables that are no option of AuthX's, each with what may have been meant. */
  readonly unknown: readonly string[]
}

/** `accessTokenExpires` -> `JWT_ACCESS_TOKEN_EXPIRES`. */
export const variableOf = (option: string) => `JWT_${option.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`

/**
 * The options that the environment sets, in AuthX's own variables. Lists are JSON or separated by commas, an empty
 * variable counts as not set. `overridden` names options that are given otherwise: their variables are not read.
 * Problems name variables, never values.
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
    .map(name => [name, didYouMean(name, notSet, '')].filter(Boolean).join(', '))
  return { options, problems, wrong, unknown }
}
