import jsonwebtoken from 'jsonwebtoken'
import { BadConfigurationError } from '../errors.js'
import type { KeyRing } from './keys.js'
import type { RegisteredClaims } from './payload.js'
import { LONGEST_TOKEN } from './verify.js'

/** Claims to be signed. A member that is undefined is left out, as JSON does. */
export type Claims = RegisteredClaims & Record<string, unknown>

/** The token would be larger than what is accepted back. */
export class TokenTooLargeError extends TypeError {}

/** What the library itself writes into the header or refuses to read there. */
const RESERVED_HEADERS = ['alg', 'typ', 'kid', 'crit', 'b64']

/**
 * The signed token. The claims are handed over as text: jsonwebtoken would fill in times of its own otherwise.
 * @throws TypeError if `headers` names a reserved member; TokenTooLargeError.
 * @throws BadConfigurationError on an instance that has no key to sign with.
 */
export function sign(
  claims: Claims,
  ring: KeyRing,
  identityClaim: string,
  headers: Record<string, unknown> = {},
): string {
  const reserved = RESERVED_HEADERS.filter(name => Object.hasOwn(headers, name))
  if (reserved.length > 0)
    throw new TypeError(`headers cannot set ${reserved.join(', ')}: koa-authx writes the token's header`)
  const token = signAny(withIdentity(claims, identityClaim), ring, headers)
  if (token.length > LONGEST_TOKEN)
    throw new TokenTooLargeError(`data makes the token larger than ${LONGEST_TOKEN} bytes`)
  return token
}

/**
 * Sign whatever is given, with any header but for `alg`: tests need tokens that must be refused.
 * @throws BadConfigurationError on an instance that has no key to sign with.
 */
export function signAny(claims: object, ring: KeyRing, headers: Record<string, unknown>): string {
  if (!ring.signing) {
    throw new BadConfigurationError([
      'this instance can only verify tokens; to issue them, set secretKey, or privateKey with an algorithm such as ES256',
    ])
  }
  const { algorithm, key, kid } = ring.signing
  const header = { typ: 'JWT', kid, ...headers, alg: algorithm }
  return jsonwebtoken.sign(textOf(claims), key, { algorithm, header })
}

/** Claims of another issuer may be nested as deeply as a token has room; there the stack ends first. */
function textOf(claims: object): string {
  try {
    return JSON.stringify(claims)
  } catch (error) {
    if (error instanceof RangeError) throw new TokenTooLargeError('data is nested too deeply')
    throw error
  }
}

/** The subject travels in the claim that is configured for it. */
export function withIdentity(claims: Claims, identityClaim: string): Record<string, unknown> {
  if (identityClaim === 'sub') return claims
  const { sub, ...others } = claims
  return { [identityClaim]: sub, ...others, [identityClaim]: sub }
}
