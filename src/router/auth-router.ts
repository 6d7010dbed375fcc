import Router from '@koa/router'
import type { Context } from 'koa'
import { internalsOf } from '../authenticate/internals.js'
import { namingMetadata } from '../authenticate/refusal.js'
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
 * Makes a router for login, refresh, logout, the caller's sessions and revocation (RFC 7009). Mount it after
 * `authx.middleware()`: `app.use(authRouter(authx, { login }).routes())`. It parses JSON and forms of at most 64 kB,
 * unless they are already parsed.
 *
 * - `POST /login`, if there is a `login`: 200 with the tokens; 401 with InvalidCredentialsError.
 * - `POST /refresh`: 200 with the tokens. `POST /logout`: 204.
 * - `GET /sessions`: 200 with a list of the caller's live sessions, and the header `Sessions-Incomplete: true` if some
 *   may be missing (the list contains at most the 500 newest). `DELETE /sessions/:sid` ends one: 204, or 404 if it is
 *   not a session of the caller. `DELETE /sessions` ends all sessions, the current one too: 204. If the token has
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
    const named = (answer: Promise<void>) => namingMetadata(internals, answer)
    router.get(paths.sessions, parseBody, guard, ctx => named(listSessions(authx, rules, ctx)))
    router.delete(paths.sessions, parseBody, guard, ctx => named(deleteSessions(authx, rules, ctx)))
    router.delete(`${paths.sessions}/:sid`, parseBody, guard, ctx => named(deleteSession(authx, rules, ctx)))
  }
  return router
}

const NO_STORE =
  'store is missing: the endpoints sessions and revoke of authRouter require it; ' +
  'set store: new SqliteTokenStore(...), or omit the endpoints with paths: { sessions: false, revoke: false }'

type Instance = Pick<AuthX, 'login' | 'refresh' | 'logout' | 'revoke'>

async function logIn(authx: Instance, login: Login, ctx: Context): Promise<void> {
  const result = await login(membersOf(ctx), ctx)
  if (result === undefined || result === null) throw new InvalidCredentialsError()
  const { sub, ...options } = withOptions(result)
  ctx.body = await authx.login(ctx, sub, options)
}

/**
 * Returns the result as an object. `authx.login` checks the subject and the options.
 * @throws TypeError for a result of any other type, such as `false`.
 */
function withOptions(result: NonNullable<LoginResult>): TokenPairOptions & { sub: string } {
  const named = typeof result === 'string' ? { sub: result } : result
  if (isObject(named)) return named
  throw new TypeError('login must return a subject, an object with sub and options of the tokens, or undefined')
}

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
