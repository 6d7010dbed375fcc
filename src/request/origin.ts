import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/table.js'
import * as values from '../config/values.js'
import { CSRFError } from '../errors.js'
import type { RequestContext } from './context.js'

const ORIGINS = values.listOf(values.origin)

/** @throws TypeError unless `origins` is a list of origins as browsers write them. */
export function checkOrigins(origins: unknown): asserts origins is readonly string[] {
  if (ORIGINS.read(origins) === undefined) throw new TypeError(`origins must be ${ORIGINS.accepts}`)
}

/**
 * A browser opens WebSockets for pages of any site, with our cookies, and no CORS stands in between. But it says whose
 * page asks (RFC 6455 §10.2), in the one spelling that an origin has: anything else does not come from a browser.
 * @throws CSRFError
 */
export function checkOrigin(request: IncomingMessage, origins: readonly string[]): void {
  const { origin } = request.headers
  if (origin === undefined) refuse('the token came in a cookie, and the request has no Origin')
  // Node makes 'a, b' of two of them, which is in no list.
  if (!origins.includes(origin))
    refuse(`the Origin ${JSON.stringify(origin.slice(0, 200))} is not one of the allowed origins`)
}

/**
 * Packages such as koa-websocket show upgrades to Koa's middleware. Then a guard stands where `authenticateUpgrade` would,
 * and asks for the origin too: this server's own, or a trusted one.
 * @throws CSRFError
 */
export function checkUpgradeOrigin(ctx: RequestContext, { trustedOrigins }: Config): void {
  if (!asksForWebSocket(ctx.req)) return
  checkOrigin(ctx.req, [...trustedOrigins, ...ownOrigin(ctx)])
}

/** RFC 9110 §7.8: a list of protocols, in any case. */
function asksForWebSocket({ headers }: IncomingMessage): boolean {
  // Over HTTP/2 it is a pseudo-header (RFC 8441 §4).
  if (headers[':protocol'] !== undefined) return true
  return headers.upgrade !== undefined && /(?:^|,)\s*websocket\s*(?:[,/]|$)/i.test(headers.upgrade)
}

/** As Koa sees it, `app.proxy` included. Some proxies say `wss` where they mean `https`. */
function ownOrigin({ request: { protocol, host } }: RequestContext): string[] {
  const own = `${protocol.replace(/^ws/, 'http')}://${host}`
  return /^https?:/.test(own) && URL.canParse(own) ? [new URL(own).origin] : []
}

function refuse(cause: string): never {
  throw new CSRFError('The request comes from an origin that is not allowed', undefined, { cause })
}
