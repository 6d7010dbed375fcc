import { identify, locateRequired, missing } from '../authenticate/authenticate.js'
import type { Identified } from '../authenticate/candidates.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { emittingRefused } from '../authenticate/refusal.js'
import type { Duration } from '../config/duration.js'
import type { Config } from '../config/table.js'
import { checkNames } from '../config/values.js'
import { CookieTooLargeError, JWTDecodeError, TokenExpiredError } from '../errors.js'
import type { CookieLine } from '../request/cookies.js'
import type { SessionRecord } from '../session/record.js'
import type { Mint } from '../session/rotate.js'
import { idOf } from '../session/rotation.js'
import { type Issued, statelessAccess, successorPair } from '../session/tokens.js'
import { checkData, checkScopes, timeOf } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import { isTraced, type RefreshTrace, traced } from '../tracing.js'
import { AskedAgain } from './asked-again.js'
import { clearIfOver } from './ended-login.js'
import { checkOneSource, handOut, type TokenResponse, type Tokens, withCookies } from './flows.js'

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

/** Exchange the refresh token of the request for its successor and a new access token. */
export function refresh(internals: Internals, ctx: AuthContext, options: RefreshOptions): Promise<TokenResponse> {
  const trace: RefreshTrace = {}
  const run = () => refreshTraced(internals, ctx, options, trace)
  const answer = (isTraced('refresh') ? traced('refresh', trace, run) : run()).catch(async error => {
    await clearIfOver(internals, ctx, error, 'refresh')
    throw error
  })
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
  trace.sid = idOf(presented.payload)
  trace.sub = presented.payload.sub
  const tokens = await exchangeIdentified(internals, ctx, presented, options)
  return handOut(internals, ctx, tokens, tokens.cookies)
}

/** New tokens, with their Set-Cookie lines. */
type TokensWithCookies = Tokens & { readonly cookies: readonly CookieLine[] }

/**
 * Exchange the refresh token of a request. It sets no cookies.
 * @throws the errors of `refresh`.
 */
export async function exchangeIdentified(
  internals: Internals,
  ctx: AuthContext,
  { payload }: Identified,
  options: RefreshOptions,
): Promise<TokensWithCookies> {
  const tokens = await internals.requestCache
    .askStore(ctx.req, () => exchange(internals, ctx, payload, options))
    .catch(error => {
      throw refusal(error, options, internals)
    })
  internals.requestCache.forget(ctx.req)
  return tokens
}

async function exchange(
  internals: Internals,
  ctx: AuthContext,
  presented: TokenPayload,
  options: RefreshOptions,
): Promise<TokensWithCookies> {
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
  const mint: Mint<TokensWithCookies> = (sid, record, times) => {
    const { token, changes } = asked.source()
    return withCookies(successorPair(internals, token, sid, record, times, changes), config, record.persistent)
  }
  const prepare = asked.isNeeded ? (record: SessionRecord | undefined) => asked.ask(record) : undefined
  return sessions.rotate({ token: presented, accessExpiry: options.expiry, prepare, mint }, deadline)
}

/** The error to throw instead of an error of `exchange`. */
function refusal(error: unknown, { data }: RefreshOptions, { claimsGetter }: Internals): unknown {
  // `login` does not issue tokens that are too large for a cookie. So if the application adds no claims, the token that
  // the client sent is too large already: reject it (401).
  if (error instanceof CookieTooLargeError && !data && !claimsGetter) {
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

const REFRESH_OPTIONS = new Set(['data', 'scopes', 'expiry'])

/** Checks the options of `refresh`. @throws TypeError */
function checkOptions(options: RefreshOptions, config: Config): void {
  checkNames(options, REFRESH_OPTIONS, 'refresh')
  checkData(options.data, config)
  checkScopes(options.scopes)
}
