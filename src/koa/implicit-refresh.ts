import type { Context, Middleware } from 'koa'
import { identify } from '../authenticate/authenticate.js'
import type { Internals } from '../authenticate/internals.js'
import type { Config } from '../config/table.js'
import { AuthXError, BadConfigurationError, SubjectNotFoundError } from '../errors.js'
import { setCookies, setsAccessCookie, tokenCookies } from '../request/cookies.js'
import { isFromOtherPage } from '../request/origin.js'
import { sharedCaching } from '../request/shared-cache.js'
import { pathOfTarget } from '../request/target.js'
import { trimEnd } from '../request/trim.js'
import { idOf } from '../session/rotation.js'
import { renewedAccess } from '../session/tokens.js'
import type { TokenPayload } from '../token/payload.js'
import { AskedAgain, type TokenSource } from './asked-again.js'
import { clearingLines } from './ended-login.js'

/**
 * Makes middleware that runs after the handlers and renews an access token in a cookie if it expires soon. It rejects
 * no request: an invalid token is not renewed, and guards reject it.
 * @throws BadConfigurationError if `cookies` is not a location of access tokens, or the instance has no key to sign
 * with.
 */
export function implicitRefresh(internals: Internals): Middleware {
  if (!internals.ring.signing) {
    throw new BadConfigurationError([
      'implicitRefresh issues tokens, but this instance has no key to sign with; set secretKey or privateKey',
    ])
  }
  if (!internals.config.tokenLocation.access.includes('cookies')) {
    throw new BadConfigurationError([
      "implicitRefresh renews cookies, but tokenLocation has no 'cookies'; add 'cookies', or do not call implicitRefresh",
    ])
  }
  return async function implicitRefresh(ctx, next) {
    await next()
    try {
      if (!isIncluded(ctx, internals.config) || isSettled(ctx, internals.config)) return
      await renew(internals, ctx)
    } catch (error) {
      // An invalid token, or a store that does not answer: the token is not renewed. The handlers' response stays.
      if (!(error instanceof AuthXError)) throw error
    }
  }
}

async function renew(internals: Internals, ctx: Context): Promise<void> {
  const { config } = internals
  const requirement = { type: 'access', locations: ['cookies'], verifyCsrf: false, ownKey: true } as const
  const payload = (await identify(internals, ctx, requirement))?.payload
  if (!payload || !isDue(payload, config)) return
  // Ask the store again, because the handlers may have revoked the token.
  const { endsAt, persistent } = await internals.requestCache.askStore(ctx.req, () =>
    internals.revocation.endOf(payload),
  )
  const iat = Math.floor(config.now() / 1000)
  const exp = Math.min(iat + Math.ceil(config.accessTokenExpires), Math.floor(endsAt / 1000))
  if (exp <= payload.exp || ctx.headerSent) return
  const { token: source, changes } = await askAgain(internals, ctx, payload)
  if (ctx.headerSent) return
  const { token, claims } = renewedAccess(internals, source, { iat, exp }, changes)
  setCookies(ctx, tokenCookies('access', { ...claims, token, persistent }, config), config)
  internals.events.emit('refreshed', { sid: idOf(payload), sub: payload.sub })
  // Without caching headers, a cache may keep the response by its own rules.
  if (cachingOf(ctx, config) === 'unsaid') ctx.set('Cache-Control', 'no-store')
}

/**
 * Ask the application about the subject of an access token before it is renewed. If the subject does not exist, the
 * session of the token is revoked, and its cookies are cleared.
 * @throws SubjectNotFoundError, CallbackUnavailableError
 */
async function askAgain(internals: Internals, ctx: Context, payload: TokenPayload): Promise<TokenSource> {
  const { sessions, claimsGetter, config } = internals
  const asked = new AskedAgain(internals, ctx, payload, {}, 'implicitRefresh')
  if (!asked.isNeeded) return asked.source()
  try {
    await asked.ask(claimsGetter && payload.sid !== undefined ? await sessions?.find(payload.sid) : undefined)
    return asked.source()
  } catch (error) {
    if (error instanceof SubjectNotFoundError && !isFromOtherPage(ctx, config)) {
      const lines = await clearingLines(internals, ctx, [idOf(payload)])
      if (!ctx.headerSent) setCookies(ctx, lines, config)
    }
    throw error
  }
}

const cachingOf = ({ status, res }: Context, { now }: Config) => sharedCaching(status, res.getHeaders(), now())

/** Checks the include and exclude lists. An empty list includes everything, or excludes nothing. */
function isIncluded(ctx: Context, config: Config): boolean {
  const path = spelledAlike(pathOfTarget(originalUrlOf(ctx)))
  // Routers handle HEAD as GET.
  const method = ctx.method === 'HEAD' ? 'GET' : ctx.method
  const names = (routes: readonly string[]) => routes.some(route => spelledAlike(route) === path)
  const { implicitRefreshRouteExclude: noRoutes, implicitRefreshRouteInclude: routes } = config
  const { implicitRefreshMethodExclude: noMethods, implicitRefreshMethodInclude: methods } = config
  if (names(noRoutes) || noMethods.includes(method)) return false
  return (routes.length === 0 || names(routes)) && (methods.length === 0 || methods.includes(method))
}

/**
 * The URL that the client requested. koa-mount, and servers that Koa is mounted in, remove the mount path from
 * `ctx.path`.
 */
function originalUrlOf(ctx: Context): string {
  const { originalUrl = ctx.originalUrl } = ctx.req as { originalUrl?: string }
  return originalUrl
}

/** Normalises a path: routers ignore percent-encoding, case and trailing slashes. */
function spelledAlike(path: string): string {
  try {
    return trimEnd(decodeURIComponent(path).toLowerCase(), '/')
  } catch {
    return path
  }
}

/**
 * Whether the cookie must not be set: the handlers have set or cleared it, the response is sent already or bypasses
 * Koa, or a shared cache may keep the response and send the cookie to others.
 */
function isSettled(ctx: Context, config: Config): boolean {
  if (ctx.headerSent || ctx.respond === false || setsAccessCookie(ctx, config)) return true
  return cachingOf(ctx, config) === 'allowed'
}

/**
 * Whether the token is renewable and expires soon, but has not expired while the handlers ran. Other tokens are never
 * renewed: their revocation is only kept until their `exp`.
 */
function isDue({ exp, renewable }: TokenPayload, config: Config): boolean {
  const left = exp - config.now() / 1000
  return renewable === true && left < config.implicitRefreshDeltatime && left > -config.decodeLeeway
}
