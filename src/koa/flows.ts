import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import type { Context } from 'koa'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { askApplication } from '../authenticate/subject.js'
import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { type CookieLine, setCookies, tokenCookies } from '../request/cookies.js'
import { checkLoginOrigin } from '../request/origin.js'
import type { Replaced } from '../session/replaced.js'
import {
  checkContext,
  checkPairOptions,
  type Draft,
  draftPair,
  type Issued,
  lifeOf,
  type TokenPairOptions,
} from '../session/tokens.js'
import { checkSubject } from '../token/claims.js'
import { replacedLogins } from './replaced-logins.js'

/** The result of `createTokenPair` (RFC 6749 §5.1). */
export interface TokenPair {
  /** The encoded access token. */
  access_token: string
  /** The encoded refresh token. */
  refresh_token: string
  /** How the token is used (RFC 6750). */
  token_type: 'bearer'
  /** Seconds until the access token expires. */
  expires_in: number
}

/** The body of a login or refresh response (RFC 6749 §5.1). It does not contain tokens that are only in cookies. */
export interface TokenResponse extends Partial<TokenPair> {
  /** The encoded access token. Missing if it is only in a cookie. */
  access_token?: string
  /** The encoded refresh token. Missing if it is only in a cookie, or if there is none. */
  refresh_token?: string
  /** How the token is used (RFC 6750). */
  token_type: 'bearer'
  /** Seconds until the access token expires. */
  expires_in: number
  /** The CSRF value for the CSRF header of later requests. Only with `csrfInCookies: false`. */
  csrf_token?: string
}

/** The tokens of a response. `refresh` is missing if the refresh token does not change. */
export interface Tokens {
  readonly access: Issued
  readonly refresh?: Issued
}

const missingAwait = (call: string): PropertyDescriptor => ({
  value: () => {
    throw new TypeError(`an await is missing: write ctx.body = await authx.${call}`)
  },
})

/** For each flow, the method `toJSON` of the promise that the flow returns. It throws a TypeError. */
const TO_JSON = {
  createTokenPair: missingAwait('createTokenPair(sub)'),
  login: missingAwait('login(ctx, sub)'),
  refresh: missingAwait('refresh(ctx)'),
  reauthenticate: missingAwait('reauthenticate(ctx)'),
}

/**
 * Makes `ctx.body = authx.login(...)` without `await` an error. Koa would send 200 and `{}`, and the tokens would be
 * lost.
 */
export function awaited<T>(flow: keyof typeof TO_JSON, promise: Promise<T>): Promise<T> {
  return Object.defineProperty(promise, 'toJSON', TO_JSON[flow])
}

/** Open a session for `sub` and return its tokens, without a request and without cookies. */
export async function createTokenPair(
  internals: Internals,
  sub: string,
  options: TokenPairOptions,
): Promise<TokenPair> {
  const draft = await draftLogin(internals, sub, options, undefined)
  await open(internals, draft)
  const { access, refresh } = draft
  return { access_token: access.token, refresh_token: refresh.token, token_type: 'bearer', expires_in: lifeOf(access) }
}

/**
 * Open a session for `sub`, set its cookies and return the response body. Ends the sessions whose cookies it replaces.
 * It does not check credentials.
 */
export async function login(
  internals: Internals,
  ctx: AuthContext,
  sub: string,
  options: TokenPairOptions,
): Promise<TokenResponse> {
  return (await openLogin(internals, ctx, sub, options)).body
}

/** Does what `login` does, and returns the id of the session too. Without a store there is no session. */
export async function openLogin(
  internals: Internals,
  ctx: AuthContext,
  sub: string,
  options: TokenPairOptions,
): Promise<{ body: TokenResponse; sid: string | undefined }> {
  checkLoginOrigin(ctx, internals.config)
  const draft = await draftLogin(internals, sub, { ...options, fresh: options.fresh ?? true }, ctx)
  const cookies = linesFor(draft, internals.config, draft.record.persistent)
  const replaced = replacedLogins(internals, ctx)
  await internals.requestCache.askStore(ctx.req, () => open(internals, tracked(draft, ctx, internals.config), replaced))
  if (replaced.ended.length > 0) internals.requestCache.forget(ctx.req)
  return { body: handOut(internals, ctx, draft, cookies), sid: internals.sessions && draft.sid }
}

/**
 * Ask the application about the subject, then make the tokens of a login.
 * @param ctx the request; `undefined` in `createTokenPair`.
 */
async function draftLogin(
  internals: Internals,
  sub: string,
  options: TokenPairOptions,
  ctx: AuthContext | undefined,
): Promise<Draft> {
  checkSubject(sub)
  checkPairOptions(options, ctx ? 'login' : 'createTokenPair')
  checkContext(options.context, internals.config)
  const [sid, forCookies] = [randomUUID(), ctx !== undefined]
  checkOneSource(internals, options, ['data', 'scopes', 'audience'], forCookies ? 'login' : 'createTokenPair')
  const about = { reason: 'login', ctx: ctx as Context | undefined, sid, context: options.context } as const
  const claims = await askApplication(internals, sub, about)
  return draftPair(internals, sub, options, { sid, forCookies, claims })
}

/**
 * Check that `options` sets none of `names` if there is a claims getter, because the claims getter decides them.
 * @throws TypeError
 */
export function checkOneSource(
  { claimsGetter }: Internals,
  options: object,
  names: readonly string[],
  caller: string,
): void {
  if (!claimsGetter) return
  const given = names.filter(name => (options as Record<string, unknown>)[name] !== undefined)
  if (given.length === 0) return
  throw new TypeError(
    `${caller}: ${given.join(', ')} cannot be set beside a claims getter; return it from the claims getter instead`,
  )
}

/** Write a new session to the store. Without a store the tokens belong to no session. */
async function open(
  { sessions, events }: Internals,
  { sid, record, access, refresh }: Draft,
  replaced?: Replaced,
): Promise<void> {
  if (sessions) return sessions.open(sid, record, replaced)
  for (const { claims } of [access, refresh])
    events.emit('issued', { sid: claims.jti, sub: claims.sub, device: record.device })
}

/**
 * Returns tokens with the Set-Cookie lines for them. `persistent`: whether the cookies outlive the browser; default: as
 * `sessionCookie` and `cookieMaxAge` say.
 * @throws CookieTooLargeError
 */
export const withCookies = (tokens: Tokens, config: Config, persistent?: boolean) => ({
  ...tokens,
  cookies: linesFor(tokens, config, persistent),
})

/**
 * Makes the Set-Cookie lines of tokens. It is called before the store is written, because a cookie may be too large.
 * @throws CookieTooLargeError
 */
function linesFor({ access, refresh }: Tokens, config: Config, persistent?: boolean): readonly CookieLine[] {
  const issued = [access, refresh].filter(each => each !== undefined)
  return issued
    .filter(({ claims }) => config.tokenLocation[claims.type].includes('cookies'))
    .flatMap(({ token, claims }) => tokenCookies(claims.type, { ...claims, token, persistent }, config))
}

/** Sets the cookies of a login, refresh or `reauthenticate`, and returns the body of the response. */
export function handOut(
  internals: Internals,
  ctx: AuthContext,
  { access, refresh }: Tokens,
  cookies: readonly CookieLine[],
): TokenResponse {
  const { config } = internals
  setCookies(ctx, cookies, config)
  ctx.response.set('Cache-Control', 'no-store')
  const inBody = (type: TokenType) => config.tokenLocation[type].some(location => location !== 'cookies')
  const { csrf } = access.claims
  const body: Partial<TokenResponse> = {}
  if (inBody('access')) body.access_token = access.token
  if (refresh && inBody('refresh')) body.refresh_token = refresh.token
  body.token_type = 'bearer'
  body.expires_in = lifeOf(access)
  if (cookies.length > 0 && config.cookieCsrfProtect && !config.csrfInCookies && csrf) body.csrf_token = csrf
  return body as TokenResponse
}

/**
 * Returns the draft with the data that `sessionTracking` records in `device`. The size limit of `device` applies only
 * to what the application passes, not to the user agent and the IP address of the client.
 */
function tracked(draft: Draft, ctx: AuthContext, { sessionTracking }: Config): Draft {
  if (!sessionTracking) return draft
  const device = { ...whereabouts(ctx), ...draft.record.device }
  return { ...draft, record: { ...draft.record, device } }
}

/** The data of a request that `sessionTracking` records. */
function whereabouts(ctx: AuthContext): Record<string, unknown> {
  const userAgent = ctx.req.headers['user-agent']?.slice(0, 512)
  // If app.proxy is set wrongly, Koa takes the address from a header that the client sets.
  return { ...(userAgent && { userAgent }), ...(isIP(ctx.ip) > 0 && { ip: ctx.ip }) }
}
