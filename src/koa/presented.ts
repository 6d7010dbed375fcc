import type { Identified } from '../authenticate/candidates.js'
import type { CSRFError } from '../errors.js'
import { idOf } from '../session/rotation.js'
import { isOwn } from '../token/own.js'

/**
 * A token of a request that may end its session: a logout or a login. `fault` is set if another site may have made the
 * browser send the token. Then only another token of the same login shows that the login is the caller's.
 */
export interface Presented extends Identified {
  readonly fault: CSRFError | undefined
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
