import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { internalsOf } from '../authenticate/internals.js'
import { namingMetadata } from '../authenticate/refusal.js'
import type { AuthX } from '../authx.js'
import type { Config } from '../config/table.js'
import { BadConfigurationError, JWTDecodeError, LoginTypeMismatchError, MalformedTokenRequestError } from '../errors.js'
import { isRendered, renderErrors } from '../koa/render-errors.js'
import { warnAboutLogoutRoute } from '../request/cookie-path.js'
import { membersOf, parseBody } from './body.js'
import { logIn } from './login.js'
import { describeRouter } from './openapi.js'
import { type AuthRouterOptions, beforeOf, type Endpoint, pathsOf, sessionRulesOf } from './options.js'
import { deleteOtherSessions, deleteSession, deleteSessions, listSessions } from './sessions.js'

/**
 * Makes a router for login, refresh, logout, the caller's sessions and revocation (RFC 7009):
 * `app.use(authRouter(authx, { login }).routes())`. It parses JSON and forms of at most 64 kB, unless they are already
 * parsed. `authx.middleware()` renders its errors; without it, the routes render them as JSON themselves.
 *
 * - `POST /login`, if there is a `login`: 200 with the tokens; 401 with InvalidCredentialsError.
 * - `POST /refresh`: 200 with the tokens. `POST /logout`: 204.
 * - `GET /sessions`: 200 with a list of the caller's live sessions, and the header `Sessions-Incomplete: true` if some
 *   may be missing (the list contains at most the 500 newest). `DELETE /sessions/:sid` ends one: 204, or 404
 *   with SessionNotFoundError if it is not a session of the caller. `DELETE /sessions` ends all sessions, the current one
 *   too: 204. `DELETE /sessions/others` ends all except the current one: 204, or 404 if the token belongs to no session. If the token has
 *   scopes, they must include `sessions` (403). Ending other sessions requires a fresh token (401). The option
 *   `sessions` changes these rules. The session routes reject a token that is signed only with a key of `getKey` (401).
 * - `POST /revoke`: 200 without content, for an invalid token too (RFC 7009 §2.2); 400 unless the body has exactly one
 *   `token`.
 * @throws TypeError naming the invalid option; BadConfigurationError if an endpoint requires a store and there is none.
 */
export function authRouter<Claims extends object, Subject>(
  authx: AuthX<Claims, Subject>,
  options: AuthRouterOptions = {},
): Router {
  const internals = internalsOf(authx)
  const { sessions: store, config } = internals
  const paths = pathsOf(options)
  const rules = sessionRulesOf(options)
  const before = beforeOf(options)
  if (!store && (paths.sessions ?? paths.revoke)) throw new BadConfigurationError([NO_STORE])
  if (paths.refresh && paths.logout) warnAboutLogoutRoute(paths.refresh, paths.logout, config)
  const { login, afterLogin } = options
  const router = new Router()
  const prepare = (endpoint: Endpoint) => [renderingErrors(config), ...before(endpoint), parseBody]
  if (paths.login && login)
    router.post(paths.login, ...prepare('login'), ctx => logIn(internals, login, afterLogin, ctx))
  if (paths.refresh) router.post(paths.refresh, ...prepare('refresh'), ctx => refresh(authx, ctx))
  if (paths.logout) router.post(paths.logout, ...prepare('logout'), ctx => logout(authx, ctx))
  if (paths.revoke) router.post(paths.revoke, ...prepare('revoke'), ctx => revoke(authx, ctx))
  if (paths.sessions) {
    const named = (answer: Promise<void>) => namingMetadata(internals, answer)
    const guard = authx.accessTokenRequired()
    const guarded = [...prepare('sessions'), guard] as const
    router.get(paths.sessions, ...guarded, ctx => named(listSessions(authx, rules, ctx)))
    router.delete(paths.sessions, ...guarded, ctx => named(deleteSessions(authx, rules, ctx)))
    router.delete(`${paths.sessions}/others`, ...guarded, ctx => named(deleteOtherSessions(authx, rules, ctx)))
    router.delete(`${paths.sessions}/:sid`, ...guarded, ctx => named(deleteSession(authx, rules, ctx)))
  }
  describeRouter(router, { internals, paths, hasLogin: login !== undefined })
  return router
}

/** Renders the errors of a route, unless `authx.middleware()` does. */
function renderingErrors(config: Config): Middleware {
  return (ctx, next) => (isRendered(ctx) ? next() : renderErrors(ctx, next, config))
}

const NO_STORE =
  'store is missing: the endpoints sessions and revoke of authRouter require it; ' +
  'set store: new SqliteTokenStore(...), or omit the endpoints with paths: { sessions: false, revoke: false }'

type Instance = Pick<AuthX, 'refresh' | 'logout' | 'revoke'>

async function refresh(authx: Instance, ctx: Context): Promise<void> {
  ctx.body = await authx.refresh(ctx)
}

async function logout(authx: Instance, ctx: Context): Promise<void> {
  await authx.logout(ctx)
  ctx.status = 204
}

/** The revocation endpoint (RFC 7009 §2). It ignores `token_type_hint`: a token contains its type. */
async function revoke(authx: Instance, ctx: Context): Promise<void> {
  const { token } = membersOf(ctx)
  // RFC 6749 §3.1: a parameter without a value counts as omitted, and a parameter must not be repeated.
  if (typeof token !== 'string' || token === '') {
    throw new MalformedTokenRequestError({ cause: 'the body must contain the parameter "token" once, with a value' })
  }
  await authx.revoke(token).catch((error: unknown) => {
    // RFC 7009 §2.2: an invalid token is not an error, because the client wants it to be invalid.
    if (!(error instanceof JWTDecodeError || error instanceof LoginTypeMismatchError)) throw error
  })
  ctx.body = ''
}
