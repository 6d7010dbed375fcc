import { KeyObject } from 'node:crypto'
import { types } from 'node:util'
import { isObject } from '../config/values.js'
import { BadConfigurationError } from '../errors.js'
import { usableWith } from './algorithms.js'
import type { KeyRing, VerificationKey } from './keys.js'
import { type KeyOrProblem, readVerificationKey } from './read-key.js'
import { sha256 } from './sha256.js'

/** A KeyObject is one or two kilobytes. Past this many, importing the one used least recently again is the lesser evil. */
const MOST_KEYS = 1000

/**
 * What `getKey` returned, read once for each key: reading costs many times the check itself, and the hook returns the
 * same key at every request. What cannot be a key is remembered too, for it costs as much. Text, bytes and JWKs are found
 * by a digest: no copy of them is kept, and a JWK that is changed in place is another key.
 */
export class KeyCache {
  readonly #byDigest = new Map<string, KeyOrProblem>()
  readonly #byObject = new WeakMap<object, KeyOrProblem>()

  /**
   * The key under the rules that configured keys are under.
   * @throws BadConfigurationError if no token could be verified with it. It holds no key material.
   */
  read(input: unknown, { decodeAlgorithms, algorithm }: KeyRing): VerificationKey {
    const found = this.#find(input)
    const algorithms = typeof found === 'string' ? found : usableWith(found, decodeAlgorithms, algorithm)
    if (typeof found === 'string' || typeof algorithms === 'string') {
      throw new BadConfigurationError([`the key that getKey returned ${algorithms}`])
    }
    return { key: found.key, algorithms }
  }

  #find(input: unknown): KeyOrProblem {
    if (typeof input === 'string' || input instanceof Uint8Array) {
      return this.#findByDigest(sha256(input), () => readVerificationKey(input))
    }
    if (input instanceof KeyObject || types.isCryptoKey(input)) return this.#findByObject(input)
    if (!isObject(input) || input.kty === undefined) return readVerificationKey(input)
    const json = JSON.stringify({ ...input, toJSON: undefined })
    // A text that reads like this JWK has a digest without the prefix: it is no key.
    return this.#findByDigest(`jwk ${sha256(json)}`, () => readVerificationKey(JSON.parse(json)))
  }

  #findByObject(input: object): KeyOrProblem {
    const known = this.#byObject.get(input)
    if (known) return known
    const found = readVerificationKey(input)
    this.#byObject.set(input, found)
    return found
  }

  #findByDigest(digest: string, read: () => KeyOrProblem): KeyOrProblem {
    const found = this.#byDigest.get(digest) ?? read()
    // Map keeps the order of insertion: the first is the one used least recently.
    this.#byDigest.delete(digest)
    this.#byDigest.set(digest, found)
    if (this.#byDigest.size > MOST_KEYS) this.#byDigest.delete(String(this.#byDigest.keys().next().value))
    return found
  }
}
