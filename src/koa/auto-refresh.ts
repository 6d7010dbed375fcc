import type { Context, Middleware } from 'koa'
import { identify, locateRequired } from '../authenticate/authenticate.js'
import type { Internals } from '../authenticate/internals.js'
import { verifyToken } from '../authenticate/verification.js'
import { AuthXError, BadConfigurationError, TokenExpiredError } from '../errors.js'
import { liesInside } from '../request/cookie-path.js'
import { setCookies } from '../request/cookies.js'
import type { LocatedToken } from '../request/locate.js'
import { isPageRead } from '../request/navigation.js'
import { forbidCaching, sharedCaching } from '../request/shared-cache.js'
import type { TokenPayload } from '../token/payload.js'
import { clearIfOver } from './ended-login.js'
import { keepCookies } from './kept-cookies.js'
import { exchangeIdentified } from './refresh.js'
import { report } from './render-errors.js'

const ACCESS_COOKIE = { type: 'access', locations: ['cookies'], verifyCsrf: false } as const
const REFRESH_COOKIE = { type: 'refresh', locations: ['cookies'], verifyCsrf: false } as const

/**
 * Makes middleware that refreshes on the way: if a page is loaded whose access token has expired or is missing, it
 * exchanges the refresh token's cookie before the handlers run. It rejects no request: if the refresh fails, the request
 * has no token. An error of the program, such as claims that are too large, is an `error` event of the app.
 * @throws BadConfigurationError unless both tokens are in cookies that browsers send with every page.
 */
export function autoRefresh(internals: Internals): Middleware {
  checkConfiguration(internals)
  return async function autoRefresh(ctx, next) {
    const cookies = await refreshed(internals, ctx)
    if (cookies.length === 0) return next()
    // No 304: a cache would add the headers of this response, with its cookies, to the page that it keeps.
    delete ctx.req.headers['if-none-match']
    delete ctx.req.headers['if-modified-since']
    ctx.set('Cache-Control', 'no-store')
    try {
      await next()
    } catch (error) {
      keepCookies(ctx, cookies)
      throw error
    }
    if (!ctx.headerSent && sharedCaching(ctx.status, ctx.res.getHeaders(), internals.config.now()) !== 'forbidden') {
      forbidCaching(ctx.res)
    }
  }
}

/** @throws BadConfigurationError */
function checkConfiguration({ ring, config }: Internals): void {
  const { tokenLocation, refreshCookiePath, accessCookiePath } = config
  const isInCookies = (['access', 'refresh'] as const).every(type => tokenLocation[type].includes('cookies'))
  const problems = [
    ...(ring.signing ? [] : ['autoRefresh issues tokens, but this instance has no key to sign with; set secretKey']),
    ...(isInCookies ? [] : ["autoRefresh needs both tokens in cookies; set tokenLocation: ['cookies']"]),
    ...(liesInside(accessCookiePath, refreshCookiePath)
      ? []
      : [
          `refreshCookiePath (${refreshCookiePath}) must include accessCookiePath (${accessCookiePath}): autoRefresh ` +
            "needs the refresh token's cookie on every page; set refreshCookiePath: '/'",
        ]),
  ]
  if (problems.length > 0) throw new BadConfigurationError(problems)
}

/**
 * Refreshes if the request needs it, and sets the cookies.
 * @returns the `Set-Cookie` lines. They clear the cookies if the session has just ended; none if nothing changes.
 */
async function refreshed(internals: Internals, ctx: Context): Promise<readonly string[]> {
  try {
    if (!isPageRead(ctx) || !(await lacksAccessToken(internals, ctx))) return []
    const presented = await identify(internals, ctx, REFRESH_COOKIE)
    if (!presented) return []
    const { access, cookies } = await exchangeIdentified(internals, ctx, presented, {})
    const token = { token: access.token, type: 'access', location: 'cookies' } as const
    ctx.state.token = await keepForGuards(internals, ctx, token)
    setCookies(ctx, cookies, internals.config)
    return cookies.map(({ text }) => text)
  } catch (error) {
    if (!(error instanceof AuthXError)) {
      report(ctx, error)
      return []
    }
    await clearIfOver(internals, ctx, error, 'page')
    const cleared = [error.headers['Set-Cookie'] ?? []].flat()
    if (cleared.length > 0) ctx.append('Set-Cookie', cleared)
    return cleared
  }
}

/** Whether the access token is missing or expired. False for every other invalid token: a guard says what is wrong. */
async function lacksAccessToken(internals: Internals, ctx: Context): Promise<boolean> {
  const [first] = locateRequired(internals, ctx, { type: 'access' })
  if (!first) return true
  if (first.location !== 'cookies') return false
  try {
    await identify(internals, ctx, ACCESS_COOKIE)
    return false
  } catch (error) {
    return error instanceof TokenExpiredError
  }
}

async function keepForGuards(internals: Internals, ctx: Context, renewed: LocatedToken): Promise<TokenPayload> {
  const payload = await verifyToken(internals, renewed.token, ctx)
  internals.requestCache.renew(ctx.req, renewed, payload)
  return payload
}
