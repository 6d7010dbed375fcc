import type { JsonWebKey } from 'node:crypto'
import type { KeyRing, VerificationKey } from './keys.js'
import { sha256 } from './sha256.js'

/** A public key as a JWK (RFC 7517 §4, RFC 7518 §6). */
export interface PublicJwk {
  readonly kty: string
  readonly kid: string
  readonly use: 'sig'
  /** The algorithm. Missing if the key verifies several algorithms. */
  readonly alg?: string
  readonly [member: string]: string | undefined
}

/**
 * The public members for each type of key, in the order of RFC 7638 §3.2. Only members in this list are published. It
 * contains no type of secrets and no member of private keys.
 */
const PUBLIC_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  rsa: ['e', 'kty', 'n'],
  ec: ['crv', 'kty', 'x', 'y'],
}

/** Returns the set of all public keys that verify tokens, current and previous, without duplicates (RFC 7517 §5). */
export function publicKeySet(ring: KeyRing): { keys: readonly PublicJwk[] } {
  const entries = ring.byKid ? [...ring.byKid] : ring.verification.map(key => [undefined, key] as const)
  const keys = new Map<string, PublicJwk>()
  for (const [kid, key] of entries) {
    const jwk = toJwk(key, kid)
    if (jwk) keys.set(jwk.kid, jwk)
  }
  return { keys: [...keys.values()] }
}

function toJwk({ key, algorithms }: VerificationKey, kid: string | undefined): PublicJwk | undefined {
  const names = PUBLIC_MEMBERS[key.asymmetricKeyType ?? '']
  if (key.type !== 'public' || !names) return undefined
  const exported: JsonWebKey = key.export({ format: 'jwk' })
  const members = Object.fromEntries(names.map(name => [name, String(exported[name])]))
  const [alg] = algorithms.size === 1 ? algorithms : []
  return {
    kty: String(exported.kty),
    kid: kid ?? thumbprint(members),
    use: 'sig',
    ...(alg !== undefined && { alg }),
    ...members,
  }
}

/**
 * Returns the thumbprint of a key (RFC 7638 §3): the digest of its members, in the given order, as JSON without white
 * space.
 */
const thumbprint = (members: Record<string, string>) => sha256(JSON.stringify(members))
