import { createPrivateKey, createPublicKey, createSecretKey, KeyObject } from 'node:crypto'
import type { Algorithm, KeyInput, NamedKey } from '../config/options.js'
import type { Config } from '../config/table.js'
import { kindOf, misfit } from './algorithms.js'

/**
 * The keys of an instance, made into KeyObjects once: jsonwebtoken imports a string or Buffer again at each call, which
 * costs thirty times the check itself.
 */
export interface KeyRing {
  /** What new tokens are signed with; none on a service that only verifies. */
  readonly signing?: { readonly kid?: string; readonly algorithm: Algorithm; readonly key: KeyObject }
  /** In the order in which they are tried. */
  readonly verification: readonly VerificationKey[]
  /** With `keys`: the only way to a key is the token's `kid`. */
  readonly byKid?: ReadonlyMap<string, VerificationKey>
}

export interface VerificationKey {
  readonly key: KeyObject
  /** The listed algorithms of the key's own family that it is strong enough for. */
  readonly algorithms: ReadonlySet<Algorithm>
}

/** Read all configured keys. `problems` is one sentence for each thing that is wrong; it never holds key material. */
export function makeKeyRing(config: Config): { ring: KeyRing; problems: readonly string[] } {
  const reader = new KeyReader(config)
  const ring = config.keys ? reader.named(config.keys) : reader.unnamed()
  // The key that signs verifies too, and what is wrong with it is found twice.
  return { ring, problems: [...new Set(reader.problems)] }
}

/** Reads keys, collecting problems on the way. */
class KeyReader {
  readonly problems: string[] = []
  readonly #config: Config

  constructor(config: Config) {
    this.#config = config
    if (!config.decodeAlgorithms.includes(config.algorithm)) {
      this.problems.push('decodeAlgorithms must contain algorithm; this instance would refuse its own tokens')
    }
  }

  unnamed(): KeyRing {
    const config = this.#config
    const symmetric = kindOf(config.algorithm) === 'secret'
    const pair = this.#pair('', config)
    const signing = symmetric ? pair.secret : pair.private
    if (symmetric && config.secretKey === undefined) {
      this.problems.push(
        `secretKey is missing: ${config.algorithm} signs with it; set it, or JWT_SECRET_KEY for AuthX.fromEnv()`,
      )
    }
    if (!symmetric && config.privateKey === undefined && config.publicKey === undefined) {
      this.problems.push(
        `privateKey is missing: ${config.algorithm} signs with it; a service that only verifies needs publicKey`,
      )
    }
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
    return { signing: this.#signing(symmetric ? 'secretKey' : 'privateKey', signing), verification }
  }

  named(keys: readonly NamedKey[]): KeyRing {
    const others = ['secretKey', 'privateKey', 'publicKey', 'previousSecretKey', 'previousPublicKey'] as const
    const doubled = others.filter(name => this.#config[name] !== undefined && [this.#config[name]].flat().length > 0)
    if (doubled.length > 0) this.problems.push(`keys takes the place of ${doubled.join(', ')}; give one or the other`)

    const byKid = new Map<string, VerificationKey>()
    let signing: KeyRing['signing']
    keys.forEach((named, n) => {
      const prefix = `keys[${n}].`
      const pair = this.#pair(prefix, named)
      const [verifying] = this.#current(prefix, pair)
      if (typeof named.kid !== 'string' || named.kid === '')
        this.problems.push(`${prefix}kid must be a string that is not empty`)
      else if (byKid.has(named.kid)) this.problems.push(`${prefix}kid is the kid of an earlier key`)
      else if (verifying) byKid.set(named.kid, verifying)
      if (pair.none) this.problems.push(`${prefix.slice(0, -1)} needs secretKey, privateKey or publicKey`)
      if (pair.secret && pair.public)
        this.problems.push(`${prefix.slice(0, -1)} holds a secret and a key pair; give each a kid of its own`)
      if (n === 0) signing = this.#firstNamed(prefix, pair, named.kid)
    })
    const verification = [...byKid.values()]
    this.#everyAlgorithmHasAKey(verification)
    return { signing, verification, byKid }
  }

  #firstNamed(prefix: string, pair: Pair, kid: string): KeyRing['signing'] {
    const symmetric = kindOf(this.#config.algorithm) === 'secret'
    const key = symmetric ? pair.secret : pair.private
    const name = `${prefix}${symmetric ? 'secretKey' : 'privateKey'}`
    if (!key && !pair.public)
      this.problems.push(`${name} is missing: the first key signs with ${this.#config.algorithm}`)
    const signing = this.#signing(name, key)
    return signing && { ...signing, kid }
  }

  #signing(name: string, key: KeyObject | undefined): KeyRing['signing'] {
    const { algorithm } = this.#config
    const reason = key && misfit(key, algorithm)
    if (reason) this.problems.push(`${name} ${reason}`)
    return key && { algorithm, key }
  }

  #pair(prefix: string, from: Pick<NamedKey, 'secretKey' | 'privateKey' | 'publicKey'>): Pair {
    const pair = {
      secret: this.#secret(`${prefix}secretKey`, from.secretKey),
      private: this.#private(`${prefix}privateKey`, from.privateKey),
      public: this.#public(`${prefix}publicKey`, from.publicKey),
      none: from.secretKey === undefined && from.privateKey === undefined && from.publicKey === undefined,
    }
    if (!pair.private) return pair
    const derived = createPublicKey(pair.private)
    if (pair.public && !derived.equals(pair.public)) {
      this.problems.push(`${prefix}publicKey is not the public half of ${prefix}privateKey`)
    }
    return { ...pair, public: derived }
  }

  #current(prefix: string, pair: Pair): VerificationKey[] {
    const asymmetric = this.#verifying(`${prefix}publicKey`, pair.public)
    // A secret that no listed algorithm uses may stand in an environment that is shared with other services.
    const secret = this.#wants('secret') ? this.#verifying(`${prefix}secretKey`, pair.secret) : undefined
    return [asymmetric, secret].filter(key => key !== undefined)
  }

  #verifying(name: string, key: KeyObject | undefined): VerificationKey | undefined {
    if (!key) return undefined
    const { decodeAlgorithms, algorithm } = this.#config
    const algorithms = new Set(decodeAlgorithms.filter(each => misfit(key, each) === undefined))
    if (algorithms.size > 0) return { key, algorithms }
    const reason = misfit(
      key,
      decodeAlgorithms.find(each => kindOf(each) === (key.asymmetricKeyType ?? 'secret')) ?? algorithm,
    )
    this.problems.push(`${name} ${reason}`)
    return undefined
  }

  #everyAlgorithmHasAKey(keys: readonly VerificationKey[]): void {
    if (this.problems.length > 0) return
    const idle = this.#config.decodeAlgorithms.filter(algorithm => !keys.some(key => key.algorithms.has(algorithm)))
    for (const algorithm of idle) this.problems.push(`decodeAlgorithms lists ${algorithm}, but no key can verify it`)
  }

  #wants = (kind: string) => this.#config.decodeAlgorithms.some(algorithm => kindOf(algorithm) === kind)

  #secret(name: string, input: KeyInput | undefined): KeyObject | undefined {
    if (input === undefined) return undefined
    if (input instanceof KeyObject && input.type !== 'secret') return this.#ofType(name, input, 'secret')
    const bytes = this.#bytes(name, input)
    if (!bytes) return undefined
    if (bytes.length === 0) return this.#problem(`${name} is empty`)
    if (looksAsymmetric(bytes)) {
      return this.#problem(
        `${name} is a key of a key pair, not a secret; use privateKey and publicKey, or a random secret`,
      )
    }
    return createSecretKey(bytes)
  }

  #private(name: string, input: KeyInput | undefined): KeyObject | undefined {
    if (input === undefined) return undefined
    if (input instanceof KeyObject) return this.#ofType(name, input, 'private')
    const pem = this.#bytes(name, input)
    if (!pem) return undefined
    try {
      return createPrivateKey(pem)
    } catch {
      return this.#problem(`${name} is not a private key in PEM form, without a passphrase`)
    }
  }

  #public(name: string, input: KeyInput | undefined): KeyObject | undefined {
    if (input === undefined) return undefined
    if (input instanceof KeyObject) return this.#ofType(name, input, 'public')
    const pem = this.#bytes(name, input)
    if (!pem) return undefined
    if (pem.includes('PRIVATE KEY-----')) return this.#problem(`${name} holds a private key; give the public one`)
    try {
      return createPublicKey(pem)
    } catch {
      return this.#problem(`${name} is not a public key in PEM form`)
    }
  }

  /** A copy. What `keys` hold is looked at here for the first time: it may be anything. */
  #bytes(name: string, input: KeyInput): Buffer | undefined {
    if (typeof input === 'string') return Buffer.from(input, 'utf8')
    if (input instanceof Uint8Array) return Buffer.from(input)
    return input instanceof KeyObject
      ? input.export()
      : this.#problem(`${name} must be a string, a Buffer or a KeyObject`)
  }

  #ofType(name: string, key: KeyObject, type: KeyObject['type']): KeyObject | undefined {
    return key.type === type ? key : this.#problem(`${name} is a ${key.type} key, not a ${type} one`)
  }

  #problem(text: string): undefined {
    this.problems.push(text)
    return undefined
  }
}

interface Pair {
  readonly secret?: KeyObject
  readonly private?: KeyObject
  readonly public?: KeyObject
  /** Nothing was given at all, as against something unreadable. */
  readonly none: boolean
}

/** A PEM, JWK or DER key as an HS secret is the confusion of RFC 8725 §2.1: the verifier's public key signs. */
function looksAsymmetric(bytes: Buffer): boolean {
  const text = bytes.toString('latin1')
  if (text.includes('-----BEGIN') || (text.includes('{') && text.includes('"kty"'))) return true
  return (['spki', 'pkcs1', 'pkcs8', 'sec1'] as const).some(type => isDer(bytes, type))
}

function isDer(key: Buffer, type: 'spki' | 'pkcs1' | 'pkcs8' | 'sec1'): boolean {
  try {
    // Its type does not say that it takes private keys too, and makes the public half of them.
    createPublicKey({ key, format: 'der', type: type as 'spki' })
    return true
  } catch {
    return false
  }
}
