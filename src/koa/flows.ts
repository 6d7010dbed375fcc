import { randomUUID } from 'node:crypto'
import { isIP } from 'node:net'
import type { Context } from 'koa'
import { identify, locateRequired, missing } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { emittingRefused } from '../authenticate/refusal.js'
import { askApplication } from '../authenticate/subject.js'
import type { Duration } from '../config/duration.js'
import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import {
  CookieTooLargeError,
  JWTDecodeError,
  ReusedTokenError,
  SubjectNotFoundError,
  TokenExpiredError,
} from '../errors.js'
import { allClearedCookies, type CookieLine, setCookies, tokenCookies } from '../request/cookies.js'
import type { Candidate } from '../request/locate.js'
import { checkLoginOrigin } from '../request/origin.js'
import type { SessionRecord } from '../session/record.js'
import type { Mint } from '../session/rotate.js'
import { idOf } from '../session/rotation.js'
import {
  checkPairOptions,
  type Draft,
  draftPair,
  type Issued,
  lifeOf,
  statelessAccess,
  successorPair,
  type TokenPairOptions,
} from '../session/tokens.js'
import { checkData, checkScopes, checkSubject, timeOf } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import { isTraced, type RefreshTrace, traced } from '../tracing.js'
import { AskedAgain } from './asked-again.js'

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
  /**
   * Claims to add or replace. Default: the claims of the login. Not allowed with a claims getter, which decides them.
   */
  data?: Record<string, unknown> | undefined
  /**
   * Narrower scopes. The scopes of the claims getter or, without one, of the refresh token must cover each of them.
   * Default: the scopes of the claims getter or, without one, of the login.
   */
  scopes?: readonly string[] | undefined
  /** When the access token expires: a duration or a date. Default `accessTokenExpires`. */
  expiry?: Duration | Date | undefined
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

/** Open a session for `sub`, set its cookies and return the response body. It does not check credentials. */
export async function login(
  internals: Internals,
  ctx: AuthContext,
  sub: string,
  options: TokenPairOptions,
): Promise<TokenResponse> {
  checkLoginOrigin(ctx, internals.config)
  const draft = await draftLogin(internals, sub, { ...options, fresh: options.fresh ?? true }, ctx)
  const cookies = linesFor(draft, internals.config, draft.record.persistent)
  await internals.requestCache.askStore(ctx.req, () => open(internals, tracked(draft, ctx, internals.config)))
  return handOut(internals, ctx, draft, cookies)
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
  const [sid, forCookies] = [randomUUID(), ctx !== undefined]
  checkOneSource(internals, options, ['data', 'scopes', 'audience'], forCookies ? 'login' : 'createTokenPair')
  const about = { reason: 'login', ctx: ctx as Context | undefined, sid, context: options.context } as const
  const claims = await askApplication(internals, sub, about)
  return draftPair(internals, sub, options, { sid, forCookies, claims })
}

/** @throws TypeError if there is a claims getter and `options` has one of `names`, which the claims getter decides. */
function checkOneSource({ claimsGetter }: Internals, options: object, names: readonly string[], caller: string): void {
  if (!claimsGetter) return
  const given = names.filter(name => (options as Record<string, unknown>)[name] !== undefined)
  if (given.length === 0) return
  throw new TypeError(
    `${caller}: ${given.join(', ')} cannot be set beside a claims getter; return it from the claims getter instead`,
  )
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
  checkOneSource(internals, options, ['data'], 'refresh')
  const presented = await identify(internals, ctx, REFRESH_TOKEN)
  if (!presented) throw missing(ctx, REFRESH_TOKEN, internals.config)
  const { payload, located } = presented
  trace.sid = idOf(payload)
  trace.sub = payload.sub
  const tokens = await internals.requestCache
    .askStore(ctx.req, () => exchange(internals, ctx, payload, options))
    .catch(error => {
      throw refusal(error, located, options, internals.config)
    })
  internals.requestCache.forget(ctx.req)
  return handOut(internals, ctx, tokens, tokens.cookies)
}

async function exchange(
  internals: Internals,
  ctx: AuthContext,
  presented: TokenPayload,
  options: RefreshOptions,
): Promise<Tokens & { cookies: readonly CookieLine[] }> {
  const { sessions, revocation, config, events } = internals
  const deadline = revocation.deadline()
  await revocation.checkBlocklist(presented, deadline)
  const asked = new AskedAgain(internals, ctx, presented, options)
  if (!sessions) {
    await asked.ask(undefined)
    const tokens = withCookies({ access: refreshStateless(internals, asked) }, config)
    events.emit('refreshed', { sid: presented.jti, sub: presented.sub })
    return tokens
  }
  const mint: Mint<Tokens & { cookies: readonly CookieLine[] }> = (sid, record, times) => {
    const { token, changes } = asked.source()
    return withCookies(successorPair(internals, token, sid, record, times, changes), config, record.persistent)
  }
  const prepare = asked.isNeeded ? (record: SessionRecord | undefined) => asked.ask(record) : undefined
  return sessions
    .rotate({ token: presented, accessExpiry: options.expiry, prepare, mint }, deadline)
    .catch(async error => {
      if (error === asked.gone) await sessions.revoke(presented)
      throw error
    })
}

/** The error to throw instead of an error of `exchange`. */
function refusal(error: unknown, { location }: Candidate, { data }: RefreshOptions, config: Config): unknown {
  // The session has just ended, so the response clears its cookies. The header is set on the error, because Koa drops
  // headers of the response. A token from another location may belong to another login than the cookies.
  const hasEnded = error instanceof ReusedTokenError || error instanceof SubjectNotFoundError
  if (hasEnded && location === 'cookies') {
    error.headers['Set-Cookie'] = allClearedCookies(config).map(({ text }) => text)
  }
  // `login` checks the size of its cookies. Without new claims, the client's own token is too large.
  if (error instanceof CookieTooLargeError && !data) {
    return new JWTDecodeError(undefined, undefined, { cause: error.cause })
  }
  return error
}

function refreshStateless(internals: Internals, asked: AskedAgain): Issued {
  const { config } = internals
  const { token: presented, changes } = asked.source()
  const now = config.now()
  const { expiry = config.accessTokenExpires } = changes
  // Without a store the refresh token is never exchanged, so its `iat` is the time of the login.
  const end = presented.iat + config.sessionExpires
  if (now / 1000 >= end) throw new TokenExpiredError()
  const times = { iat: Math.floor(now / 1000), exp: Math.min(timeOf('expiry', expiry, now), Math.floor(end)) }
  return statelessAccess(internals, presented, times, changes)
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
