import type { KeyObject } from 'node:crypto'
import type { Algorithm } from '../config/options.js'

/** HS: the least length of the secret, the length of the hash's output (RFC 7518 §3.2). */
const SECRET_BYTES: Partial<Record<Algorithm, number>> = { HS256: 32, HS384: 48, HS512: 64 }

/** ES: the one curve (RFC 7518 §3.4), as OpenSSL names it. */
const CURVES: Partial<Record<Algorithm, { openssl: string; name: string }>> = {
  ES256: { openssl: 'prime256v1', name: 'P-256' },
  ES384: { openssl: 'secp384r1', name: 'P-384' },
  ES512: { openssl: 'secp521r1', name: 'P-521' },
}

/** RS and PS (RFC 7518 §3.3, §3.5). */
const RSA_BITS = 2048

export type KeyFamily = 'secret' | 'rsa' | 'ec'

const TAKES: Record<KeyFamily, string> = { secret: 'a secret', rsa: 'an RSA key', ec: 'an EC key' }

export function familyOf(algorithm: Algorithm): KeyFamily {
  if (algorithm.startsWith('HS')) return 'secret'
  return algorithm.startsWith('ES') ? 'ec' : 'rsa'
}

/** The bytes that a secret of `algorithm` has at least. */
export const leastBytes = (algorithm: Algorithm) => SECRET_BYTES[algorithm] ?? 0

/** A key, and the one algorithm that it is for if it says so itself. */
interface Candidate {
  readonly key: KeyObject
  readonly only?: Algorithm
}

/** Why the key cannot be used with `algorithm`, completing "<key> ..."; `undefined` if it can. */
export function misfit({ key, only }: Candidate, algorithm: Algorithm): string | undefined {
  const family = familyOf(algorithm)
  if ((key.asymmetricKeyType ?? 'secret') !== family) {
    return `is not a key for ${algorithm}, which takes ${TAKES[family]}; set algorithm to one that the key is for, or give such a key`
  }
  if (only !== undefined && only !== algorithm) {
    return `says that it is for ${only}, not for ${algorithm}; set algorithm to one that the key is for, or give such a key`
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
 * The `listed` algorithms that `key` can be used with or, if there is none, why: of the first of its own family, or else of
 * `wanted`.
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
