import { missing } from '../authenticate/authenticate.js'
import { loginOf } from '../authenticate/candidates.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { emittingRefused } from '../authenticate/refusal.js'
import { checkLoginType, checkType } from '../authenticate/token-checks.js'
import { verifyToken } from '../authenticate/verification.js'
import { AuthXError, UnavailableError } from '../errors.js'
import { warnAboutLogoutPath } from '../request/cookie-path.js'
import { allClearedCookies, setCookies } from '../request/cookies.js'
import { csrfFault } from '../request/csrf.js'
import { type LocatedToken, locate } from '../request/locate.js'
import { checkOwn, issuerOf } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { isProven, type Presented } from './presented.js'

/**
 * Revoke the sessions of the request's tokens, even if the tokens are expired. Then clear the cookies. Another site can
 * make a browser send our cookies, and can add a token of another login. So a cookie requires its CSRF value, or
 * another token of the same login.
 */
export function logout(internals: Internals, ctx: AuthContext): Promise<void> {
  const call = { ctx, locate: () => locateEverywhere(internals, ctx) }
  return emittingRefused(internals, call, revokePresented(internals, ctx))
}

async function revokePresented(internals: Internals, ctx: AuthContext): Promise<void> {
  warnAboutLogoutPath(ctx, internals.config)
  const { presented, reasons } = await presentedTokens(internals, ctx)
  const proven = presented.filter(token => isProven(token, presented))
  if (proven.length === 0) throw reasons[0] ?? missing(ctx, {}, internals.config)
  await refuseOthers(internals, ctx, presented, proven)
  const distinct = new Map(proven.map(({ payload }) => [endOf(payload), payload]))
  const revokeAll = () => Promise.all([...distinct.values()].map(payload => internals.revocation.revoke(payload)))
  await internals.requestCache.askStore(ctx.req, revokeAll)
  internals.requestCache.forget(ctx.req)
  // A link of another site can contain a token in its query. Headers and JSON bodies can only be sent by a script that
  // may call this server.
  if (proven.some(({ located }) => located.location !== 'query')) {
    setCookies(ctx, allClearedCookies(internals.config), internals.config)
  }
}

/** What ends with a token: its login, or only the token if it is an issuer's. */
function endOf(payload: TokenPayload): string {
  const issuer = issuerOf(payload)
  return issuer === undefined ? loginOf(payload) : JSON.stringify([issuer, payload.jti, 'token'])
}

/**
 * Reject the logout if the request has a cookie of a live login, but no proof that the login is the caller's. Otherwise
 * this login would still be live after a successful logout. If there are several cookies of one name, proof for one of
 * them is enough.
 * @throws CSRFError, UnavailableError
 */
async function refuseOthers(
  internals: Internals,
  ctx: AuthContext,
  presented: readonly Presented[],
  proven: readonly Presented[],
): Promise<void> {
  const isVouchedFor = ({ located: { type, location } }: Presented) =>
    proven.some(({ located }) => located.location === location && located.type === type)
  for (const other of presented) {
    if (!other.fault || isVouchedFor(other)) continue
    if (await internals.requestCache.askStore(ctx.req, () => internals.revocation.isLive(other.payload)))
      throw other.fault
  }
}

/**
 * Returns all valid tokens of the request, and the errors of the others, in the order of the locations.
 * @throws UnavailableError if `getKey` fails: the token may be valid, and a logout must not succeed without revoking
 * it.
 */
async function presentedTokens(
  internals: Internals,
  ctx: AuthContext,
): Promise<{ presented: Presented[]; reasons: AuthXError[] }> {
  const presented: Presented[] = []
  const reasons: AuthXError[] = []
  // A header is looked at twice: it contains an access token or a refresh token.
  const verified = new Map<string, Promise<TokenPayload>>()
  for (const located of locateEverywhere(internals, ctx)) {
    const verifying = verified.get(located.token) ?? verifyLate(internals, ctx, located.token)
    verified.set(located.token, verifying)
    try {
      const token = present(internals, ctx, located, await verifying)
      presented.push(token)
      if (token.fault) reasons.push(token.fault)
    } catch (error) {
      if (!(error instanceof AuthXError) || error instanceof UnavailableError) throw error
      reasons.push(error)
    }
  }
  return { presented, reasons }
}

/**
 * Returns the tokens of all locations, because after a logout none of them may be valid.
 * @throws MalformedTokenRequestError if a location is malformed or has several tokens: a valid token may be among them.
 */
function locateEverywhere({ config }: Internals, ctx: AuthContext): LocatedToken[] {
  const types = ['access', 'refresh'] as const
  return types.flatMap(type => config.tokenLocation[type].flatMap(location => locate(ctx, type, [location], config)))
}

/** Verifies a token that may be expired. */
const verifyLate = async (internals: Internals, ctx: AuthContext, token: string): Promise<TokenPayload> =>
  verifyToken(internals, token, ctx, { ignoreTimes: true })

/** @throws TokenTypeError, LoginTypeMismatchError; TokenInvalidSignatureError for a session that is not ours. */
function present(internals: Internals, ctx: AuthContext, located: LocatedToken, payload: TokenPayload): Presented {
  checkType(payload, located.type)
  checkLoginType(payload, internals.config)
  // Of an issuer's token only this one token is revoked.
  if (payload.sid !== undefined && issuerOf(payload) === undefined) checkOwn(payload)
  return { payload, located, fault: csrfFault(ctx, located, payload, internals.config) }
}
