import type { Context } from 'koa'
import type { Config } from '../config/table.js'
import { cookieValues } from './cookie-values.js'
import { pathOfTarget } from './target.js'
import { warnOnce } from './warn.js'

/** Whether a browser sends a cookie of this path to `path` (RFC 6265 §5.1.4). */
export function liesInside(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
}

/** Applications where a proxy shows browsers other paths than it asks for here: these say nothing about cookies. */
const rewritten = new WeakSet<Config>()

/** Warns, once, if a logout comes to a path that the browser keeps its cookie from, and comes without that cookie. */
export function warnAboutLogoutPath(ctx: Pick<Context, 'req'> & { originalUrl?: string }, config: Config): void {
  const cookie = cookieOfLogout(config)
  // A request of a test may have none.
  if (!cookie || ctx.originalUrl === undefined) return
  if (liesInside(pathOfTarget(ctx.originalUrl), cookie.path)) return
  if (cookieValues(ctx, cookie.name).length > 0) rewritten.add(config)
  else if (!rewritten.has(config)) warn(cookie.option, cookie.path)
}

/**
 * Warns, once, if the logout route of a router cannot lie where the browser sends the cookie: the cookie's path is the
 * refresh route, under whatever path the router is mounted.
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

/** The cookie that a page still has when it has lost everything else. */
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
    `The logout route lies outside of ${option}, ${path}: browsers do not send the cookie there, and a page that has been ` +
      `reloaded cannot log out. Put the route below that path, such as ${path.replace(/\/$/, '')}/logout, or set ${option} ` +
      'to a path that both routes lie in.',
  )
}
