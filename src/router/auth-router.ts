import Router from '@koa/router'
import type { Context } from 'koa'
import { internalsOf } from '../authenticate/internals.js'
import type { AuthX } from '../authx.js'
import { isObject } from '../config/values.js'
import {
  BadConfigurationError,
  InvalidCredentialsError,
  JWTDecodeError,
  LoginTypeMismatchError,
  MalformedTokenRequestError,
} from '../errors.js'
import { warnAboutLogoutRoute } from '../request/cookie-path.js'
import type { TokenPairOptions } from '../session/tokens.js'
import { membersOf, parseBody } from './body.js'
import { type AuthRouterOptions, type Login, type LoginResult, pathsOf, sessionRulesOf } from './options.js'
import { deleteSession, deleteSessions, listSessions } from './sessions.js'

/**
 * Login, refresh, logout, the caller's sessions and revocation (RFC 7009) as routes, to be mounted after
 * `authx.middleware()`: `app.use(authRouter(authx, { login }).routes())`. JSON and forms of at most 64 kB are parsed
 * here, unless they have been before.
 *
 * - `POST /login`, if there is a `login`: 200 with the tokens; 401 with InvalidCredentialsError.
 * - `POST /refresh`: 200 with the tokens. `POST /logout`: 204.
 * - `GET /sessions`: 200 with a list of the caller's live sessions, and `Sessions-Incomplete: true` if some may be missing
 *   (a list has room for the 500 youngest). `DELETE /sessions/:sid` ends one: 204, or 404 if it
 *   is none of the caller's. `DELETE /sessions` ends all, this one too: 204. A token with scopes needs `sessions` among
 *   them (403), and to end other sessions than its own it has to be fresh (401); `sessions` in the options says otherwise. A token that only
 *   a key from `getKey` has signed neither lists nor ends sessions (401).
 * - `POST /revoke`: 200 without content, for a bad token too (RFC 7009 §2.2); 400 if there is not one `token`.
 * @throws TypeError naming the option that is wrong; BadConfigurationError if an endpoint needs a store and there is none.
 */
export function authRouter<Claims extends object, Subject>(
  authx: AuthX<Claims, Subject>,
  options: AuthRouterOptions = {},
): Router {
  const { sessions: store, config } = internalsOf(authx)
  const paths = pathsOf(options)
  const rules = sessionRulesOf(options)
  if (!store && (paths.sessions ?? paths.revoke)) throw new BadConfigurationError([NO_STORE])
  if (paths.refresh && paths.logout) warnAboutLogoutRoute(paths.refresh, paths.logout, config)
  const { login } = options
  const router = new Router()
  const guard = authx.accessTokenRequired()
  if (paths.login && login) router.post(paths.login, parseBody, ctx => logIn(authx, login, ctx))
  if (paths.refresh) router.post(paths.refresh, parseBody, ctx => refresh(authx, ctx))
  if (paths.logout) router.post(paths.logout, parseBody, ctx => logout(authx, ctx))
  if (paths.revoke) router.post(paths.revoke, parseBody, ctx => revoke(authx, ctx))
  if (paths.sessions) {
    router.get(paths.sessions, parseBody, guard, ctx => listSessions(authx, rules, ctx))
    router.delete(paths.sessions, parseBody, guard, ctx => deleteSessions(authx, rules, ctx))
    router.delete(`${paths.sessions}/:sid`, parseBody, guard, ctx => deleteSession(authx, rules, ctx))
  }
  return router
}

const NO_STORE =
  'store is missing, which the endpoints sessions and revoke of authRouter need; ' +
  'set store: new SqliteTokenStore(...), or leave them out with paths: { sessions: false, revoke: false }'

type Instance = Pick<AuthX, 'login' | 'refresh' | 'logout' | 'revoke'>

async function logIn(authx: Instance, login: Login, ctx: Context): Promise<void> {
  const result = await login(membersOf(ctx), ctx)
  if (result === undefined || result === null) throw new InvalidCredentialsError()
  const { sub, ...options } = withOptions(result)
  ctx.body = await authx.login(ctx, sub, options)
}

/** @throws TypeError: `false`, say, must not turn into somebody. What the subject and the options are is judged with them. */
function withOptions(result: NonNullable<LoginResult>): TokenPairOptions & { sub: string } {
  const named = typeof result === 'string' ? { sub: result } : result
  if (isObject(named)) return named
  throw new TypeError('login must return a subject, { sub } with options of its tokens, or undefined')
}

async function refresh(authx: Instance, ctx: Context): Promise<void> {
  ctx.body = await authx.refresh(ctx)
}

async function logout(authx: Instance, ctx: Context): Promise<void> {
  await authx.logout(ctx)
  ctx.status = 204
}

/** RFC 7009 §2. `token_type_hint` may be ignored: what a token is, it says itself. */
async function revoke(authx: Instance, ctx: Context): Promise<void> {
  const { token } = membersOf(ctx)
  // RFC 6749 §3.1: without a value it counts as left out, and it must not come twice.
  if (typeof token !== 'string' || token === '') {
    throw new MalformedTokenRequestError({ cause: 'the body must have one parameter token' })
  }
  await authx.revoke(token).catch((error: unknown) => {
    // RFC 7009 §2.2: a token that is not good any more, or never was, is what the client wanted.
    if (!(error instanceof JWTDecodeError || error instanceof LoginTypeMismatchError)) throw error
  })
  ctx.body = ''
}
