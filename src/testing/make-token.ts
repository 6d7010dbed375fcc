import { internalsOf } from '../authenticate/internals.js'
import type { AuthX } from '../authx.js'
import { checkNames, isObject } from '../config/values.js'
import { newClaims } from '../token/claims.js'
import { type Claims, signAny, withIdentity } from '../token/sign.js'

/** Options of `makeToken`. */
export interface MakeTokenOptions {
  /** Members to add to the token's header, or to replace there; not `alg`. Default: none. */
  header?: Record<string, unknown> | undefined
}

const OPTIONS = new Set(['header'])

/**
 * Signs a token with the current key of `authx`, without a check of its claims. Default: a valid access token of the
 * subject `test`, without a session; with `type: 'refresh'`, a valid refresh token. A claim that you pass replaces the
 * default claim; `undefined` removes it. `sub` is written to the claim that the option `identityClaim` names. Times are
 * in seconds.
 * @throws TypeError that names the invalid argument; BadConfigurationError if the instance has no key to sign with.
 */
export function makeToken(
  authx: Pick<AuthX, 'createAccessToken'>,
  claims: Record<string, unknown> = {},
  options: MakeTokenOptions = {},
): string {
  const { config, ring } = internalsOf(authx)
  if (!isObject(claims)) throw new TypeError('claims must be an object')
  if (!isObject(options)) throw new TypeError('the options of makeToken must be an object')
  checkNames(options, OPTIONS, 'makeToken')
  const { header = {} } = options
  if (!isObject(header)) throw new TypeError('header must be an object')
  if (Object.hasOwn(header, 'alg'))
    throw new TypeError('header must not contain alg: the key of the instance decides it')
  const { identityClaim } = config
  const defaults = newClaims(claims.type === 'refresh' ? 'refresh' : 'access', 'test', {}, config)
  const own = Object.hasOwn(claims, identityClaim) ? { [identityClaim]: claims[identityClaim] } : {}
  return signAny({ ...withIdentity({ ...defaults, ...claims } as Claims, identityClaim), ...own }, ring, header)
}
