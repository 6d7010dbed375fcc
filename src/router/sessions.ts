import type { Context } from 'koa'
import { checkFresh } from '../authenticate/token-checks.js'
import type { AuthX } from '../authx.js'
import { InsufficientScopeError } from '../errors.js'
import { checkOwn } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { coversAll } from '../token/scopes.js'
import type { SessionRule, SessionRules } from './options.js'

type Instance = Pick<
  AuthX,
  'config' | 'listSessions' | 'revokeSession' | 'revokeAllSessions' | 'unsetAccessCookies' | 'unsetRefreshCookies'
>

/** A header, for the body is an array. */
const INCOMPLETE = 'Sessions-Incomplete'

/** A request that has passed the guard. */
type Guarded = Context & { state: { token: TokenPayload } }

/** What a token with scopes has to cover if no rule says which. */
const DEFAULT_SCOPES = ['sessions']

/** @throws InsufficientScopeError, FreshTokenRequiredError. */
function check({ scopes, fresh }: SessionRule, token: TokenPayload): void {
  const needed = scopes ?? (token.scopes ? DEFAULT_SCOPES : [])
  if (!coversAll(token.scopes ?? [], needed)) throw new InsufficientScopeError(needed)
  if (fresh) checkFresh(token)
}

/**
 * The caller's live sessions, the most recently active first; `current` is the one of this request. If live sessions may
 * be missing, the header `Sessions-Incomplete` is `true`.
 */
export async function listSessions(authx: Instance, { list }: SessionRules, ctx: Guarded): Promise<void> {
  checkOwn(ctx.state.token)
  check(list, ctx.state.token)
  const { sub, sid } = ctx.state.token
  const sessions = await authx.listSessions(sub)
  ctx.set('Cache-Control', 'no-store')
  if (sessions.incomplete) ctx.set(INCOMPLETE, 'true')
  ctx.body = sessions.map(session => ({ ...session, current: session.sid === sid }))
}

/** Ends one session. That it is somebody else's, or none, is answered alike: ids cannot be tried out. */
export async function deleteSession(authx: Instance, { end }: SessionRules, ctx: Guarded): Promise<void> {
  checkOwn(ctx.state.token)
  const { sub, sid } = ctx.state.token
  // Whoever has a token can end its session by a logout.
  if (ctx.params.sid !== sid) check(end, ctx.state.token)
  const ended = await authx.revokeSession(ctx.params.sid, { sub })
  ctx.status = ended ? 204 : 404
  if (ended && ctx.params.sid === sid) clearCookies(authx, ctx)
}

/** Ends everything of the caller: log out everywhere, here too. */
export async function deleteSessions(authx: Instance, { end }: SessionRules, ctx: Guarded): Promise<void> {
  checkOwn(ctx.state.token)
  check(end, ctx.state.token)
  await authx.revokeAllSessions(ctx.state.token.sub)
  clearCookies(authx, ctx)
  ctx.status = 204
}

/** The tokens in them have just been revoked; but a link of another site may have brought a token of its own. */
function clearCookies(authx: Instance, ctx: Context): void {
  const { tokenLocation, queryStringName } = authx.config
  const { access, refresh } = tokenLocation
  if (access.includes('query') && new URLSearchParams(ctx.querystring).has(queryStringName)) return
  if (access.includes('cookies')) authx.unsetAccessCookies(ctx)
  if (refresh.includes('cookies')) authx.unsetRefreshCookies(ctx)
}
