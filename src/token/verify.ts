import jsonwebtoken from 'jsonwebtoken'
import { ALGORITHMS, type Algorithm } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import {
  JWTDecodeError,
  TokenExpiredError,
  TokenInvalidAudienceError,
  TokenInvalidIssuerError,
  TokenInvalidSignatureError,
} from '../errors.js'
import type { KeyRing, VerificationKey } from './keys.js'
import { type TokenPayload, toPayload } from './payload.js'

/** 8 KiB: more does not fit into a header, and checking it would cost the server more than it costs the client. */
export const LONGEST_TOKEN = 8192

const THREE_PARTS = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Clocks of issuer and verifier may differ by this many seconds before `iat` looks like the future. */
const CLOCK_SKEW = 60

export interface VerifyOptions {
  /** Judge everything but `exp`: one may log out with an expired token. */
  readonly ignoreExpiry?: boolean
}

/**
 * Verify signature, claims, times, issuer and audience, in this order. Not the type, and nothing that a store knows.
 * @throws JWTDecodeError or a subclass; whatever `token` is, nothing else.
 */
export function verify(token: unknown, ring: KeyRing, config: Config, options: VerifyOptions = {}): TokenPayload {
  const payload = toPayload(verifySignature(token, ring, config), config)
  checkTimes(payload, config, options)
  checkIssuer(payload, config)
  checkAudience(payload, config)
  return payload
}

function verifySignature(token: unknown, ring: KeyRing, config: Config): unknown {
  if (typeof token !== 'string' || token.length > LONGEST_TOKEN || !THREE_PARTS.test(token)) throw new JWTDecodeError()
  const header = readHeader(token)
  const { alg } = header
  // RFC 8725 §3.1: the algorithm is one that was configured, whatever the token says.
  if (!isAlgorithm(alg) || !config.decodeAlgorithms.includes(alg)) throw new JWTDecodeError()
  // RFC 7515 §4.1.11: what must be understood is not understood here. b64 (RFC 7797) changes what is signed.
  if ('crit' in header || 'b64' in header) throw new JWTDecodeError()
  for (const { key } of candidates(ring, header.kid, alg)) {
    const claims = verifyWith(token, key, alg)
    if (claims !== undefined) return claims
  }
  throw new TokenInvalidSignatureError()
}

function readHeader(token: string): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString())
    if (isObject(header)) return header
  } catch {
    // Not JSON: refused like every other header that is no object.
  }
  throw new JWTDecodeError()
}

const isAlgorithm = (value: unknown): value is Algorithm => ALGORITHMS.includes(value as Algorithm)

/** With named keys `kid` is a key into our own map and nothing else; without, it is not looked at. */
function candidates(ring: KeyRing, kid: unknown, algorithm: Algorithm): readonly VerificationKey[] {
  if (!ring.byKid) return ring.verification.filter(key => key.algorithms.has(algorithm))
  const key = typeof kid === 'string' ? ring.byKid.get(kid) : undefined
  return key?.algorithms.has(algorithm) ? [key] : []
}

/** The claims; `undefined` if it was another key that signed. Times are judged by us, in our order. */
function verifyWith(token: string, key: VerificationKey['key'], algorithm: Algorithm): unknown {
  try {
    return jsonwebtoken.verify(token, key, { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true })
  } catch (error) {
    if (error instanceof jsonwebtoken.JsonWebTokenError && error.message === 'invalid signature') return undefined
    throw new JWTDecodeError()
  }
}

function checkTimes(payload: TokenPayload, config: Config, { ignoreExpiry = false }: VerifyOptions): void {
  const now = config.now() / 1000
  const { iat, nbf, exp } = payload
  const skew = Math.max(config.decodeLeeway, CLOCK_SKEW)
  if (iat > now + skew) throw new JWTDecodeError('The token is not valid yet')
  // An nbf at or before iat only repeats it; a later one was asked for and is kept more strictly.
  if (nbf !== undefined && nbf > now + (nbf <= iat ? skew : config.decodeLeeway)) {
    throw new JWTDecodeError('The token is not valid yet')
  }
  if (!ignoreExpiry && now >= exp + config.decodeLeeway) throw new TokenExpiredError()
}

function checkIssuer(payload: TokenPayload, { decodeIssuer }: Config): void {
  if (decodeIssuer !== undefined && payload.iss !== decodeIssuer) throw new TokenInvalidIssuerError()
}

/** RFC 7519 §4.1.3: who does not find itself in `aud` refuses; one that expects none is in none. */
function checkAudience(payload: TokenPayload, { decodeAudience }: Config): void {
  const { aud } = payload as { aud?: unknown }
  if (aud === undefined && decodeAudience === undefined) return
  const named = Array.isArray(aud) ? aud : [aud]
  if (!decodeAudience?.some(audience => named.includes(audience))) throw new TokenInvalidAudienceError()
}
