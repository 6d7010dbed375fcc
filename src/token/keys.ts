import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Algorithm, KeyInput, NamedKey } from '../config/options.js'
import type { Config } from '../config/table.js'
import { unknownOptions } from '../config/values.js'
import { familyOf, leastBytes, misfit, usableWith } from './algorithms.js'
import { type KeyOrProblem, type ReadKey, readPrivateKey, readPublicKey, readSecret } from './read-key.js'
import { strayIn } from './stray.js'
import { VerifyCache } from './verify-cache.js'

/**
 * The keys of an instance, as KeyObjects. jsonwebtoken would import a string or Buffer at each call, which takes many
 * times longer than the signature. A ring never changes; `setKeys` replaces it.
 */
export interface KeyRing {
  readonly algorithm: Algorithm
  /** The algorithms that verify tokens, also with keys from `getKey`. */
  readonly decodeAlgorithms: readonly Algorithm[]
  /** Signs new tokens. Missing if this instance only verifies tokens. */
  readonly signing?: { readonly kid?: string; readonly algorithm: Algorithm; readonly key: KeyObject }
  /** The keys that verify tokens, in the order in which they are tried. */
  readonly verification: readonly VerificationKey[]
  /** Only with the option `keys`: the key for each `kid`. A token's key is then found by its `kid` only. */
  readonly byKid?: ReadonlyMap<string, VerificationKey>
  /** Tokens that the keys of this ring have verified. */
  readonly cache: VerifyCache
}

export interface VerificationKey {
  readonly key: KeyObject
  /**
   * The algorithms of `decodeAlgorithms` that the key can verify: they are of the key's family, and the key is long
   * enough for them.
   */
  readonly algorithms: ReadonlySet<Algorithm>
}

export interface MadeKeyRing {
  readonly ring: KeyRing
  /** One sentence for each mistake in the keys, without key material. */
  readonly problems: readonly string[]
  /** One sentence for each probable mistake in a secret that would cause valid tokens to be rejected. */
  readonly warnings: readonly string[]
}

/** Reads all configured keys. */
export function makeKeyRing(config: Config): MadeKeyRing {
  const reader = new KeyReader(config)
  const ring = config.keys ? reader.named(config.keys) : reader.unnamed()
  // The key that signs also verifies, so its problems are found twice.
  return { ring, problems: [...new Set(reader.problems)], warnings: reader.warnings }
}

const NAMED_KEY = ['kid', 'secretKey', 'privateKey', 'publicKey']

/** Reads keys and collects their problems. */
class KeyReader {
  readonly problems: string[] = []
  readonly warnings: string[] = []
  readonly #config: Config

  constructor(config: Config) {
    this.#config = config
    if (!this.#onlyVerifies && !config.decodeAlgorithms.includes(config.algorithm)) {
      this.problems.push(
        'decodeAlgorithms must contain the value of algorithm, or this instance rejects its own tokens; add it',
      )
    }
  }

  /** Whether `getKey` or issuers have all keys: no key is configured, so this instance signs no tokens. */
  get #onlyVerifies(): boolean {
    const { getKey, issuers, secretKey, privateKey, publicKey, keys } = this.#config
    if (getKey === undefined && issuers.length === 0) return false
    return [secretKey, privateKey, publicKey, keys].every(key => key === undefined)
  }

  unnamed(): KeyRing {
    const config = this.#config
    const symmetric = familyOf(config.algorithm) === 'secret'
    const pair = this.#pair('', config, true)
    const signing = symmetric ? pair.secret : pair.private
    if (!this.#onlyVerifies) this.#somethingSigns(symmetric)
    const previous = [
      ...config.previousSecretKey.map((key, n) =>
        this.#verifying(`previousSecretKey[${n}]`, this.#secret(`previousSecretKey[${n}]`, key)),
      ),
      ...config.previousPublicKey.map((key, n) =>
        this.#verifying(`previousPublicKey[${n}]`, this.#public(`previousPublicKey[${n}]`, key)),
      ),
    ]
    const verification = [...this.#current('', pair), ...previous].filter(key => key !== undefined)
    this.#everyAlgorithmHasAKey(verification)
    return this.#ring({ signing: this.#signing(symmetric ? 'secretKey' : 'privateKey', signing), verification })
  }

  #somethingSigns(symmetric: boolean): void {
    const { algorithm, secretKey, privateKey, publicKey } = this.#config
    if (symmetric && secretKey === undefined) {
      this.problems.push(
        `secretKey is missing: ${algorithm} signs with it; set it, or JWT_SECRET_KEY for AuthX.fromEnv(); make one with: openssl rand -hex ${leastBytes(algorithm)}`,
      )
    }
    if (!symmetric && privateKey === undefined && publicKey === undefined) {
      this.problems.push(
        `privateKey is missing: ${algorithm} signs with it; set it, or JWT_PRIVATE_KEY for AuthX.fromEnv(); a service that only verifies needs publicKey`,
      )
    }
  }

  named(keys: readonly NamedKey[]): KeyRing {
    const others = ['secretKey', 'privateKey', 'publicKey', 'previousSecretKey', 'previousPublicKey'] as const
    const doubled = others.filter(name => this.#config[name] !== undefined && [this.#config[name]].flat().length > 0)
    if (doubled.length > 0)
      this.problems.push(`keys cannot be combined with ${doubled.join(', ')}; remove one or the other`)

    const byKid = new Map<string, VerificationKey>()
    let signing: KeyRing['signing']
    keys.forEach((named, n) => {
      const prefix = `keys[${n}].`
      const pair = this.#pair(prefix, named, n === 0)
      const [verifying] = this.#current(prefix, pair)
      this.#checkNamed(`keys[${n}]`, named, pair)
      if (byKid.has(named.kid))
        this.problems.push(`${prefix}kid is already the kid of an earlier key; give each key its own kid`)
      else if (verifying) byKid.set(named.kid, verifying)
      if (n === 0) signing = this.#firstNamed(prefix, pair, named)
    })
    const verification = [...byKid.values()]
    this.#everyAlgorithmHasAKey(verification)
    return this.#ring({ signing, verification, byKid })
  }

  #checkNamed(name: string, named: NamedKey, pair: Pair): void {
    const strays = Object.keys(named).filter(member => !NAMED_KEY.includes(member))
    if (strays.length > 0) this.problems.push(`${name}: ${unknownOptions(strays)}; it takes ${NAMED_KEY.join(', ')}`)
    if (typeof named.kid !== 'string' || named.kid === '') {
      this.problems.push(`${name}.kid must be a non-empty string`)
    }
    if (pair.none) this.problems.push(`${name} needs secretKey, privateKey or publicKey`)
    if (pair.secret && pair.public) {
      this.problems.push(`${name} contains a secret and a key pair; make two keys, each with its own kid`)
    }
  }

  #ring(keys: Pick<KeyRing, 'signing' | 'verification' | 'byKid'>): KeyRing {
    const { algorithm, decodeAlgorithms, verifyCacheSize } = this.#config
    return { algorithm, decodeAlgorithms, ...keys, cache: new VerifyCache(verifyCacheSize) }
  }

  #firstNamed(prefix: string, pair: Pair, named: NamedKey): KeyRing['signing'] {
    const symmetric = familyOf(this.#config.algorithm) === 'secret'
    const key = symmetric ? pair.secret : pair.private
    const option = symmetric ? 'secretKey' : 'privateKey'
    if (named[option] === undefined && !pair.public) {
      this.problems.push(`${prefix}${option} is missing: the first key signs with ${this.#config.algorithm}`)
    }
    const signing = this.#signing(`${prefix}${option}`, key)
    return signing && { ...signing, kid: named.kid }
  }

  #signing(name: string, found: ReadKey | undefined): KeyRing['signing'] {
    const { algorithm } = this.#config
    const reason = found && misfit(found, algorithm)
    if (reason) this.problems.push(`${name} ${reason}`)
    return found && { algorithm, key: found.key }
  }

  #pair(prefix: string, from: Pick<NamedKey, 'secretKey' | 'privateKey' | 'publicKey'>, signs: boolean): Pair {
    const pair = {
      secret: this.#secret(`${prefix}secretKey`, from.secretKey, signs),
      private: this.#private(`${prefix}privateKey`, from.privateKey),
      public: this.#public(`${prefix}publicKey`, from.publicKey),
      none: from.secretKey === undefined && from.privateKey === undefined && from.publicKey === undefined,
    }
    if (!pair.private) return pair
    const derived = { ...pair.private, key: createPublicKey(pair.private.key) }
    if (pair.public && !derived.key.equals(pair.public.key)) {
      this.problems.push(
        `${prefix}publicKey is not the public half of ${prefix}privateKey; remove it: privateKey already contains the public key`,
      )
    }
    return { ...pair, public: derived, derived: !pair.public }
  }

  #current(prefix: string, pair: Pair): VerificationKey[] {
    const asymmetric = this.#verifying(`${prefix}${pair.derived ? 'privateKey' : 'publicKey'}`, pair.public)
    // A secret that no algorithm of decodeAlgorithms uses is not a mistake: other services may use the same environment
    // variables.
    const secret = this.#wants('secret') ? this.#verifying(`${prefix}secretKey`, pair.secret) : undefined
    return [asymmetric, secret].filter(key => key !== undefined)
  }

  #verifying(name: string, found: ReadKey | undefined): VerificationKey | undefined {
    if (!found) return undefined
    const { decodeAlgorithms, algorithm } = this.#config
    const algorithms = usableWith(found, decodeAlgorithms, algorithm)
    return typeof algorithms === 'string' ? this.#problem(`${name} ${algorithms}`) : { key: found.key, algorithms }
  }

  #everyAlgorithmHasAKey(keys: readonly VerificationKey[]): void {
    if (this.problems.length > 0 || this.#config.getKey || this.#onlyVerifies) return
    const idle = this.#config.decodeAlgorithms.filter(algorithm => !keys.some(key => key.algorithms.has(algorithm)))
    for (const algorithm of idle)
      this.problems.push(
        `decodeAlgorithms lists ${algorithm}, but there is no key for it; add a key, or remove ${algorithm} from decodeAlgorithms`,
      )
  }

  #wants = (family: string) => this.#config.decodeAlgorithms.some(algorithm => familyOf(algorithm) === family)

  #secret(name: string, input: KeyInput | undefined, signs = false): ReadKey | undefined {
    const found = this.#read(name, input, given => readSecret(given, signs ? ['sign', 'verify'] : ['verify']))
    const stray = found && strayIn(found.key.export())
    if (stray) this.warnings.push(`${name} ${stray}`)
    return found
  }

  #private = (name: string, input: KeyInput | undefined) => this.#read(name, input, readPrivateKey)
  #public = (name: string, input: KeyInput | undefined) => this.#read(name, input, readPublicKey)

  #read(name: string, input: KeyInput | undefined, read: (input: unknown) => KeyOrProblem): ReadKey | undefined {
    if (input === undefined) return undefined
    const key = read(input)
    return typeof key === 'string' ? this.#problem(`${name} ${key}`) : key
  }

  #problem(text: string): undefined {
    this.problems.push(text)
    return undefined
  }
}

interface Pair {
  readonly secret?: ReadKey
  readonly private?: ReadKey
  readonly public?: ReadKey
  /** Whether `public` was derived from `private`, because the options do not contain it. */
  readonly derived?: boolean
  /** Whether the options contain no key. False for an unreadable key. */
  readonly none: boolean
}
