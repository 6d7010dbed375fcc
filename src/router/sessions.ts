import type { Context } from 'koa'
import type { AuthX } from '../authx.js'
import type { TokenPayload } from '../token/payload.js'

type Instance = Pick<
  AuthX,
  'config' | 'listSessions' | 'revokeSession' | 'revokeAllSessions' | 'unsetAccessCookies' | 'unsetRefreshCookies'
>

/** A request that has passed the guard. */
type Guarded = Context & { state: { token: TokenPayload } }

/** The caller's live sessions, the most recently active first; `current` is the one of this request. */
export async function listSessions(authx: Instance, ctx: Guarded): Promise<void> {
  const { sub, sid } = ctx.state.token
  const sessions = await authx.listSessions(sub)
  ctx.set('Cache-Control', 'no-store')
  ctx.body = sessions.map(session => ({ ...session, current: session.sid === sid }))
}

/** Ends one session. That it is somebody else's, or none, is answered alike: ids cannot be tried out. */
export async function deleteSession(authx: Instance, ctx: Guarded): Promise<void> {
  const { sub, sid } = ctx.state.token
  const ended = await authx.revokeSession(ctx.params.sid, { sub })
  ctx.status = ended ? 204 : 404
  if (ended && ctx.params.sid === sid) clearCookies(authx, ctx)
}

/** Ends everything of the caller: log out everywhere, here too. */
export async function deleteSessions(authx: Instance, ctx: Guarded): Promise<void> {
  await authx.revokeAllSessions(ctx.state.token.sub)
  clearCookies(authx, ctx)
  ctx.status = 204
}

/** The tokens in them have just been revoked. */
function clearCookies(authx: Instance, ctx: Context): void {
  const { access, refresh } = authx.config.tokenLocation
  if (access.includes('cookies')) authx.unsetAccessCookies(ctx)
  if (refresh.includes('cookies')) authx.unsetRefreshCookies(ctx)
}
