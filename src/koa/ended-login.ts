import { locateRequired } from '../authenticate/authenticate.js'
import { loginOf } from '../authenticate/candidates.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { checkKind, checkLoginType, checkType } from '../authenticate/token-checks.js'
import { verifyToken } from '../authenticate/verification.js'
import {
  AuthXError,
  RevokedTokenError,
  SubjectNotFoundError,
  TokenExpiredError,
  TokenInvalidSignatureError,
  UnavailableError,
} from '../errors.js'
import { allClearedCookies, type CookieLine } from '../request/cookies.js'
import { provesOwnPage } from '../request/csrf.js'
import { type Candidate, locate } from '../request/locate.js'
import { isFromOtherPage } from '../request/origin.js'
import { idOf } from '../session/rotation.js'
import type { TokenPayload } from '../token/payload.js'
import { readPart } from '../token/verify.js'

/**
 * After which errors of a refresh the login is over. No later request with the same token can succeed. Every other error
 * leaves the login as it is: 503, 403 and 400; no token; a token of another type, login type, audience or issuer; a
 * token that is not valid yet, or is no token at all.
 */
const FINAL = [
  // Revoked, or reused.
  RevokedTokenError,
  TokenExpiredError,
  SubjectNotFoundError,
  // Also of a key that has been removed.
  TokenInvalidSignatureError,
]

const isFinal = (error: unknown): error is AuthXError => FINAL.some(type => error instanceof type)

/** What is known about a refresh token that can no longer be used. */
interface DeadToken {
  readonly payload: Pick<TokenPayload, 'csrf' | 'sid' | 'jti'>
  /** The id of its login. */
  readonly login: string
  readonly isVerified: boolean
}

/**
 * If a refresh with a cookie has failed and the login is over, adds `Set-Cookie` lines to the error that clear the
 * cookies. Headers of the response would not do: Koa drops them. The cookies stay if one of these is true:
 *
 * - The error is not final, or one of several cookies of the name is invalid for a reason that is not final.
 * - Another site may have made the browser send the request. With `how: 'refresh'` the request must pass the CSRF check
 *   for one of its tokens. With `how: 'page'` the browser must not say that it comes from another page.
 * - The request has the access token of another live login.
 * - A login has just replaced the cookies: its response and this one may arrive in any order.
 * - The store cannot say so.
 */
export async function clearIfOver(
  internals: Internals,
  ctx: AuthContext,
  error: unknown,
  how: 'refresh' | 'page',
): Promise<void> {
  if (!isFinal(error)) return
  const lines = await linesIfOver(internals, ctx, how).catch(ignoringRefusals)
  if (lines.length > 0) error.headers = { ...error.headers, 'Set-Cookie': lines.map(({ text }) => text) }
}

async function linesIfOver(internals: Internals, ctx: AuthContext, how: 'refresh' | 'page'): Promise<CookieLine[]> {
  const { config } = internals
  const cookies = cookiesOf(internals, ctx, how)
  const dead = await Promise.all(cookies.map(cookie => deadToken(internals, ctx, cookie)))
  const proves = ({ payload }: DeadToken) =>
    how === 'page'
      ? !isFromOtherPage(ctx, config)
      : provesOwnPage(ctx, { type: 'refresh', location: 'cookies' }, payload, config)
  if (!dead.some(proves) || (await hasOtherLogin(internals, ctx, dead))) return []
  return clearingLines(
    internals,
    ctx,
    dead.filter(({ isVerified }) => isVerified).map(({ payload }) => idOf(payload)),
  )
}

/**
 * Returns the lines that clear the cookies of logins that are over. Returns none if a login has just replaced them.
 * @param ids the ids of their sessions or, of tokens without a session, of the tokens.
 * @throws StoreUnavailableError
 */
export async function clearingLines(
  { sessions, config, requestCache }: Internals,
  ctx: AuthContext,
  ids: readonly string[],
): Promise<CookieLine[]> {
  const isReplaced =
    sessions && ids.length > 0 && (await requestCache.askStore(ctx.req, () => sessions.isReplaced(ids)))
  return isReplaced ? [] : allClearedCookies(config)
}

/** Returns the refresh tokens of the request if they are in cookies. */
function cookiesOf(internals: Internals, ctx: AuthContext, how: 'refresh' | 'page'): readonly Candidate[] {
  const locations = how === 'page' ? (['cookies'] as const) : undefined
  const located = locateRequired(internals, ctx, { type: 'refresh', locations })
  return located.filter(({ location }) => location === 'cookies')
}

/**
 * Returns what is known about a token. A refresh has failed for good, so its valid tokens are used up or revoked.
 * @throws AuthXError if the token is invalid for a reason that is not final.
 */
async function deadToken(internals: Internals, ctx: AuthContext, cookie: Candidate): Promise<DeadToken> {
  const payload = await payloadOf(internals, ctx, cookie)
  // Also a token that only a key of `getKey` has signed is refused here: its cookies are not ours to clear.
  return payload ? verified(checkKind(internals, payload, { type: 'refresh' })) : unverified(cookie.token)
}

/** Returns the payload of a token, also of an expired one; undefined if no key has signed it. @throws AuthXError */
async function payloadOf(internals: Internals, ctx: AuthContext, cookie: Candidate): Promise<TokenPayload | undefined> {
  try {
    return await verifiedOnce(internals, ctx, cookie)
  } catch (error) {
    if (error instanceof TokenExpiredError) return verifyToken(internals, cookie.token, ctx, { ignoreTimes: true })
    if (error instanceof TokenInvalidSignatureError) return undefined
    throw error
  }
}

/** Verifies a token of the request, unless something else has done so for this request. @throws AuthXError */
const verifiedOnce = (internals: Internals, ctx: AuthContext, cookie: Candidate) =>
  internals.requestCache.verified(ctx.req, cookie, () => verifyToken(internals, cookie.token, ctx))

const verified = (payload: TokenPayload): DeadToken => ({ payload, login: loginOf(payload), isVerified: true })

/**
 * Reads a token whose signature is invalid. A page of a sibling domain can write such a cookie, with a CSRF value that it
 * knows. It is no proof then: the page can send the value in a form only, and the browser says where a form comes from.
 */
function unverified(token: string): DeadToken {
  const { csrf, sid, jti } = readPart(token.split('.')[1] ?? '') as Partial<TokenPayload>
  const payload = {
    jti: String(jti),
    ...(typeof csrf === 'string' && { csrf }),
    ...(typeof sid === 'string' && { sid }),
  }
  return { payload, login: loginOf(payload as TokenPayload), isVerified: false }
}

/** Whether the request has a live access token of another login in a cookie, which must not be cleared. */
async function hasOtherLogin(internals: Internals, ctx: AuthContext, dead: readonly DeadToken[]): Promise<boolean> {
  const { config, requestCache, revocation } = internals
  if (!config.tokenLocation.access.includes('cookies')) return false
  for (const cookie of locate(ctx, 'access', ['cookies'], config)) {
    const payload = await validAccess(internals, ctx, cookie)
    if (!payload || dead.some(token => isOfLogin(token, payload))) continue
    if (await requestCache.askStore(ctx.req, () => revocation.isLive(payload))) return true
  }
  return false
}

/** Tokens without a session have no id in common, but both tokens of a login have one CSRF value. */
const isOfLogin = ({ login, payload: { csrf } }: DeadToken, access: TokenPayload) =>
  login === loginOf(access) || (csrf !== undefined && csrf === access.csrf)

async function validAccess(
  internals: Internals,
  ctx: AuthContext,
  cookie: Candidate,
): Promise<TokenPayload | undefined> {
  try {
    const payload = await verifiedOnce(internals, ctx, cookie)
    checkType(payload, 'access')
    checkLoginType(payload, internals.config)
    return payload
  } catch (error) {
    if (error instanceof AuthXError && !(error instanceof UnavailableError)) return undefined
    throw error
  }
}

/** What cannot be checked, or is malformed, is not cleared. */
function ignoringRefusals(error: unknown): readonly CookieLine[] {
  if (error instanceof AuthXError) return []
  throw error
}
