import type { KeyObject } from 'node:crypto'
import type { Algorithm } from '../config/options.js'

/** The minimum length of a secret in bytes, for each HS algorithm: the length of its hash (RFC 7518 §3.2). */
const SECRET_BYTES: Partial<Record<Algorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 }

/** The curve of each ES algorithm (RFC 7518 §3.4), with its name in OpenSSL. */
const CURVES: Partial<Record<Algorithm, { openssl: string; name: string }>> = {
  ES256: { openssl: 'prime256v1', name: 'P-256' },
  ES384: { openssl: 'secp384r1', name: 'P-384' },
  ES512: { openssl: 'secp521r1', name: 'P-521' },
}

/** The minimum length of an RSA modulus in bits, for the RS and PS algorithms (RFC 7518 §3.3, §3.5). */
const RSA_BITS = 2048

export type KeyFamily = 'secret' | 'rsa' | 'ec'

const TAKES: Record<KeyFamily, string> = { secret: 'a secret', rsa: 'an RSA key', ec: 'an EC key' }

export function familyOf(algorithm: Algorithm): KeyFamily {
  if (algorithm.startsWith('HS')) return 'secret'
  return algorithm.startsWith('ES') ? 'ec' : 'rsa'
}

/** The minimum length of a secret for `algorithm`, in bytes. 0 for other algorithms. */
export const leastBytes = (algorithm: Algorithm) => SECRET_BYTES[algorithm] ?? 0

/**
 * A key, not yet compared with an algorithm. `only`: the only algorithm that the key allows, if the key itself names
 * one.
 */
interface Candidate {
  readonly key: KeyObject
  readonly only?: Algorithm
}

/**
 * Returns why the key cannot be used with `algorithm`, as the rest of a message that begins with the option's name.
 * Returns `undefined` if the key can be used.
 */
export function misfit({ key, only }: Candidate, algorithm: Algorithm): string | undefined {
  const family = familyOf(algorithm)
  if (key.asymmetricKeyType !== undefined && !(key.asymmetricKeyType in TAKES)) {
    return `is a key of the type ${key.asymmetricKeyType}, which no algorithm of this library uses; give an RSA key, an EC key or a secret`
  }
  if ((key.asymmetricKeyType ?? 'secret') !== family) {
    return `is not a key for ${algorithm}, which takes ${TAKES[family]}; set algorithm to one that fits the key, or give ${TAKES[family]}`
  }
  if (only !== undefined && only !== algorithm) {
    return `is a key for ${only} only, not for ${algorithm}; set algorithm to ${only}, or give a key for ${algorithm}`
  }
  if (family === 'secret') {
    const bytes = leastBytes(algorithm)
    if ((key.symmetricKeySize ?? 0) >= bytes) return undefined
    return `is shorter than the ${bytes} bytes that ${algorithm} needs; make one with: openssl rand -hex ${bytes}`
  }
  if (family === 'ec') {
    const curve = CURVES[algorithm]
    return key.asymmetricKeyDetails?.namedCurve === curve?.openssl
      ? undefined
      : `is not on ${curve?.name}, the curve of ${algorithm}; make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:${curve?.name}`
  }
  return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS
    ? undefined
    : `is an RSA key of less than ${RSA_BITS} bits; make one with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:${RSA_BITS}`
}

/**
 * Returns the algorithms of `listed` that the key can be used with. If there is none, returns a string that says why
 * the key does not fit the first algorithm of its own family, or `wanted` if `listed` has none of that family.
 */
export function usableWith(
  candidate: Candidate,
  listed: readonly Algorithm[],
  wanted: Algorithm,
): ReadonlySet<Algorithm> | string {
  const usable = listed.filter(algorithm => misfit(candidate, algorithm) === undefined)
  if (usable.length > 0) return new Set(usable)
  const family = candidate.key.asymmetricKeyType ?? 'secret'
  const ofItsFamily = listed.find(algorithm => familyOf(algorithm) === family)
  return String(misfit(candidate, ofItsFamily ?? wanted))
}
