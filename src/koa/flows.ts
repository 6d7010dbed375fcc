import { isIP } from 'node:net'
import { identify, missing } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
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
import { idOf } from '../session/rotation.js'
import type { Mint } from '../session/sessions.js'
import {
  checkDevice,
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

/** What `createTokenPair` resolves to (RFC 6749 §5.1). */
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

/** The body of a login or refresh response (RFC 6749 §5.1): without the tokens that travel in cookies only. */
export interface TokenResponse {
  /** The encoded access token; not there if it travels in a cookie only. */
  access_token?: string
  /** The encoded refresh token; not there if it travels in a cookie only, or there is none. */
  refresh_token?: string
  /** How the token is used (RFC 6750). */
  token_type: 'bearer'
  /** Seconds until the access token ends. */
  expires_in: number
  /** With `csrfInCookies: false`: what requests have to repeat in the CSRF header. */
  csrf_token?: string
}

/** Changes to the new access token; the refresh token, and what comes after it, stays as the login made it. */
export interface RefreshOptions {
  /** Claims to add or replace. */
  data?: Record<string, unknown> | undefined
  /** Narrower scopes: each must be covered by the refresh token's. */
  scopes?: readonly string[] | undefined
  /** When the access token ends. Default `accessTokenExpires`. */
  expiry?: Duration | Date | undefined
}

interface Tokens {
  readonly access: Issued
  readonly refresh?: Issued
}

const missingAwait = (call: string): PropertyDescriptor => ({
  value: () => {
    throw new TypeError(`an await is missing: ctx.body = await authx.${call}`)
  },
})

/** What the promise of a flow answers to JSON. */
const TO_JSON = {
  createTokenPair: missingAwait('createTokenPair(sub)'),
  login: missingAwait('login(ctx, sub)'),
  refresh: missingAwait('refresh(ctx)'),
}

/** Koa would send `ctx.body = authx.login(...)`, without `await`, as 200 and `{}`: the session is open, and nobody has it. */
export function awaited<T>(flow: keyof typeof TO_JSON, promise: Promise<T>): Promise<T> {
  return Object.defineProperty(promise, 'toJSON', TO_JSON[flow])
}

/** Open a session for `sub` and return its tokens. It concerns no request, and sets no cookie. */
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

/** Open a session for `sub` and hand out its tokens. Check the credentials before. */
export async function login(
  internals: Internals,
  ctx: AuthContext,
  sub: string,
  options: TokenPairOptions,
): Promise<TokenResponse> {
  const { device: own = {} } = options
  checkDevice(own)
  const device = { ...(internals.config.sessionTracking && whereabouts(ctx)), ...own }
  const draft = draftPair(internals, sub, { ...options, fresh: options.fresh ?? true, device }, true)
  const cookies = linesFor(draft, internals.config)
  await internals.requestCache.askStore(ctx.req, () => open(internals, draft))
  return handOut(internals, ctx, draft, cookies)
}

/** Write the session of tokens that are about to be handed out; without a store they name none. */
async function open({ sessions, events }: Internals, { sid, record, access, refresh }: Draft): Promise<void> {
  if (sessions) return sessions.open(sid, record)
  for (const { claims } of [access, refresh]) events.emit('issued', { sid: claims.jti, sub: claims.sub })
}

/** Exchange the refresh token of the request for its successor and a new access token. */
export function refresh(internals: Internals, ctx: AuthContext, options: RefreshOptions): Promise<TokenResponse> {
  const trace: RefreshTrace = {}
  const run = () => refreshTraced(internals, ctx, options, trace)
  return isTraced('refresh') ? traced('refresh', trace, run) : run()
}

async function refreshTraced(
  internals: Internals,
  ctx: AuthContext,
  options: RefreshOptions,
  trace: RefreshTrace,
): Promise<TokenResponse> {
  const requirement = { type: 'refresh', verifyCsrf: true } as const
  checkOptions(options, internals.config)
  const presented = await identify(internals, ctx, requirement)
  if (!presented) throw missing(ctx, requirement, internals.config)
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

/** What is thrown in the place of an error of `exchange`. */
function refusal(error: unknown, { location }: Candidate, { data }: RefreshOptions, config: Config): unknown {
  // The session has just ended here; a thrown error keeps no other headers than its own. A token that came in another way
  // may be anybody's, and says nothing of the cookies beside it.
  if (error instanceof ReusedTokenError && location === 'cookies') {
    error.headers['Set-Cookie'] = allClearedCookies(config).map(({ text }) => text)
  }
  // A login of this library has seen to the size: without new claims it is the client's token that is too large.
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
  // Nothing else knows when the login began: the refresh token is never exchanged.
  const end = presented.iat + config.sessionExpires
  if (now / 1000 >= end) throw new TokenExpiredError()
  const times = { iat: Math.floor(now / 1000), exp: Math.min(timeOf('expiry', expiry, now), Math.floor(end)) }
  return statelessAccess(internals, presented, times, options)
}

const withCookies = (tokens: Tokens, config: Config) => ({ ...tokens, cookies: linesFor(tokens, config) })

/** The lines for those tokens that travel in cookies; made before anything is written, since they may be too large. */
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

/** What `sessionTracking` keeps of a request. */
function whereabouts(ctx: AuthContext): Record<string, unknown> {
  const userAgent = ctx.req.headers['user-agent']?.slice(0, 512)
  // Behind a proxy that is trusted wrongly, Koa takes the address from a header of the client's.
  return { ...(userAgent && { userAgent }), ...(isIP(ctx.ip) > 0 && { ip: ctx.ip }) }
}

const REFRESH_OPTIONS = new Set(['data', 'scopes', 'expiry'])

/** @throws TypeError */
function checkOptions(options: RefreshOptions, config: Config): void {
  checkNames(options, REFRESH_OPTIONS, 'refresh')
  checkData(options.data, config)
  checkScopes(options.scopes)
}

/** @throws InsufficientScopeError if `scopes` are wider than the login's. */
function checkCovered({ scopes }: RefreshOptions, presented: TokenPayload): void {
  if (scopes && !coversAll(presented.scopes ?? [], scopes)) throw new InsufficientScopeError(scopes)
}
