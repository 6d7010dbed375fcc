import jsonwebtoken from 'jsonwebtoken'
import { BadConfigurationError } from '../errors.js'
import type { KeyRing } from './keys.js'
import type { RegisteredClaims } from './payload.js'
import { LONGEST_TOKEN } from './verify.js'

/** The claims of a new token. Members that are `undefined` are left out, as in JSON. */
export type Claims = RegisteredClaims & Record<string, unknown>

/**
 * Thrown if the token would be larger than `LONGEST_TOKEN`, so that `verify` would refuse it, or if its claims are
 * nested too deeply.
 */
export class TokenTooLargeError extends TypeError {}

/** Header members that koa-authx writes itself, or that `verify` refuses. */
const RESERVED_HEADERS = ['alg', 'typ', 'kid', 'crit', 'b64']

/**
 * Signs a token.
 * @throws TypeError if `headers` contains a reserved member.
 * @throws TokenTooLargeError
 * @throws BadConfigurationError if the instance has no key that signs.
 */
export function sign(
  claims: Claims,
  ring: KeyRing,
  identityClaim: string,
  headers: Record<string, unknown> = {},
): string {
  const reserved = RESERVED_HEADERS.filter(name => Object.hasOwn(headers, name))
  if (reserved.length > 0)
    throw new TypeError(`headers must not contain ${reserved.join(', ')}: reserved for koa-authx`)
  const token = signAny(withIdentity(claims, identityClaim), ring, headers)
  if (token.length > LONGEST_TOKEN)
    throw new TokenTooLargeError(`data makes the token larger than ${LONGEST_TOKEN} bytes`)
  return token
}

/**
 * Signs any claims with any header except `alg`, without checks: tests need invalid tokens.
 * @throws BadConfigurationError if the instance has no key that signs.
 */
export function signAny(claims: object, ring: KeyRing, headers: Record<string, unknown>): string {
  if (!ring.signing) {
    throw new BadConfigurationError([
      'this instance can only verify tokens; to issue them, set secretKey, or privateKey with an algorithm such as ES256',
    ])
  }
  const { algorithm, key, kid } = ring.signing
  const header = { typ: 'JWT', kid, ...headers, alg: algorithm }
  // As text: jsonwebtoken would add `iat` to an object.
  return jsonwebtoken.sign(textOf(claims), key, { algorithm, header })
}

/**
 * Returns the claims as JSON. Claims of another issuer can be nested so deeply that JSON.stringify overflows the stack.
 * @throws TokenTooLargeError in this case.
 */
function textOf(claims: object): string {
  try {
    return JSON.stringify(claims)
  } catch (error) {
    if (error instanceof RangeError) throw new TokenTooLargeError('data is nested too deeply')
    throw error
  }
}

/** Moves the subject from `sub` to the claim that `identityClaim` names. */
export function withIdentity(claims: Claims, identityClaim: string): Record<string, unknown> {
  if (identityClaim === 'sub') return claims
  const { sub, ...others } = claims
  return { [identityClaim]: sub, ...others, [identityClaim]: sub }
}
