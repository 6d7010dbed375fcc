import type { AuthContext, Internals } from '../authenticate/internals.js'
import { checkLoginType, checkType } from '../authenticate/token-checks.js'
import type { TokenLocation } from '../config/options.js'
import { AuthXError } from '../errors.js'
import { csrfFault } from '../request/csrf.js'
import { type LocatedToken, locate } from '../request/locate.js'
import { NOTHING_REPLACED, type Replaced } from '../session/replaced.js'
import { idOf } from '../session/rotation.js'
import type { TokenPayload } from '../token/payload.js'
import { verify } from '../token/verify.js'
import { isProven, type Presented } from './presented.js'

/**
 * Returns what a login replaces: the sessions of the tokens in the request's cookies, expired tokens too. The login ends
 * a session if the request passes the CSRF check for its token, or has another token of the same login. Tokens in
 * other locations stay with the client: it may hold several logins. Invalid tokens, tokens of another login type and
 * tokens that only somebody else's key has signed are ignored. Does not ask the store.
 */
export function replacedLogins(internals: Internals, ctx: AuthContext): Replaced {
  if (!internals.sessions) return NOTHING_REPLACED
  const inCookies = presentedIn(internals, ctx, location => location === 'cookies')
  if (inCookies.length === 0) return NOTHING_REPLACED
  const others = presentedIn(internals, ctx, location => location !== 'cookies')
  const presented = [...inCookies, ...others]
  return {
    presented: oneOfEach(inCookies),
    ended: oneOfEach(inCookies.filter(token => isProven(token, presented))),
  }
}

function presentedIn(
  internals: Internals,
  ctx: AuthContext,
  isWanted: (location: TokenLocation) => boolean,
): Presented[] {
  const { config } = internals
  const found = (['access', 'refresh'] as const).flatMap(type =>
    config.tokenLocation[type]
      .filter(isWanted)
      .flatMap(location => ignoringInvalid(() => locate(ctx, type, [location], config))),
  )
  return found.flatMap(located => ignoringInvalid(() => present(internals, ctx, located)))
}

/**
 * Returns a token with its payload, or nothing if it is an issuer's. Only the configured keys verify: no session ends
 * because of a token that another key has signed, and a login does not wait for `getKey` or the keys of an issuer.
 */
function present({ config, ring, issuers }: Internals, ctx: AuthContext, located: LocatedToken): readonly Presented[] {
  // Before it is verified: what our own keys have verified is cached as our own.
  if (issuers?.ofToken(located.token)) return []
  const payload = verify(located.token, ring, config, { ignoreTimes: true })
  checkType(payload, located.type)
  checkLoginType(payload, config)
  return [{ payload, located, fault: csrfFault(ctx, located, payload, config) }]
}

function ignoringInvalid<T>(find: () => readonly T[]): readonly T[] {
  try {
    return find()
  } catch (error) {
    if (error instanceof AuthXError) return []
    throw error
  }
}

/** Returns one token of each session. */
const oneOfEach = (presented: readonly Presented[]): TokenPayload[] => [
  ...new Map(presented.map(({ payload }) => [idOf(payload), payload])).values(),
]
