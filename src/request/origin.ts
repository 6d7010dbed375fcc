import type { IncomingMessage } from 'node:http'
import type { Config } from '../config/table.js'
import * as values from '../config/values.js'
import { CSRFError } from '../errors.js'
import { usesCookies } from '../token/claims.js'
import { mediaTypeOf } from './body.js'
import type { RequestContext } from './context.js'
import { csrfHeader } from './csrf-header.js'
import { isSafeMethod } from './methods.js'

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
  if (!origins.includes(origin)) refuse(`the Origin ${quoted(origin)} is not one of the allowed origins`)
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
 * Whether the browser says that the request comes from a page of this origin or of `trustedOrigins`, or from the user.
 * False if the request has neither `Sec-Fetch-Site` (Fetch Metadata) nor `Origin`: it is no request of a modern
 * browser.
 * @throws CSRFError if the request comes from another page.
 */
export function isFromOwnPage(ctx: RequestContext, { trustedOrigins }: Pick<Config, 'trustedOrigins'>): boolean {
  const { origin, 'sec-fetch-site': site } = ctx.req.headers
  if (site === 'same-origin' || site === 'none') return true
  if (origin !== undefined && trustedOrigins.includes(origin)) return true
  if (site !== undefined) refuse(`Sec-Fetch-Site is ${quoted(String(site))}, and Origin is not one of trustedOrigins`)
  if (origin === undefined) return false
  if (ownOrigin(ctx).includes(origin)) return true
  refuse(`the Origin ${quoted(origin)} is not this server's own (${ownOrigin(ctx)}) and not one of trustedOrigins`)
}

/**
 * Whether the browser says that a page of another origin has made it send the request, and the origin is not one of
 * `trustedOrigins`. False if the request has neither `Sec-Fetch-Site` nor `Origin`.
 */
export function isFromOtherPage(ctx: RequestContext, config: Pick<Config, 'trustedOrigins'>): boolean {
  try {
    isFromOwnPage(ctx, config)
    return false
  } catch (error) {
    if (error instanceof CSRFError) return true
    throw error
  }
}

/**
 * Reject a login that sets cookies, if a page of another site sends it: it would log the user in as somebody else
 * (login CSRF). Accepts GET and HEAD: a sign-in with an identity provider ends with such a request, and its `state`
 * protects it. With `csrfCheck: 'token'` it accepts JSON and a CSRF header too: browsers send them for a page of another
 * origin only if the application allows this origin by CORS.
 * @throws CSRFError
 */
export function checkLoginOrigin(ctx: RequestContext, config: Config): void {
  const { csrfCheck, cookieCsrfProtect } = config
  if (!cookieCsrfProtect || !usesCookies(config) || isSafeMethod(ctx.method)) return
  if (csrfCheck === 'token' && isAllowedByCors(ctx, config)) return
  isFromOwnPage(ctx, config)
}

/** Whether a page of another origin can send the request only with a CORS preflight (Fetch §2.2.2). */
const isAllowedByCors = (ctx: RequestContext, config: Config): boolean =>
  mediaTypeOf(ctx) === 'application/json' ||
  (['access', 'refresh'] as const).some(type => csrfHeader(ctx, type, config) !== undefined)

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

const quoted = (value: string) => JSON.stringify(value.slice(0, 200))

function refuse(cause: string): never {
  throw new CSRFError('The request comes from an origin that is not allowed', undefined, { cause })
}
