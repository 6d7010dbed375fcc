import { createHmac, type KeyObject } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'
import type { Algorithm } from '../config/options.js'
import { JWTDecodeError } from '../errors.js'
import { familyOf } from './algorithms.js'
import { sameBytes } from './same-bytes.js'

/**
 * Whether the signature of `token` is valid. `token` must have three parts, and `key` must fit `algorithm`.
 * @throws JWTDecodeError if jsonwebtoken cannot read the token.
 */
export function isSignedBy(key: KeyObject, token: string, algorithm: Algorithm): boolean {
  return familyOf(algorithm) === 'secret'
    ? isSignedWithSecret(key, token, algorithm)
    : isSignedWithPrivateKey(key, token, algorithm)
}

/**
 * Verifies an HMAC (RFC 7518 §3.2). Only the canonical base64url of the signature is accepted. jsonwebtoken is not
 * used, because it parses header and payload again, which takes longer than the HMAC.
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
    // Times are not checked here: `verify` in verify.ts checks them later.
    jsonwebtoken.verify(token, publicKey, { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true })
    return true
  } catch (error) {
    if (error instanceof jsonwebtoken.JsonWebTokenError && error.message === 'invalid signature') return false
    throw new JWTDecodeError()
  }
}
