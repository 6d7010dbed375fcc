import { missing } from '../authenticate/authenticate.js'
import type { Identified } from '../authenticate/candidates.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { checkLoginType, checkType } from '../authenticate/token-checks.js'
import { verifyToken } from '../authenticate/verification.js'
import { AuthXError, CSRFError, UnavailableError } from '../errors.js'
import { warnAboutLogoutPath } from '../request/cookie-path.js'
import { allClearedCookies, setCookies } from '../request/cookies.js'
import { checkCsrf } from '../request/csrf.js'
import { type LocatedToken, locate } from '../request/locate.js'
import { idOf } from '../session/rotation.js'
import { checkOwn, isOwn } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'

/** A token that came with a logout; `fault` is why it may not be ended: another site may have sent it. */
interface Presented extends Identified {
  readonly fault: CSRFError | undefined
}

/**
 * End what the tokens of the request belong to, expired or not, then clear their cookies. Another site can make a browser
 * send cookies, and can add a token of its own; so a cookie needs its CSRF value, or beside it a token that holds it.
 */
export async function logout(internals: Internals, ctx: AuthContext): Promise<void> {
  warnAboutLogoutPath(ctx, internals.config)
  const { presented, reasons } = await presentedTokens(internals, ctx)
  const proven = presented.filter(token => !token.fault || presented.some(other => vouchesFor(other, token)))
  if (proven.length === 0) throw reasons[0] ?? missing(ctx, {}, internals.config)
  await refuseOthers(internals, ctx, presented, proven)
  const distinct = new Map(proven.map(({ payload }) => [idOf(payload), payload]))
  const revokeAll = () => Promise.all([...distinct.values()].map(payload => internals.sessions?.revoke(payload)))
  await internals.requestCache.askStore(ctx.req, revokeAll)
  internals.requestCache.forget(ctx.req)
  // A link can hold a token; what is in a header or in JSON, only a script sends that may speak to this server.
  if (proven.some(({ located }) => located.location !== 'query')) {
    setCookies(ctx, allClearedCookies(internals.config), internals.config)
  }
}

/** Whether `other`, which came by itself, shows that who sent `token` has the login: no other site has one of its tokens. */
function vouchesFor(other: Presented, { payload }: Presented): boolean {
  if (other.fault || !isOwn(other.payload)) return false
  const sameCsrf = Boolean(payload.csrf) && other.payload.csrf === payload.csrf
  return sameCsrf || idOf(other.payload) === idOf(payload)
}

/**
 * A cookie whose login nobody has vouched for, and which goes on, would outlive a logout that says that it is done. Among
 * several of one name it is enough to vouch for one.
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
 * Those of the tokens that verify, and all that speaks against any of them, in the order of the locations.
 * @throws UnavailableError: a token whose key is not known may be good, and a logout that has not ended it is none.
 */
async function presentedTokens(
  internals: Internals,
  ctx: AuthContext,
): Promise<{ presented: Presented[]; reasons: AuthXError[] }> {
  const presented: Presented[] = []
  const reasons: AuthXError[] = []
  for (const located of locateEverywhere(internals, ctx)) {
    try {
      const token = await present(internals, ctx, located)
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
 * The tokens of all locations: after a logout none of them may be good.
 * @throws MalformedTokenRequestError if a location holds something other than one token: a live one may be in it.
 */
function locateEverywhere({ config }: Internals, ctx: AuthContext): LocatedToken[] {
  const types = ['access', 'refresh'] as const
  return types.flatMap(type => config.tokenLocation[type].flatMap(location => locate(ctx, type, [location], config)))
}

async function present(internals: Internals, ctx: AuthContext, located: LocatedToken): Promise<Presented> {
  const payload = await verifyToken(internals, located.token, ctx, { ignoreTimes: true })
  checkType(payload, located.type)
  checkLoginType(payload, internals.config)
  if (payload.sid !== undefined) checkOwn(payload)
  return { payload, located, fault: csrfFault(internals, ctx, located, payload) }
}

function csrfFault(
  { config }: Internals,
  ctx: AuthContext,
  located: LocatedToken,
  payload: TokenPayload,
): CSRFError | undefined {
  try {
    checkCsrf(ctx, located, payload, config, true)
    return undefined
  } catch (error) {
    if (error instanceof CSRFError) return error
    throw error
  }
}
