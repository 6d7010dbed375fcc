import type { UnverifiedHeader } from '../config/options.js'
import type { Config } from '../config/table.js'
import { askForClaims } from './ask-for-claims.js'
import { deepFreeze, isText } from './payload.js'
import { sha256 } from './sha256.js'

type ClaimSet = Record<string, unknown>

/** A token whose signature has been verified. */
interface SignedToken {
  readonly token: string
  readonly header: UnverifiedHeader
}

/**
 * Returns the claims to judge: those of `adoptClaims`, or `claims` without this option. Whatever `adoptClaims` returns,
 * the token does not become valid for longer, and cannot avoid its revocation.
 * @param claims the claims of the token. `adoptClaims` may change this object.
 * @throws JWTDecodeError if `adoptClaims` refuses the token; CallbackUnavailableError if it fails, or returns a value
 * that is not an object, another `jti` each time, or the `iss` of an entry of `issuers`.
 */
export function adopted(claims: ClaimSet, { token, header }: SignedToken, config: Config): ClaimSet {
  const { adoptClaims } = config
  if (!adoptClaims) return claims
  const signed = structuredClone(claims)
  const call = () => adoptClaims(structuredClone(signed), deepFreeze({ ...header }))
  const check = (result: ClaimSet) => {
    checkIssuer(result, config)
    if (!isText(signed.jti)) checkSameId(result, call)
  }
  const result = askForClaims(claims, { callback: 'adoptClaims', name: 'adoptClaims', call, check })
  const jti = isText(result.jti) ? result.jti : hashOf(token)
  return { ...result, jti, ...timesOf(signed, result), ...fixed(signed) }
}

/**
 * The claims that stay as they are in the token: its type and id, and its session. So a function that is made for the
 * tokens of before cannot turn a refresh token into an access token, or take a token out of its session.
 */
function fixed({ type, jti, sid, gen, fresh }: ClaimSet): ClaimSet {
  // A token of `createAccessToken` has a session without a generation, and always the claim `fresh`.
  const isInSession = isText(sid) && (gen !== undefined || (type === 'access' && typeof fresh === 'boolean'))
  return {
    ...((type === 'access' || type === 'refresh') && { type }),
    ...(isText(jti) && { jti }),
    ...(isInSession && { sid, ...(gen !== undefined && { gen }) }),
  }
}

/** How a time in the token and a returned one are combined: to the shorter validity, and to the earlier issue. */
const COMBINED = { iat: Math.min, nbf: Math.max, exp: Math.min }

/**
 * Returns the times to judge. A time that is only in the token, or only returned, is taken. Without an `iat`, `iat` is
 * 0: the token counts as issued before every `revokeAllSessions`.
 */
function timesOf(signed: ClaimSet, result: ClaimSet): ClaimSet {
  const times = Object.entries(COMBINED).map(([name, combine]) => {
    const [own, given = own] = [signed[name], result[name]]
    return [name, typeof own === 'number' && typeof given === 'number' ? combine(own, given) : given]
  })
  const { iat = 0, nbf, exp } = Object.fromEntries(times)
  return { iat, ...(nbf !== undefined && { nbf }), exp }
}

/** Revocation of the token would go to the sessions of the issuer. @throws TypeError */
function checkIssuer({ iss }: ClaimSet, { issuers }: Config): void {
  if (!issuers.some(({ issuer }) => issuer === iss)) return
  throw new TypeError('adoptClaims must not return the iss of an entry of issuers; return the name of your own issuer')
}

/** A token whose id changes cannot be revoked. @throws TypeError */
function checkSameId({ jti }: ClaimSet, call: () => unknown): void {
  if (!isText(jti) || (call() as ClaimSet | undefined)?.jti === jti) return
  throw new TypeError(
    'adoptClaims returned two different jti for one token, so it could not be revoked; omit jti, and it is a hash of the token',
  )
}

/**
 * Returns an id for a token without `jti`: the hash of what was signed. The signature is not part of it, because one
 * token can have several valid signatures.
 */
export const hashOf = (token: string) => sha256(token.slice(0, token.lastIndexOf('.')))
