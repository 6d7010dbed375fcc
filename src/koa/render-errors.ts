import type { Context, Next } from 'koa'
import type { Config } from '../config/table.js'
import { AuthXError, BadConfigurationError } from '../errors.js'
import { addKeptCookies } from './kept-cookies.js'
import { type LoginPage, loginAddress } from './login-page.js'

/** Options of `middleware`. */
export interface MiddlewareOptions {
  /**
   * The login page: a path such as `'/login'`, or a function that returns it. A navigation (a link, a form or the
   * address bar) that ends in a 401 of koa-authx is redirected there (303). For GET and HEAD, `next` in the query is the
   * path and query of the request: read it with `authx.nextPath(ctx)`. Default: none.
   */
  loginPage?: LoginPage | undefined
  /**
   * Renders every other error of koa-authx. Status, headers and the JSON body are set before the call, and may be
   * changed: `onError: (ctx, error) => ctx.render('error', { status: error.status })`. Default: none.
   */
  onError?: ((ctx: Context, error: AuthXError) => unknown) | undefined
}

/** The requests inside of a `renderErrors`. */
const rendered = new WeakSet<Context['req']>()

/** Whether `authx.middleware()` is around the caller: it renders the errors that the caller throws. */
export const isRendered = ({ req }: Pick<Context, 'req'>) => rendered.has(req)

/** Calls `next`, and responds with the error of the library that it throws. Other errors are thrown. */
export async function renderErrors(
  ctx: Context,
  next: Next,
  config: Config,
  options: MiddlewareOptions = {},
): Promise<void> {
  // Packages that pass WebSocket upgrades to middleware may pass no response. Then no error can be rendered.
  const before = ctx.res && headersOf(ctx.res)
  const isOutermost = before && !isRendered(ctx)
  if (isOutermost) rendered.add(ctx.req)
  try {
    await next()
  } catch (error) {
    if (!(error instanceof AuthXError) || !before) throw error
    if (ctx.headerSent) {
      cutOffUncaught(ctx, error)
      throw error
    }
    await respond(ctx, error, before, config, options)
  } finally {
    if (isOutermost) rendered.delete(ctx.req)
  }
}

/** Returns a copy of the headers of a response, because Koa adds cookies to the array that `getHeaders` returns. */
export function headersOf(response: Context['res']): [name: string, value: number | string | string[]][] {
  return Object.entries(response.getHeaders()).map(([name, value = '']) => [
    name,
    Array.isArray(value) ? [...value] : value,
  ])
}

/**
 * Respond with an error: by a redirect to the login page, by `onError`, or by JSON. If a handler set
 * `ctx.respond = false` but has sent nothing, the response is sent too. Otherwise the client would wait forever.
 */
async function respond(
  ctx: Context,
  error: AuthXError,
  before: ReturnType<typeof headersOf>,
  config: Config,
  { loginPage, onError }: MiddlewareOptions,
): Promise<void> {
  ctx.respond = true
  resetHeaders(ctx, before)
  const address = error.status === 401 && loginPage !== undefined ? loginAddress(ctx, loginPage) : undefined
  if (address !== undefined) return redirect(ctx, error, address)
  setHeaders(ctx, error.headers)
  addKeptCookies(ctx.req, ctx.res)
  ctx.status = error.status
  const body = { [config.errorMessageKey]: publicMessage(error), error_type: error.name }
  ctx.body = body
  if (error.status >= 500) report(ctx, error)
  if (!onError) return
  // Without a Content-Type, Koa sets it for the body that `onError` sets, such as HTML.
  ctx.remove('Content-Type')
  await onError(ctx, error)
  if (ctx.body === body && !ctx.response.type) ctx.type = 'json'
}

/** The browser gets no challenge, but the cookies of a session that has ended are cleared. */
function redirect(ctx: Context, { headers: { 'Set-Cookie': cookies = [] } }: AuthXError, address: string): void {
  setHeaders(ctx, { 'Set-Cookie': cookies, 'Cache-Control': 'no-store' })
  addKeptCookies(ctx.req, ctx.res)
  ctx.status = 303
  ctx.redirect(address)
}

/**
 * As in Koa, the headers of the failed handlers are dropped, such as cookies of a failed login. Headers that were set
 * before this middleware are kept.
 */
export function resetHeaders(ctx: Context, before: ReturnType<typeof headersOf>): void {
  for (const name of ctx.res.getHeaderNames()) ctx.res.removeHeader(name)
  for (const [name, value] of before) ctx.res.setHeader(name, value)
}

function setHeaders(ctx: Context, headers: AuthXError['headers']): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === 'set-cookie') ctx.append(name, value)
    else ctx.set(name, value)
  }
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
export function report(ctx: Context, error: unknown): void {
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
