import type { Context } from 'koa'
import type { Config } from '../config/table.js'
import { cookieValues } from './cookie-values.js'
import { pathOfTarget } from './target.js'
import { warnOnce } from './warn.js'

/** Whether a browser sends a cookie whose path is `cookiePath` to the URL path `path` (RFC 6265 §5.1.4). */
export function liesInside(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
}

/**
 * The configurations of applications behind a proxy that rewrites paths. Their request paths do not show which cookies
 * browsers send.
 */
const rewritten = new WeakSet<Config>()

/**
 * Warns once if a logout request has no token cookie and its path is outside of the cookie's path: browsers do not send
 * the cookie there.
 */
export function warnAboutLogoutPath(ctx: Pick<Context, 'req'> & { originalUrl?: string }, config: Config): void {
  const cookie = cookieOfLogout(config)
  // Requests of tests may have no originalUrl.
  if (!cookie || ctx.originalUrl === undefined) return
  if (liesInside(pathOfTarget(ctx.originalUrl), cookie.path)) return
  if (cookieValues(ctx, cookie.name).length > 0) rewritten.add(config)
  else if (!rewritten.has(config)) warn(cookie.option, cookie.path)
}

/**
 * Warns once if browsers do not send the refresh token's cookie to the logout route of a router, because the cookie's
 * path is the refresh route. The check works for any mount path of the router.
 */
export function warnAboutLogoutRoute(refresh: string, logout: string, config: Config): void {
  const cookie = cookieOfLogout(config)
  if (cookie?.option !== 'refreshCookiePath' || !cookie.path.endsWith(refresh)) return
  const mountedAt = cookie.path.slice(0, -refresh.length)
  if (!liesInside(mountedAt + logout, cookie.path)) warn(cookie.option, cookie.path)
}

interface CookieOfLogout {
  readonly name: string
  readonly path: string
  readonly option: 'accessCookiePath' | 'refreshCookiePath'
}

/**
 * Returns the cookie that a logout needs: the refresh token's cookie if refresh tokens are in cookies, otherwise the
 * access token's cookie. `undefined` if no tokens are in cookies.
 */
function cookieOfLogout(config: Config): CookieOfLogout | undefined {
  if (config.tokenLocation.refresh.includes('cookies')) {
    return { name: config.refreshCookieName, path: config.refreshCookiePath, option: 'refreshCookiePath' }
  }
  if (!config.tokenLocation.access.includes('cookies')) return undefined
  return { name: config.accessCookieName, path: config.accessCookiePath, option: 'accessCookiePath' }
}

function warn(option: string, path: string): void {
  warnOnce(
    'AUTHX_LOGOUT_PATH',
    `The logout route is outside of ${option} (${path}): browsers do not send the cookie there, and a page cannot log ` +
      `out after a reload. Move the route below ${path}, such as ${path.replace(/\/$/, '')}/logout, or set ${option} ` +
      'to a path that includes both routes.',
  )
}
