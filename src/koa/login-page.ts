import type { Context } from 'koa'
import { isForm, parsedBody } from '../request/body.js'
import type { RequestContext } from '../request/context.js'
import { isNavigation, isOwnPath, isPageRead } from '../request/navigation.js'
import { pathOfTarget } from '../request/target.js'

/** The address of the login page: a path such as `'/login'`, or a function that returns it for a request. */
export type LoginPage = string | ((ctx: Context) => string)

/** @throws TypeError */
export function checkLoginPage(loginPage: unknown): asserts loginPage is LoginPage | undefined {
  if (loginPage === undefined || typeof loginPage === 'function' || isOwnPath(loginPage)) return
  throw new TypeError("middleware: loginPage must be a path such as '/login', or a function that returns one")
}

/**
 * Returns the address to redirect a refused request to. `undefined` if it is no navigation, or the login page itself.
 * For GET and HEAD, `next` in its query is the path and query of the request.
 * @throws TypeError if the function `loginPage` does not return a path of this origin.
 */
export function loginAddress(ctx: Context, loginPage: LoginPage): string | undefined {
  if (!isNavigation(ctx)) return undefined
  const page = typeof loginPage === 'function' ? loginPage(ctx) : loginPage
  if (!isOwnPath(page)) throw new TypeError("middleware: loginPage must return a path of this origin such as '/login'")
  const { originalUrl } = ctx
  if (pathOfTarget(originalUrl) === pathOfTarget(page)) return undefined
  if (!isPageRead(ctx) || !isOwnPath(originalUrl)) return page
  const [address = '', ...fragment] = page.split(/(?=#)/)
  return `${address}${address.includes('?') ? '&' : '?'}next=${encodeURIComponent(originalUrl)}${fragment.join('')}`
}

/** Returns `next` of the query, or of the parsed form, if it is a path of this origin; otherwise `'/'`. */
export function nextPath(ctx: RequestContext & Pick<Context, 'query'>): string {
  const body = isForm(ctx) ? parsedBody(ctx) : undefined
  const next = ctx.query.next ?? (body as { next?: unknown } | undefined)?.next
  return isOwnPath(next) ? next : '/'
}
