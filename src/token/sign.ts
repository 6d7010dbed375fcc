import jsonwebtoken from 'jsonwebtoken'
import { BadConfigurationError } from '../errors.js'
import type { KeyRing } from './keys.js'
import type { RegisteredClaims } from './payload.js'
import { LONGEST_TOKEN } from './verify.js'

export type Claims = RegisteredClaims & Record<string, unknown>

/** What the library itself writes into the header or refuses to read there. */
const RESERVED_HEADERS = ['alg', 'typ', 'kid', 'crit', 'b64']

/**
 * The signed token. The claims are handed over as text: jsonwebtoken would fill in times of its own otherwise.
 * @throws TypeError if `headers` names a reserved member, or the token would be larger than what is accepted back.
 * @throws BadConfigurationError on an instance that has no key to sign with.
 */
export function sign(
  claims: Claims,
  ring: KeyRing,
  identityClaim: string,
  headers: Record<string, unknown> = {},
): string {
  if (!ring.signing) {
    throw new BadConfigurationError(['secretKey or privateKey is missing: this instance can only verify tokens'])
  }
  const reserved = RESERVED_HEADERS.filter(name => Object.hasOwn(headers, name))
  if (reserved.length > 0)
    throw new TypeError(`headers cannot set ${reserved.join(', ')}: koa-authx writes the token's header`)
  const { algorithm, key, kid } = ring.signing
  const header = { ...headers, alg: algorithm, typ: 'JWT', ...(kid === undefined ? {} : { kid }) }
  const token = jsonwebtoken.sign(JSON.stringify(withIdentity(claims, identityClaim)), key, { algorithm, header })
  if (token.length > LONGEST_TOKEN) throw new TypeError(`data makes the token larger than ${LONGEST_TOKEN} bytes`)
  return token
}

/** The subject travels in the claim that is configured for it. */
function withIdentity(claims: Claims, identityClaim: string): Record<string, unknown> {
  if (identityClaim === 'sub') return claims
  const { sub, ...others } = claims
  return { [identityClaim]: sub, ...others, [identityClaim]: sub }
}
