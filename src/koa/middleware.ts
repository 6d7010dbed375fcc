import type { Context, Middleware } from 'koa'
import { authenticate } from '../authenticate/authenticate.js'
import type { Internals } from '../authenticate/internals.js'
import type { Config } from '../config/table.js'
import { AuthXError, BadConfigurationError } from '../errors.js'
import { describeGuard } from '../guards/guard-info.js'
import type { TokenPayload } from '../token/payload.js'

/** Recognises who is there, refuses nobody, and renders the library's errors. */
export function middleware(internals: Internals): Middleware<{ token?: TokenPayload }> {
  const recognises: Middleware<{ token?: TokenPayload }> = async function authx(ctx, next) {
    const payload = await recognise(internals, ctx as unknown as Context)
    if (payload) ctx.state.token = payload
    // Packages that show upgrades to middleware may give no response: there is nothing to render into then.
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
  return describeGuard(recognises, { name: 'middleware', loginType, asked: [], protects: false })
}

/** A token that is not good is a guard's business: on a public page it is as if there were none. */
async function recognise(internals: Internals, ctx: Context): Promise<TokenPayload | undefined> {
  try {
    return await authenticate(internals, ctx, { type: 'access' })
  } catch (error) {
    if (error instanceof AuthXError) return undefined
    throw error
  }
}

/** A copy: Koa's cookies are added to the very array that `getHeaders` shows. */
function headersOf(response: Context['res']): [name: string, value: number | string | string[]][] {
  return Object.entries(response.getHeaders()).map(([name, value = '']) => [
    name,
    Array.isArray(value) ? [...value] : value,
  ])
}

/**
 * Answer with an error. A handler that wanted to answer past Koa (`ctx.respond = false`) has sent nothing, and whoever
 * refuses answers in its place: nobody else would, and the client would wait for ever.
 *
 * Like Koa, drop what the failed handlers set (cookies of a login that did not come about), but keep what stood before.
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
 * A refusal that comes after the head is thrown on, and who catches it ends the response. If it gets as far as Koa, nobody
 * has: Koa reports it and sends nothing, and the client would wait for ever. A connection that is cut tells it that the
 * answer is not whole.
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

/** A listener that throws takes nobody's answer away. */
function report(ctx: Context, error: AuthXError): void {
  try {
    ctx.app.emit('error', error, ctx)
  } catch (failure) {
    const reason = failure instanceof Error ? failure.message : 'what it threw is no Error'
    process.emitWarning(`a listener of the app's 'error' failed: ${reason}`, 'AuthXWarning')
  }
}

/** What is configured is the operator's business. */
export function publicMessage(error: AuthXError): string {
  return error instanceof BadConfigurationError ? 'Internal Server Error' : error.message
}
