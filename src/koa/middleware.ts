import type { Context, Middleware } from 'koa'
import { authenticate } from '../authenticate/authenticate.js'
import type { Internals } from '../authenticate/internals.js'
import type { Config } from '../config/table.js'
import { AuthXError, BadConfigurationError } from '../errors.js'
import { describeGuard } from '../guards/guard-info.js'
import type { TokenPayload } from '../token/payload.js'

/** Makes the middleware that sets `ctx.state.token` for a valid access token and renders the library's errors. */
export function middleware(internals: Internals): Middleware<{ token?: TokenPayload }> {
  const middleware: Middleware<{ token?: TokenPayload }> = async function authx(ctx, next) {
    const payload = await authenticateOptionally(internals, ctx as unknown as Context)
    if (payload) ctx.state.token = payload
    // Packages that pass WebSocket upgrades to middleware may pass no response. Then no error can be rendered.
    const before = ctx.res && headersOf(ctx.res)
    try {
      await next()
    } catch (error) {
      if (!(error instanceof AuthXError) || !before) throw error
      if (ctx.headerSent) {
        cutOffUncaught(ctx as unknown as Context, error)
        throw error
      }
      render(ctx as unknown as Context, error, before, internals.config)
    }
  }
  const { loginType } = internals.config
  return describeGuard(middleware, { name: 'middleware', loginType, asked: [], protects: false })
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

/** Returns a copy of the headers, because Koa adds cookies to the array that `getHeaders` returns. */
function headersOf(response: Context['res']): [name: string, value: number | string | string[]][] {
  return Object.entries(response.getHeaders()).map(([name, value = '']) => [
    name,
    Array.isArray(value) ? [...value] : value,
  ])
}

/**
 * Respond with an error. If a handler set `ctx.respond = false` but has sent nothing, the error is sent too. Otherwise
 * the client would wait forever.
 *
 * As in Koa, the headers of the failed handlers are dropped, such as cookies of a failed login. Headers that were set
 * before this middleware are kept.
 */
function render(ctx: Context, error: AuthXError, before: ReturnType<typeof headersOf>, config: Config): void {
  for (const name of ctx.res.getHeaderNames()) ctx.res.removeHeader(name)
  for (const [name, value] of before) ctx.res.setHeader(name, value)
  for (const [name, value] of Object.entries(error.headers)) {
    if (name.toLowerCase() === 'set-cookie') ctx.append(name, value)
    else ctx.set(name, value)
  }
  ctx.status = error.status
  ctx.body = { [config.errorMessageKey]: publicMessage(error), error_type: error.name }
  ctx.respond = true
  if (error.status >= 500) report(ctx, error)
}

/**
 * Close the connection if an error after the response headers reaches Koa. Koa only reports such an error, and the
 * client would wait forever. The application may still catch the error first and end the response itself.
 */
function cutOffUncaught(ctx: Context, refusal: AuthXError): void {
  const { onerror } = ctx
  ctx.onerror = error => {
    try {
      onerror.call(ctx, error)
    } finally {
      if (error === refusal && !ctx.res.writableEnded) ctx.res.destroy()
    }
  }
}

/** Emits the app's `error` event. If a listener throws, the response is still sent. */
function report(ctx: Context, error: AuthXError): void {
  try {
    ctx.app.emit('error', error, ctx)
  } catch (failure) {
    const reason = failure instanceof Error ? failure.message : 'it threw a value that is not an Error'
    process.emitWarning(`a listener of the app's event 'error' failed: ${reason}`, 'AuthXWarning')
  }
}

/** The message for the client. It hides configuration errors. */
export function publicMessage(error: AuthXError): string {
  return error instanceof BadConfigurationError ? 'Internal Server Error' : error.message
}
