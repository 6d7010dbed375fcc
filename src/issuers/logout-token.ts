import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import { JWTDecodeError, TokenInvalidAudienceError, TokenInvalidIssuerError } from '../errors.js'
import { isText, isTime, malformedClaim } from '../token/payload.js'
import { checkTimes } from '../token/verify.js'
import { audiencesOf } from './audience.js'
import type { Issuers } from './issuers.js'

/** The claims of a valid logout token. Times are seconds. */
export interface LogoutToken {
  readonly issuer: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly nbf?: number
  readonly sub?: string
  readonly sid?: string
}

/** The member of the claim `events` that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4). */
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

const UNKNOWN_ISSUER =
  'logout_token is not a signed JWT, or its iss is not exactly the issuer of an entry of the option issuers'

const LOGOUT_TYPES: readonly unknown[] = [undefined, 'jwt', 'logout+jwt', 'application/logout+jwt']

/**
 * Verify a logout token: all checks of OpenID Connect Back-Channel Logout 1.0 §2.6, except whether it was used before.
 * @throws JWTDecodeError or a subclass, with a text as `cause`; CallbackUnavailableError.
 */
export async function verifyLogoutToken(token: unknown, issuers: Issuers, config: Config): Promise<LogoutToken> {
  const found = issuers.ofToken(token)
  if (!found) throw new TokenInvalidIssuerError({ cause: UNKNOWN_ISSUER })
  const { read, claims } = await found.verifySignature(token)
  const { typ } = read.header
  if (!LOGOUT_TYPES.includes(typeof typ === 'string' ? typ.toLowerCase() : typ))
    throw refused('it is not of typ logout+jwt')
  const { clientId, issuer } = found.issuer
  if (!audiencesOf(claims).some(each => clientId.includes(each as string))) {
    throw new TokenInvalidAudienceError({ cause: 'aud of the logout token is not the clientId' })
  }
  const logout = logoutIn(claims)
  checkTimes(logout, config)
  return { issuer, ...logout }
}

/** How long a logout token without `exp` is valid, seconds: what §2.4 recommends for `exp`. */
const VALID_FOR = 120

/** Reads the claims of a logout token. `exp` may be missing: some issuers follow versions of the document without it. */
function logoutIn(claims: Record<string, unknown>): Omit<LogoutToken, 'issuer'> {
  const { iat, nbf, jti, sub, sid, events, nonce } = claims
  if (!isTime(iat)) throw malformedClaim('iat')
  const { exp = iat + VALID_FOR } = claims
  if (!isTime(exp)) throw malformedClaim('exp')
  if (nbf !== undefined && !isTime(nbf)) throw malformedClaim('nbf')
  if (!isText(jti)) throw malformedClaim('jti')
  if (sub !== undefined && !isText(sub)) throw malformedClaim('sub')
  if (sid !== undefined && !isText(sid)) throw malformedClaim('sid')
  if (!isObject(events) || !isObject(events[LOGOUT_EVENT]))
    throw refused('the claim events does not say that it is one')
  if (nonce !== undefined) throw refused('it has a nonce')
  if (sub === undefined && sid === undefined) throw refused('it names neither a subject (sub) nor a session (sid)')
  const ids = { ...(sub !== undefined && { sub }), ...(sid !== undefined && { sid }) }
  return { jti, iat, exp, ...(nbf !== undefined && { nbf }), ...ids }
}

const refused = (why: string) =>
  new JWTDecodeError(undefined, undefined, { cause: `this is not a valid logout token: ${why}` })
