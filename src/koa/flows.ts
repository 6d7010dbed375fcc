import { isIP } from 'node:net'
import { identify, locateRequired, missing } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { emittingRefused } from '../authenticate/refusal.js'
import type { Duration } from '../config/duration.js'
import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import {
  CookieTooLargeError,
  InsufficientScopeError,
  JWTDecodeError,
  ReusedTokenError,
  TokenExpiredError,
} from '../errors.js'
import { allClearedCookies, type CookieLine, setCookies, tokenCookies } from '../request/cookies.js'
import type { Candidate } from '../request/locate.js'
import { revokedBecause } from '../session/revoked.js'
import type { Mint } from '../session/rotate.js'
import { idOf } from '../session/rotation.js'
import {
  type Draft,
  draftPair,
  type Issued,
  lifeOf,
  statelessAccess,
  successorPair,
  type TokenPairOptions,
} from '../session/tokens.js'
import { checkData, checkScopes, timeOf } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import { coversAll } from '../token/scopes.js'
import { isTraced, type RefreshTrace, traced } from '../tracing.js'

/** The result of `createTokenPair` (RFC 6749 §5.1). */
export interface TokenPair {
  /** The encoded access token. */
  access_token: string
  /** The encoded refresh token. */
  refresh_token: string
  /** How the token is used (RFC 6750). */
  token_type: 'bearer'
  /** Seconds until the access token ends. */
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
  /** Seconds until the access token ends. */
  expires_in: number
  /** The CSRF value for the CSRF header of later requests. Only with `csrfInCookies: false`. */
  csrf_token?: string
}

/** Options of the new access token. They do not change the refresh token or later access tokens. */
export interface RefreshOptions {
  /** Claims to add or replace. Default: the claims of the login. */
  data?: Record<string, unknown> | undefined
  /** Narrower scopes. The refresh token's scopes must cover each of them. Default: the scopes of the login. */
  scopes?: readonly string[] | undefined
  /** When the access token expires: a duration or a date. Default `accessTokenExpires`. */
  expiry?: Duration | Date | undefined
}

interface Tokens {
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
  const draft = draftPair(internals, sub, options)
  await open(internals, draft)
  const { access, refresh } = draft
  return { access_token: access.token, refresh_token: refresh.token, token_type: 'bearer', expires_in: lifeOf(access) }
}

/** Open a session for `sub`, set its cookies and return the response body. It does not check credentials. */
export async function login(
  internals: Internals,
  ctx: AuthContext,
  sub: string,
  options: TokenPairOptions,
): Promise<TokenResponse> {
  const draft = draftPair(internals, sub, { ...options, fresh: options.fresh ?? true }, true)
  const cookies = linesFor(draft, internals.config)
  await internals.requestCache.askStore(ctx.req, () => open(internals, tracked(draft, ctx, internals.config)))
  return handOut(internals, ctx, draft, cookies)
}

/** Write a new session to the store. Without a store the tokens belong to no session. */
async function open({ sessions, events }: Internals, { sid, record, access, refresh }: Draft): Promise<void> {
  if (sessions) return sessions.open(sid, record)
  for (const { claims } of [access, refresh])
    events.emit('issued', { sid: claims.jti, sub: claims.sub, device: record.device })
}

/** Exchange the refresh token of the request for its successor and a new access token. */
export function refresh(internals: Internals, ctx: AuthContext, options: RefreshOptions): Promise<TokenResponse> {
  const trace: RefreshTrace = {}
  const run = () => refreshTraced(internals, ctx, options, trace)
  const answer = isTraced('refresh') ? traced('refresh', trace, run) : run()
  const call = { ctx, locate: () => locateRequired(internals, ctx, REFRESH_TOKEN) }
  return emittingRefused(internals, call, answer)
}

const REFRESH_TOKEN = { type: 'refresh', verifyCsrf: true } as const

async function refreshTraced(
  internals: Internals,
  ctx: AuthContext,
  options: RefreshOptions,
  trace: RefreshTrace,
): Promise<TokenResponse> {
  checkOptions(options, internals.config)
  const presented = await identify(internals, ctx, REFRESH_TOKEN)
  if (!presented) throw missing(ctx, REFRESH_TOKEN, internals.config)
  const { payload, located } = presented
  trace.sid = idOf(payload)
  trace.sub = payload.sub
  const tokens = await internals.requestCache
    .askStore(ctx.req, () => exchange(internals, payload, options))
    .catch(error => {
      throw refusal(error, located, options, internals.config)
    })
  internals.requestCache.forget(ctx.req)
  return handOut(internals, ctx, tokens, tokens.cookies)
}

async function exchange(
  internals: Internals,
  presented: TokenPayload,
  options: RefreshOptions,
): Promise<Tokens & { cookies: readonly CookieLine[] }> {
  const { sessions, revocation, config } = internals
  const deadline = revocation.deadline()
  await revocation.checkBlocklist(presented, deadline)
  if (!sessions) {
    const access = refreshStateless(internals, presented, options)
    const tokens = withCookies({ access }, config)
    internals.events.emit('refreshed', { sid: presented.jti, sub: presented.sub })
    return tokens
  }
  const mint: Mint<Tokens & { cookies: readonly CookieLine[] }> = (sid, record, times) => {
    checkCovered(options, presented)
    return withCookies(successorPair(internals, presented, sid, record, times, options), config)
  }
  return sessions.rotate(presented, options.expiry, mint, deadline)
}

/** The error to throw instead of an error of `exchange`. */
function refusal(error: unknown, { location }: Candidate, { data }: RefreshOptions, config: Config): unknown {
  // The session has just ended, so clear its cookies: only headers of the error itself are sent. A token from another
  // location may belong to another login than the cookies.
  if (error instanceof ReusedTokenError && location === 'cookies') {
    error.headers['Set-Cookie'] = allClearedCookies(config).map(({ text }) => text)
  }
  // `login` checks the size of its cookies. Without new claims, the client's own token is too large.
  if (error instanceof CookieTooLargeError && !data) {
    return new JWTDecodeError(undefined, undefined, { cause: error.cause })
  }
  return error
}

function refreshStateless(internals: Internals, presented: TokenPayload, options: RefreshOptions): Issued {
  const { config } = internals
  if (presented.sid !== undefined) throw revokedBecause('noStore')
  checkCovered(options, presented)
  const now = config.now()
  const { expiry = config.accessTokenExpires } = options
  // Without a store the refresh token is never exchanged, so its `iat` is the time of the login.
  const end = presented.iat + config.sessionExpires
  if (now / 1000 >= end) throw new TokenExpiredError()
  const times = { iat: Math.floor(now / 1000), exp: Math.min(timeOf('expiry', expiry, now), Math.floor(end)) }
  return statelessAccess(internals, presented, times, options)
}

const withCookies = (tokens: Tokens, config: Config) => ({ ...tokens, cookies: linesFor(tokens, config) })

/** The Set-Cookie lines. They are made before the store is written, because a cookie may be too large. */
function linesFor({ access, refresh }: Tokens, config: Config): readonly CookieLine[] {
  const issued = [access, refresh].filter(each => each !== undefined)
  return issued
    .filter(({ claims }) => config.tokenLocation[claims.type].includes('cookies'))
    .flatMap(({ token, claims }) => tokenCookies(claims.type, { ...claims, token }, config))
}

function handOut(
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

/** The draft with what `sessionTracking` records. The limit of `device` is for the application, not for the client. */
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

const REFRESH_OPTIONS = new Set(['data', 'scopes', 'expiry'])

/** Checks the options of `refresh`. @throws TypeError */
function checkOptions(options: RefreshOptions, config: Config): void {
  checkNames(options, REFRESH_OPTIONS, 'refresh')
  checkData(options.data, config)
  checkScopes(options.scopes)
}

/** Checks the option `scopes`. @throws InsufficientScopeError if the scopes of the login do not cover it. */
function checkCovered({ scopes }: RefreshOptions, presented: TokenPayload): void {
  if (scopes && !coversAll(presented.scopes ?? [], scopes)) throw new InsufficientScopeError(scopes)
}
