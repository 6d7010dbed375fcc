import type { AuthXOptions, KeyOptions } from '../config/options.js'
import { resolveOptions } from '../config/resolve.js'
import type { Config } from '../config/table.js'
import { isObject, unknownOptions } from '../config/values.js'
import { type KeyRing, makeKeyRing } from './keys.js'

interface Configured {
  readonly config: Config
  readonly ring: KeyRing
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Reads the options and their keys. Problems of keys are not reported if `algorithm`, `decodeAlgorithms` or `keys` is
 * wrong. An option that is wrong is not reported twice.
 * @param wrong options that have already been reported.
 */
export function configure(options: AuthXOptions, wrong: readonly string[] = []): Configured {
  const { config, problems, wrong: alsoWrong } = resolveOptions(options)
  const { ring, problems: keyProblems, warnings } = makeKeyRing(config)
  const reported = [...wrong, ...alsoWrong]
  const judged = !['algorithm', 'decodeAlgorithms', 'keys'].some(name => reported.includes(name))
  const news = keyProblems.filter(problem => judged && !reported.some(name => problem.startsWith(`${name} `)))
  return { config, ring, problems: [...problems, ...news], warnings }
}

const KEY_OPTIONS: ReadonlySet<string> = new Set<keyof KeyOptions>([
  'algorithm',
  'decodeAlgorithms',
  'secretKey',
  'privateKey',
  'publicKey',
  'previousSecretKey',
  'previousPublicKey',
  'keys',
])

/**
 * Makes the ring that replaces `ring`. Algorithms that the options leave out are copied from `ring`; keys are not
 * copied. If the options set `algorithm` but not `decodeAlgorithms`, `decodeAlgorithms` gets its default.
 */
export function replacementRing(
  options: KeyOptions,
  ring: KeyRing,
  { getKey, issuers, verifyCacheSize }: Config,
): Pick<Configured, 'ring' | 'problems' | 'warnings'> {
  if (!isObject(options)) {
    return { ring, problems: ['setKeys takes an object: setKeys({ secretKey: ... })'], warnings: [] }
  }
  const unknown = Object.keys(options).filter(name => !KEY_OPTIONS.has(name))
  const strays =
    unknown.length > 0 ? [`setKeys: ${unknownOptions(unknown)}; it takes ${[...KEY_OPTIONS].join(', ')}`] : []
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => KEY_OPTIONS.has(name))) as KeyOptions
  const { algorithm = ring.algorithm } = own
  const { decodeAlgorithms = own.algorithm === undefined ? ring.decodeAlgorithms : undefined } = own
  const { problems, ...next } = configure({ ...own, algorithm, decodeAlgorithms, getKey, issuers, verifyCacheSize })
  return { ...next, problems: [...strays, ...problems] }
}
