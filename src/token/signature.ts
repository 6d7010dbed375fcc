import { createHmac, type KeyObject } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import type { Algorithm } from '../config/options.js'
import { JWTDecodeError } from '../errors.js'
import { familyOf } from './algorithms.js'
import { sameBytes } from './same-bytes.js'

/**
 * Whether `key`, which is one for `algorithm`, has signed `token`, which has three parts.
 * @throws JWTDecodeError for what jsonwebtoken cannot read.
 */
export function isSignedBy(key: KeyObject, token: string, algorithm: Algorithm): boolean {
  return familyOf(algorithm) === 'secret'
    ? isSignedWithSecret(key, token, algorithm)
    : isSignedWithPrivateKey(key, token, algorithm)
}

/**
 * RFC 7518 §3.2, in the one spelling that an issuer writes. Not by jsonwebtoken, which reads header and payload once more:
 * that takes longer than the HMAC.
 */
function isSignedWithSecret(key: KeyObject, token: string, algorithm: Algorithm): boolean {
  const end = token.lastIndexOf('.')
  const hmac = createHmac(`sha${algorithm.slice(2)}`, key)
    .update(token.slice(0, end))
    .digest('base64url')
  return sameBytes(Buffer.from(hmac), Buffer.from(token.slice(end + 1)))
}

function isSignedWithPrivateKey(publicKey: KeyObject, token: string, algorithm: Algorithm): boolean {
  try {
    // Times are judged by us, in our order.
    jsonwebtoken.verify(token, publicKey, { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true })
    return true
  } catch (error) {
    if (error instanceof jsonwebtoken.JsonWebTokenError && error.message === 'invalid signature') return false
    throw new JWTDecodeError()
  }
}
