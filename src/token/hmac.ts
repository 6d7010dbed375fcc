import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'

/**
 * Whether the signature of a token is the HMAC that `key` makes of the rest of it (RFC 7518 §3.2), in the one spelling
 * that an issuer writes. Not by jsonwebtoken, which reads header and payload once more: that takes longer than the HMAC.
 */
export function isSignedWithSecret(token: string, key: KeyObject, algorithm: string): boolean {
  const end = token.lastIndexOf('.')
  const hmac = createHmac(`sha${algorithm.slice(2)}`, key)
    .update(token.slice(0, end))
    .digest('base64url')
  return sameBytes(Buffer.from(hmac), Buffer.from(token.slice(end + 1)))
}

/** In a time that depends on the lengths only, which are no secret. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
