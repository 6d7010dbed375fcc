import type { Algorithm, UnverifiedPayload } from '../config/options.js'
import { isObject } from '../config/values.js'
import { familyOf } from './algorithms.js'

/** `code` of jose: no key of the set, or more than one, is what the token's header names. */
const CODES: readonly unknown[] = ['ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWKS_MULTIPLE_MATCHING_KEYS']

/**
 * `code` of jose where a set of public keys is asked about an HS token, or about a payload whose claim `header` jose takes
 * for another header; with other tokens it is the set that is wrong.
 */
const UNSUPPORTED = 'ERR_JOSE_NOT_SUPPORTED'

/** `name` of jwks-rsa: the set has no key with the token's `kid`, or has several and the token names none. */
const NAME = 'SigningKeyNotFoundError'

/** An error may be wrapped in others, which may go in a circle. */
const MOST_CAUSES = 8

/**
 * Whether an error that `getKey` has thrown says that there is no key for this token: the answer is then that of a token
 * that nobody has signed. Every other error (no connection, a time limit, a rate limit, a set that cannot be read) means
 * that nothing is known. Of several errors together each has to say it.
 */
export function saysNoSuchKey(
  error: unknown,
  alg: Algorithm,
  payload: UnverifiedPayload = {},
  causes = MOST_CAUSES,
): boolean {
  if (!isObject(error) || causes === 0) return false
  const { code, name, errors, cause } = error
  const isTokensFault = familyOf(alg) === 'secret' || isObject(payload.header)
  if (CODES.includes(code) || name === NAME || (code === UNSUPPORTED && isTokensFault)) return true
  if (Array.isArray(errors) && errors.length > 0)
    return errors.every(each => saysNoSuchKey(each, alg, payload, causes - 1))
  return saysNoSuchKey(cause, alg, payload, causes - 1)
}
