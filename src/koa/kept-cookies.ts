import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'koa'
import { forbidCaching } from '../request/shared-cache.js'

/** The `Set-Cookie` lines that the response of a request has to contain, also if its handlers fail. */
const kept = new WeakMap<IncomingMessage, readonly string[]>()

/**
 * Keep `Set-Cookie` lines in the response of a request whose handlers have failed: Koa drops the headers of such a
 * response. They are not put on the error, because one error object may be thrown to several requests.
 */
export function keepCookies(ctx: Context, cookies: readonly string[]): void {
  const { req, res, onerror } = ctx
  const earlier = kept.get(req)
  kept.set(req, [...(earlier ?? []), ...cookies])
  if (!res.headersSent) forbidCaching(res)
  if (earlier) return
  ctx.onerror = error => {
    if (error !== null && error !== undefined) addBeforeEnd(req, res)
    onerror.call(ctx, error)
  }
}

/** Adds the kept lines to a response, and forbids caches to keep it. Caches may keep errors too, such as 404. */
export function addKeptCookies(req: IncomingMessage, res: ServerResponse): void {
  const cookies = kept.get(req)
  if (!cookies || res.headersSent) return
  const present = [res.getHeader('Set-Cookie') ?? []].flat().map(String)
  res.setHeader('Set-Cookie', [...cookies, ...present.filter(line => !cookies.includes(line))])
  forbidCaching(res)
}

/** Koa's `onerror` removes all headers and ends the response, so only `end` can add some. */
function addBeforeEnd(req: IncomingMessage, res: ServerResponse): void {
  const { end } = res
  res.end = ((...chunk: Parameters<typeof end>) => {
    res.end = end
    addKeptCookies(req, res)
    return end.apply(res, chunk)
  }) as typeof end
}
