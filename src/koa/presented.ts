import type { Identified } from '../authenticate/candidates.js'
import type { AuthContext } from '../authenticate/internals.js'
import type { Config } from '../config/table.js'
import { CSRFError } from '../errors.js'
import { checkCsrf } from '../request/csrf.js'
import type { LocatedToken } from '../request/locate.js'
import { idOf } from '../session/rotation.js'
import { isOwn } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'

/**
 * A token of a request that may end its session: a logout or a login. `fault` is set if another site may have made the
 * browser send the token. Then only another token of the same login shows that the login is the caller's.
 */
export interface Presented extends Identified {
  readonly fault: CSRFError | undefined
}

/** Returns why another site may have made the browser send a token. `undefined` if no other site can have done so. */
export function csrfFault(
  ctx: AuthContext,
  located: LocatedToken,
  payload: TokenPayload,
  config: Config,
): CSRFError | undefined {
  try {
    checkCsrf(ctx, located, payload, config, true)
    return undefined
  } catch (error) {
    if (error instanceof CSRFError) return error
    throw error
  }
}

/** Whether the login of a token is the caller's, by the token itself or by another token of the request. */
export const isProven = (token: Presented, presented: readonly Presented[]): boolean =>
  !token.fault || presented.some(other => vouchesFor(other, token))

/** Whether `other` proves that the caller owns the login of `token`: another site has no token of this login. */
function vouchesFor(other: Presented, { payload }: Presented): boolean {
  if (other.fault || !isOwn(other.payload)) return false
  const sameCsrf = Boolean(payload.csrf) && other.payload.csrf === payload.csrf
  return sameCsrf || idOf(other.payload) === idOf(payload)
}
