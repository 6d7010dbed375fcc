import type { Config } from '../config/table.js'
import type { Issuer, IssuerClaims } from '../issuer.js'
import { hashOf } from '../token/adopt.js'
import { askForClaims } from '../token/ask-for-claims.js'
import { noteIssuer } from '../token/own.js'
import { deepFreeze, isText, isTextList, isTime, malformedClaim, type TokenPayload } from '../token/payload.js'
import { isWildcard } from '../token/scopes.js'

/** Claims with which koa-authx describes its own tokens. In a token of an issuer they mean something else. */
const OURS = ['type', 'csrf', 'gen', 'renewable', 'login_type']

/** Claims that stay those of the token, whatever the application's `claims` returns. */
const FIXED = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti', 'sid']

/** Claims that guards read. A value of another form is dropped, so that it gives no rights. */
const READ: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['auth_time', isTime],
  ['amr', isTextList],
  ['fresh', (value: unknown) => typeof value === 'boolean'],
])

/**
 * Makes the payload of an issuer's token from its claims. Without a `jti` in the token, `jti` is a hash of the token.
 * Without an `iat`, `iat` is 0: the token counts as issued before every `revokeAllSessions`.
 * @throws JWTDecodeError if `sub` or `exp` is missing, or if one of them, `iat` or `nbf` is malformed.
 */
export function plainPayload(claims: Record<string, unknown>, token: string, config: Config): TokenPayload {
  const { iss, sub, aud, iat = 0, nbf, exp, jti, sid } = claims
  if (!isText(sub)) throw malformedClaim('sub')
  if (!isTime(exp)) throw malformedClaim('exp')
  if (!isTime(iat)) throw malformedClaim('iat')
  if (nbf !== undefined && !isTime(nbf)) throw malformedClaim('nbf')
  const fixed = {
    iss,
    sub,
    ...(aud !== undefined && { aud }),
    iat,
    ...(nbf !== undefined && { nbf }),
    exp,
    jti: isText(jti) ? jti : hashOf(token),
    ...(isText(sid) && { sid }),
  }
  return payloadOf(claims, fixed, scopesOf(claims), config)
}

/**
 * Returns the payload for the application: with the claims that its function `claims` returns, or `plain` without this
 * function.
 * @throws JWTDecodeError if the function refuses the token; CallbackUnavailableError if it fails.
 */
export function mappedPayload(
  claims: Record<string, unknown>,
  plain: TokenPayload,
  { issuer, claims: map }: Issuer,
  config: Config,
): TokenPayload {
  if (!map) return plain
  const call = () => map(deepFreeze(claims) as IssuerClaims)
  const name = `claims of the issuer ${issuer}`
  const view = askForClaims(claims, { callback: 'issuer', name, call, check: checkScopes })
  const fixed = Object.fromEntries(FIXED.filter(name => Object.hasOwn(plain, name)).map(name => [name, plain[name]]))
  return payloadOf(view, fixed, scopesIn(view.scopes) ?? plain.scopes, config)
}

function payloadOf(
  view: Record<string, unknown>,
  fixed: Record<string, unknown>,
  scopes: readonly string[] | undefined,
  { loginType }: Config,
): TokenPayload {
  const others = Object.entries(view).filter(
    ([name, value]) =>
      !OURS.includes(name) && !FIXED.includes(name) && name !== 'scopes' && (READ.get(name)?.(value) ?? true),
  )
  const payload = {
    ...Object.fromEntries(others),
    ...fixed,
    type: 'access',
    ...(scopes && { scopes: [...scopes] }),
    ...(loginType !== undefined && { login_type: loginType }),
  }
  noteIssuer(payload, String(fixed.iss))
  return deepFreeze(payload) as unknown as TokenPayload
}

/**
 * Returns the scopes of a token: `scope` (RFC 9068 §2.2.3), `scp` (Entra, Okta) or `scopes`. OAuth has no wildcards: a
 * client can ask for the scope `*`, and the issuer does not know that it covers everything here. So wildcards only
 * count in a list `scopes`, the claim of koa-authx.
 */
function scopesOf({ scope, scp, scopes }: Record<string, unknown>): readonly string[] | undefined {
  const asked = scope ?? scp ?? scopes
  const mayBeWildcards = asked === scopes && Array.isArray(scopes)
  return mayBeWildcards ? scopesIn(scopes) : scopesIn(asked)?.filter(each => !isWildcard(each))
}

/** Returns scopes that are written as a list, or as text with spaces. */
function scopesIn(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.split(' ').filter(scope => scope !== '')
  return isTextList(value) ? (value as string[]) : undefined
}

/** @throws TypeError if the scopes of a result of `claims` are malformed. */
function checkScopes({ scopes }: Record<string, unknown>): void {
  if (scopes === undefined || scopesIn(scopes)) return
  throw new TypeError('claims of remoteIssuer must return scopes as a list or as text with spaces')
}
