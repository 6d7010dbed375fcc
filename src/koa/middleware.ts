import type { Context, Middleware } from 'koa'
import { authenticate } from '../authenticate/authenticate.js'
import type { Internals } from '../authenticate/internals.js'
import { checkNames } from '../config/values.js'
import { AuthXError } from '../errors.js'
import { describeGuard } from '../guards/guard-info.js'
import type { TokenPayload } from '../token/payload.js'
import { checkLoginPage } from './login-page.js'
import { type MiddlewareOptions, renderErrors } from './render-errors.js'

const OPTIONS = new Set(['loginPage', 'onError'])

/** Makes the middleware that sets `ctx.state.token` for a valid access token and renders the library's errors. */
export function middleware(internals: Internals, options: MiddlewareOptions): Middleware<{ token?: TokenPayload }> {
  checkMiddlewareOptions(options)
  const middleware: Middleware<{ token?: TokenPayload }> = async function authx(ctx, next) {
    const payload = await authenticateOptionally(internals, ctx as unknown as Context)
    if (payload) ctx.state.token = payload
    await renderErrors(ctx as unknown as Context, next, internals.config, options)
  }
  const { loginType } = internals.config
  return describeGuard(middleware, { name: 'middleware', loginType, asked: [], protects: false })
}

/** @throws TypeError naming the invalid option. */
export function checkMiddlewareOptions(options: MiddlewareOptions): void {
  checkNames(options, OPTIONS, 'middleware')
  checkLoginPage(options.loginPage)
  const { onError } = options
  if (onError !== undefined && typeof onError !== 'function')
    throw new TypeError('middleware: onError must be a function')
}

/** Returns `undefined` for an invalid token: public pages ignore it, and guards reject it. */
async function authenticateOptionally(internals: Internals, ctx: Context): Promise<TokenPayload | undefined> {
  try {
    return await authenticate(internals, ctx, { type: 'access' })
  } catch (error) {
    if (error instanceof AuthXError) return undefined
    throw error
  }
}
