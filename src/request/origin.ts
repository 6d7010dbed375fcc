import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/table.js'
import * as values from '../config/values.js'
import { CSRFError } from '../errors.js'
import type { RequestContext } from './context.js'

const ORIGINS = values.listOf(values.origin)

/** Checks that `origins` is a list of origins as browsers send them. @throws TypeError */
export function checkOrigins(origins: unknown): asserts origins is readonly string[] {
  if (ORIGINS.read(origins) === undefined) throw new TypeError(`origins must be ${ORIGINS.accepts}`)
}

/**
 * Check the Origin of a WebSocket upgrade. Browsers open WebSockets for pages of any site, send our cookies, and do not
 * use CORS. But they always send the origin of the page (RFC 6455 §10.2), in exactly one spelling.
 * @throws CSRFError
 */
export function checkOrigin(request: IncomingMessage, origins: readonly string[]): void {
  const { origin } = request.headers
  if (origin === undefined) refuse('the token is from a cookie, but the request has no Origin header')
  // Node joins a repeated Origin to 'a, b', which is never allowed.
  if (!origins.includes(origin))
    refuse(`the Origin ${JSON.stringify(origin.slice(0, 200))} is not one of the allowed origins`)
}

/**
 * Check the Origin of a WebSocket upgrade that a guard sees. Packages such as koa-websocket pass upgrades to Koa's
 * middleware. The origin must be this server's own or one of `trustedOrigins`. Requests that are not upgrades pass.
 * @throws CSRFError
 */
export function checkUpgradeOrigin(ctx: RequestContext, { trustedOrigins }: Config): void {
  if (!asksForWebSocket(ctx.req)) return
  checkOrigin(ctx.req, [...trustedOrigins, ...ownOrigin(ctx)])
}

/**
 * Whether the request is a WebSocket upgrade. `Upgrade` is a list of protocols, in upper or lower case (RFC 9110 §7.8).
 */
function asksForWebSocket({ headers }: IncomingMessage): boolean {
  // HTTP/2 uses a pseudo-header (RFC 8441 §4).
  if (headers[':protocol'] !== undefined) return true
  return headers.upgrade !== undefined && /(?:^|,)\s*websocket\s*(?:[,/]|$)/i.test(headers.upgrade)
}

/** This server's origin as Koa sees it, including `app.proxy`. Some proxies send `wss` instead of `https`. */
function ownOrigin({ request: { protocol, host } }: RequestContext): string[] {
  const own = `${protocol.replace(/^ws/, 'http')}://${host}`
  return /^https?:/.test(own) && URL.canParse(own) ? [new URL(own).origin] : []
}

function refuse(cause: string): never {
  throw new CSRFError('The request comes from an origin that is not allowed', undefined, { cause })
}
