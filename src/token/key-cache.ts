import { KeyObject } from 'node:crypto'
import { BadConfigurationError } from '../errors.js'
import { usableWith } from './algorithms.js'
import type { KeyRing, VerificationKey } from './keys.js'
import { type Read, readVerificationKey } from './read-key.js'
import { sha256 } from './sha256.js'

/** A KeyObject is one or two kilobytes. Past this many, importing the one used least recently again is the lesser evil. */
const MOST_KEYS = 1000

/**
 * What `getKey` returned, imported once for each key: the import costs many times the check itself, and
 * the hook returns the same text at every request. Found by a digest, so that no copy of the text is kept.
 */
export class KeyCache {
  readonly #byDigest = new Map<string, KeyObject>()
  readonly #byObject = new WeakMap<KeyObject, KeyObject>()

  /**
   * The key under the rules that configured keys are under.
   * @throws BadConfigurationError if no token could be verified with it. It holds no key material.
   */
  read(input: unknown, { decodeAlgorithms, algorithm }: KeyRing): VerificationKey {
    const key = this.#find(input)
    const algorithms = typeof key === 'string' ? key : usableWith(key, decodeAlgorithms, algorithm)
    if (typeof key === 'string' || typeof algorithms === 'string') {
      throw new BadConfigurationError([`the key that getKey returned ${algorithms}`])
    }
    return { key, algorithms }
  }

  #find(input: unknown): Read {
    if (input instanceof KeyObject) return this.#byObject.get(input) ?? this.#keep(this.#byObject, input, input)
    if (typeof input !== 'string' && !(input instanceof Uint8Array)) return readVerificationKey(input)
    const digest = sha256(input)
    const known = this.#byDigest.get(digest)
    if (!known) return this.#keep(this.#byDigest, digest, input)
    // Map keeps the order of insertion: the first is the one used least recently.
    this.#byDigest.delete(digest)
    this.#byDigest.set(digest, known)
    return known
  }

  #keep<Name>(known: { set(name: Name, key: KeyObject): unknown }, name: Name, input: unknown): Read {
    const key = readVerificationKey(input)
    if (typeof key === 'string') return key
    known.set(name, key)
    const [oldest] = this.#byDigest.keys()
    if (this.#byDigest.size > MOST_KEYS && oldest !== undefined) this.#byDigest.delete(oldest)
    return key
  }
}
