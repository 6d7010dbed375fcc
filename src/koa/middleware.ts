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

const ACCESS = { type: 'access' } as const

/** Makes the middleware that sets `ctx.state.token` for a valid access token and renders the library's errors. */
export function middleware(internals: Internals, options: MiddlewareOptions): Middleware<{ token?: TokenPayload }> {
  checkMiddlewareOptions(options)
  const middleware: Middleware<{ token?: TokenPayload }> = async function authx(ctx, next) {
    try {
      const payload = await authenticate(internals, ctx as unknown as Context, ACCESS)
      if (payload) ctx.state.token = payload
    } catch (error) {
      // An invalid token counts as none: public pages ignore it, and guards reject it.
      if (!(error instanceof AuthXError)) throw error
    }
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
