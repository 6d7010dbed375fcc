import type { Context } from 'koa'
import type { Config } from '../config/table.js'
import { cookieValues } from './cookie-values.js'
import { pathOfTarget } from './target.js'
import { warnOnce } from './warn.js'

/** Whether a browser sends a cookie with `cookiePath` to `path` (RFC 6265 §5.1.4). */
export function liesInside(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
}

/** Applications behind a proxy that rewrites paths. Their request paths do not show which cookies browsers send. */
const rewritten = new WeakSet<Config>()

/** Warns once if a logout request has a path to which the browser does not send the cookie, and has no such cookie. */
export function warnAboutLogoutPath(ctx: Pick<Context, 'req'> & { originalUrl?: string }, config: Config): void {
  const cookie = cookieOfLogout(config)
  // Requests of tests may have no originalUrl.
  if (!cookie || ctx.originalUrl === undefined) return
  if (liesInside(pathOfTarget(ctx.originalUrl), cookie.path)) return
  if (cookieValues(ctx, cookie.name).length > 0) rewritten.add(config)
  else if (!rewritten.has(config)) warn(cookie.option, cookie.path)
}

/**
 * Warns once if the browser does not send the cookie to the logout route of a router, because the cookie's path is the
 * refresh route. It works for any mount path of the router.
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

/** The cookie that a logout needs: of the refresh token if it is in a cookie, otherwise of the access token. */
function cookieOfLogout({ tokenLocation, ...config }: Config): CookieOfLogout | undefined {
  if (tokenLocation.refresh.includes('cookies')) {
    return { name: config.refreshCookieName, path: config.refreshCookiePath, option: 'refreshCookiePath' }
  }
  if (!tokenLocation.access.includes('cookies')) return undefined
  return { name: config.accessCookieName, path: config.accessCookiePath, option: 'accessCookiePath' }
}

function warn(option: string, path: string): void {
  warnOnce(
    'AUTHX_LOGOUT_PATH',
    `The logout route is outside of ${option} (${path}): browsers do not send the cookie there, so that a page cannot log ` +
      `out after a reload. Move the route below ${path}, such as ${path.replace(/\/$/, '')}/logout, or set ${option} ` +
      'to a path that includes both routes.',
  )
}
