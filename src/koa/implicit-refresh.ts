import type { Context, Middleware } from 'koa'
import { identify } from '../authenticate/authenticate.js'
import type { Internals } from '../authenticate/internals.js'
import type { Config } from '../config/table.js'
import { AuthXError, BadConfigurationError } from '../errors.js'
import { setCookies, setsAccessCookie, tokenCookies } from '../request/cookies.js'
import { sharedCaching } from '../request/shared-cache.js'
import { pathOfTarget } from '../request/target.js'
import { trimEnd } from '../request/trim.js'
import { idOf } from '../session/rotation.js'
import { renewedAccess } from '../session/tokens.js'
import type { TokenPayload } from '../token/payload.js'

/**
 * After the handlers, puts a new access token into the cookie of a browser whose own is about to expire. It says nothing
 * about the request: a token that is not good is not renewed, and refused where a guard stands.
 * @throws BadConfigurationError if access tokens do not travel in cookies, or the instance cannot sign any.
 */
export function implicitRefresh(internals: Internals): Middleware {
  if (!internals.ring.signing) {
    throw new BadConfigurationError([
      'implicitRefresh issues tokens: this instance only verifies; give it a key to sign with',
    ])
  }
  if (!internals.config.tokenLocation.access.includes('cookies')) {
    throw new BadConfigurationError(["implicitRefresh renews cookies: add 'cookies' to tokenLocation, or leave it out"])
  }
  return async function implicitRefresh(ctx, next) {
    await next()
    try {
      if (!isIncluded(ctx, internals.config) || isSettled(ctx, internals.config)) return
      await renew(internals, ctx)
    } catch (error) {
      // Revoked, forged or unknown: not renewed. What the handlers have answered stands.
      if (!(error instanceof AuthXError)) throw error
    }
  }
}

async function renew(internals: Internals, ctx: Context): Promise<void> {
  const { config } = internals
  const requirement = { type: 'access', locations: ['cookies'], verifyCsrf: false, ownKey: true } as const
  const payload = (await identify(internals, ctx, requirement))?.payload
  if (!payload || !isDue(payload, config)) return
  // Asked anew: the handlers may have revoked what a guard found good before them.
  const end = await internals.requestCache.askStore(ctx.req, () => internals.revocation.endOf(payload))
  const iat = Math.floor(config.now() / 1000)
  const exp = Math.min(iat + Math.ceil(config.accessTokenExpires), Math.floor(end / 1000))
  if (exp <= payload.exp || ctx.headerSent) return
  const { token, claims } = renewedAccess(internals, payload, { iat, exp })
  setCookies(ctx, tokenCookies('access', { ...claims, token }, config), config)
  internals.events.emit('refreshed', { sid: idOf(payload), sub: payload.sub })
  // An answer of which nothing is said may be kept by a cache's own rules.
  if (cachingOf(ctx, config) === 'unsaid') ctx.set('Cache-Control', 'no-store')
}

const cachingOf = ({ status, res }: Context, { now }: Config) => sharedCaching(status, res.getHeaders(), now())

/** Lists that are empty include everything and exclude nothing; what any of them forbids is not renewed. */
function isIncluded(ctx: Context, config: Config): boolean {
  const path = spelledAlike(pathOfTarget(originalUrlOf(ctx)))
  // HEAD asks for what GET would answer, and routers take it so.
  const method = ctx.method === 'HEAD' ? 'GET' : ctx.method
  const names = (routes: readonly string[]) => routes.some(route => spelledAlike(route) === path)
  const { implicitRefreshRouteExclude: noRoutes, implicitRefreshRouteInclude: routes } = config
  const { implicitRefreshMethodExclude: noMethods, implicitRefreshMethodInclude: methods } = config
  if (names(noRoutes) || noMethods.includes(method)) return false
  return (routes.length === 0 || names(routes)) && (methods.length === 0 || methods.includes(method))
}

/** What the client asked for: koa-mount, and servers that Koa is mounted in, take the front off `ctx.path`. */
function originalUrlOf(ctx: Context): string {
  const { originalUrl = ctx.originalUrl } = ctx.req as { originalUrl?: string }
  return originalUrl
}

/** Routers take these spellings of a path for the same. */
function spelledAlike(path: string): string {
  try {
    return trimEnd(decodeURIComponent(path).toLowerCase(), '/')
  } catch {
    return path
  }
}

/**
 * The handlers have said themselves what becomes of the cookie, or have made a page that caches hand to others. One that
 * answers past Koa may still say so.
 */
function isSettled(ctx: Context, config: Config): boolean {
  if (ctx.headerSent || ctx.respond === false || setsAccessCookie(ctx, config)) return true
  return cachingOf(ctx, config) === 'allowed'
}

/**
 * Whether the token says that it may be renewed, and its end is near and not past: the handlers may have taken their
 * time. Every other token ends when it says, and what revokes it is kept no longer.
 */
function isDue({ exp, renewable }: TokenPayload, config: Config): boolean {
  const left = exp - config.now() / 1000
  return renewable === true && left < config.implicitRefreshDeltatime && left > -config.decodeLeeway
}
