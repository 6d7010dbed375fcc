import { KeyObject } from 'node:crypto'
import { types } from 'node:util'
import { isObject } from '../config/values.js'
import { BadConfigurationError } from '../errors.js'
import { usableWith } from './algorithms.js'
import type { KeyRing, VerificationKey } from './keys.js'
import { type KeyOrProblem, readVerificationKey } from './read-key.js'
import { sha256 } from './sha256.js'

/**
 * Maximum number of cached keys. If there are more, the key that was used least recently is dropped. A KeyObject takes
 * one or two kilobytes.
 */
const MOST_KEYS = 1000

/**
 * Imports each key from `getKey` only once. Importing takes many times longer than verifying a signature, and `getKey`
 * returns the same few keys at every request. Values that are not keys are cached too, because rejecting them takes as
 * long. Strings, bytes and JWKs are found by their digest: the cache keeps no copy of them, and a changed JWK is a new
 * key.
 */
export class KeyCache {
  readonly #byDigest = new Map<string, KeyOrProblem>()
  readonly #byObject = new WeakMap<object, KeyOrProblem>()

  /**
   * Reads a key, with the same rules as for keys in the options.
   * @throws BadConfigurationError if the key cannot verify any token. The message contains no key material.
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
    // The prefix separates this JWK from a string with the same JSON, which is not a key.
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
    // A Map keeps the order of insertion, so the first entry is the one used least recently.
    this.#byDigest.delete(digest)
    this.#byDigest.set(digest, found)
    if (this.#byDigest.size > MOST_KEYS) this.#byDigest.delete(String(this.#byDigest.keys().next().value))
    return found
  }
}
