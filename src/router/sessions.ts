import type { Context } from 'koa'
import { checkFresh } from '../authenticate/token-checks.js'
import type { AuthX } from '../authx.js'
import { InsufficientScopeError, SessionNotFoundError } from '../errors.js'
import { checkOwn } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { coversAll } from '../token/scopes.js'
import type { SessionRule, SessionRules } from './options.js'

type Instance = Pick<
  AuthX,
  'config' | 'listSessions' | 'revokeSession' | 'revokeAllSessions' | 'unsetAccessCookies' | 'unsetRefreshCookies'
>

/** The header that marks an incomplete list. It is a header because the body is an array. */
const INCOMPLETE = 'Sessions-Incomplete'

/** The Koa context after a guard has run. */
type Guarded = Context & { state: { token: TokenPayload } }

/** The scopes that a token with scopes must cover, if the rule sets no scopes. */
const DEFAULT_SCOPES = ['sessions']

/** Checks a session rule. @throws InsufficientScopeError, FreshTokenRequiredError. */
function check({ scopes, fresh }: SessionRule, token: TokenPayload): void {
  const needed = scopes ?? (token.scopes ? DEFAULT_SCOPES : [])
  if (!coversAll(token.scopes ?? [], needed)) throw new InsufficientScopeError(needed)
  if (fresh) checkFresh(token)
}

/**
 * Responds with the caller's live sessions, the most recently active first. `current` marks the session of the request.
 * The header `Sessions-Incomplete: true` means that live sessions may be missing.
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

/**
 * Ends one session. An unknown session and a session of another user get the same response, so that callers cannot
 * guess ids.
 */
export async function deleteSession(authx: Instance, { end }: SessionRules, ctx: Guarded): Promise<void> {
  checkOwn(ctx.state.token)
  const { sub, sid } = ctx.state.token
  // The rule does not apply to the caller's own session, because a logout can end it too.
  if (ctx.params.sid !== sid) check(end, ctx.state.token)
  if (!(await authx.revokeSession(ctx.params.sid, { sub }))) throw new SessionNotFoundError()
  ctx.status = 204
  if (ctx.params.sid === sid) clearCookies(authx, ctx)
}

/** Ends all sessions of the caller, the current one too. */
export async function deleteSessions(authx: Instance, { end }: SessionRules, ctx: Guarded): Promise<void> {
  checkOwn(ctx.state.token)
  check(end, ctx.state.token)
  await authx.revokeAllSessions(ctx.state.token.sub)
  clearCookies(authx, ctx)
  ctx.status = 204
}

/**
 * Ends all sessions of the caller except the one of the request.
 * @throws SessionNotFoundError if the token belongs to no session. Then nothing ends: there is nothing to keep.
 */
export async function deleteOtherSessions(authx: Instance, { end }: SessionRules, ctx: Guarded): Promise<void> {
  checkOwn(ctx.state.token)
  check(end, ctx.state.token)
  const { sub, sid } = ctx.state.token
  if (sid === undefined) throw new SessionNotFoundError()
  await authx.revokeAllSessions(sub, { except: sid })
  ctx.status = 204
}

/**
 * Clears the cookies of revoked tokens. Does nothing if the token was in the query, because it may be from a link of
 * another site.
 */
function clearCookies(authx: Instance, ctx: Context): void {
  const { tokenLocation, queryStringName } = authx.config
  const { access, refresh } = tokenLocation
  if (access.includes('query') && new URLSearchParams(ctx.querystring).has(queryStringName)) return
  if (access.includes('cookies')) authx.unsetAccessCookies(ctx)
  if (refresh.includes('cookies')) authx.unsetRefreshCookies(ctx)
}
