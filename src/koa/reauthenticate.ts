import { authenticate, locateRequired, missing } from '../authenticate/authenticate.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { emittingRefused } from '../authenticate/refusal.js'
import { checkNames } from '../config/values.js'
import { BadConfigurationError, JWTDecodeError } from '../errors.js'
import type { AccessTimes } from '../session/rotate.js'
import type { Sessions } from '../session/sessions.js'
import { reauthenticatedAccess } from '../session/tokens.js'
import { checkAmr } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import { handOut, type TokenResponse, withCookies } from './flows.js'

/** Options of `reauthenticate`. */
export interface ReauthenticateOptions {
  /**
   * How the user has just proved who they are: methods of RFC 8176, such as `['otp']`. They are added to the methods
   * that the session already has. Default: none.
   */
  amr?: readonly string[] | undefined
}

const OPTION_NAMES = new Set(['amr'])

/**
 * The requirements for the token. A configured key must have signed it: a token of another issuer changes no session.
 */
const ACCESS_TOKEN = { type: 'access', verifyCsrf: true, ownKey: true } as const

/**
 * Store a new check of the user's credentials in the session of the request's access token, and return the response
 * body with a new access token.
 */
export function reauthenticate(
  internals: Internals,
  ctx: AuthContext,
  options: ReauthenticateOptions,
): Promise<TokenResponse> {
  const call = { ctx, locate: () => locateRequired(internals, ctx, ACCESS_TOKEN) }
  return emittingRefused(internals, call, answer(internals, ctx, options))
}

async function answer(internals: Internals, ctx: AuthContext, options: ReauthenticateOptions): Promise<TokenResponse> {
  checkNames(options, OPTION_NAMES, 'reauthenticate')
  const { amr } = options
  checkAmr(amr)
  const sessions = sessionsOf(internals)
  const payload = await tokenOfSession(internals, ctx)
  const tokens = await internals.requestCache.askStore(ctx.req, () =>
    sessions.reauthenticate(payload, amr ?? [], (_sid, record, times) => {
      const access = reauthenticatedAccess(internals, payload, record, withinLifeOf(payload, times, internals))
      return withCookies({ access }, internals.config, record.persistent)
    }),
  )
  return handOut(internals, ctx, tokens, tokens.cookies)
}

/**
 * With a claims getter or a subject getter, the new token ends when the presented one ends. It copies the claims of the presented
 * token, and only a refresh asks the getter: `reauthenticate` must not put the refresh off.
 */
function withinLifeOf(
  { exp }: TokenPayload,
  times: AccessTimes,
  { claimsGetter, subjectGetter }: Internals,
): AccessTimes {
  return claimsGetter || subjectGetter ? { ...times, exp: Math.min(times.exp, exp) } : times
}

/** Returns the sessions of the instance. @throws BadConfigurationError without a store. */
function sessionsOf({ sessions }: Internals): Sessions {
  if (sessions) return sessions
  throw new BadConfigurationError([
    'store is missing: reauthenticate writes into the session of the token; set store: new SqliteTokenStore(...)',
  ])
}

/**
 * Resolves to the access token of the request, which must belong to a session.
 * @throws the errors of `accessTokenRequired`; JWTDecodeError if the token belongs to no session.
 */
async function tokenOfSession(internals: Internals, ctx: AuthContext): Promise<TokenPayload> {
  const payload = await authenticate(internals, ctx, ACCESS_TOKEN)
  if (!payload) throw missing(ctx, ACCESS_TOKEN, internals.config)
  if (payload.sid !== undefined) return payload
  throw new JWTDecodeError(undefined, undefined, {
    cause: 'reauthenticate: the token belongs to no session (sid); log in again, with login or createTokenPair',
  })
}
