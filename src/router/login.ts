import type { Context } from 'koa'
import type { Internals } from '../authenticate/internals.js'
import { isObject } from '../config/values.js'
import { InvalidCredentialsError } from '../errors.js'
import { openLogin } from '../koa/flows.js'
import { headersOf, resetHeaders } from '../koa/render-errors.js'
import type { TokenPairOptions } from '../session/tokens.js'
import { membersOf } from './body.js'
import type { AfterLogin, CompletedLogin, Login, LoginResult } from './options.js'

/** Checks the credentials, opens a session and responds with its tokens. */
export async function logIn(
  internals: Internals,
  login: Login,
  afterLogin: AfterLogin | undefined,
  ctx: Context,
): Promise<void> {
  const result = await login(membersOf(ctx), ctx)
  if (result === undefined || result === null) throw new InvalidCredentialsError()
  const { sub, ...options } = withOptions(result)
  const before = headersOf(ctx.res)
  const { body, sid } = await openLogin(internals, ctx, sub, options)
  try {
    await afterLogin?.(ctx, { sub, sid })
  } catch (error) {
    resetHeaders(ctx, before)
    await endSession(internals, { sub, sid })
    throw error
  }
  ctx.body = body
}

/**
 * Returns the result as an object. `openLogin` checks the subject and the options.
 * @throws TypeError for a result of any other type, such as `false`.
 */
function withOptions(result: NonNullable<LoginResult>): TokenPairOptions & { sub: string } {
  const named = typeof result === 'string' ? { sub: result } : result
  if (isObject(named)) return named
  throw new TypeError('login must return a subject, an object with sub and options of the tokens, or undefined')
}

/** Ends a session whose tokens nobody gets. If the store fails, the client gets the error of `afterLogin` all the same. */
async function endSession({ sessions }: Internals, { sub, sid }: CompletedLogin): Promise<void> {
  if (sid !== undefined) await sessions?.revokeSession(sid, sub).catch(() => {})
}
