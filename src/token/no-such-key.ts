import type { Algorithm, UnverifiedPayload } from '../config/options.js'
import { isObject } from '../config/values.js'
import { familyOf } from './algorithms.js'

/** `code` of jose's errors if no key of the set, or more than one key, matches the token's header. */
const CODES: readonly unknown[] = ['ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWKS_MULTIPLE_MATCHING_KEYS']

/**
 * `code` of jose's error for an HS token with a set of public keys, and for a payload with a claim `header`, which jose
 * mistakes for a header. For other tokens, this `code` means that the set is wrong.
 */
const UNSUPPORTED = 'ERR_JOSE_NOT_SUPPORTED'

/**
 * `name` of the error of jwks-rsa if no key has the token's `kid`, or if the token has no `kid` and the set has several
 * keys.
 */
const NAME = 'SigningKeyNotFoundError'

/**
 * `message` of the error with which `koaJwtSecret` and `hapiJwt2Key` of jwks-rsa refuse an HS token: their sets hold
 * public keys only.
 */
const WRONG_ALGORITHM = /^(?:Missing \/ invalid token algorithm|Unsupported algorithm HS\d{3} supplied\.)$/

/** How many levels of `cause` are read. The number is limited, because an error can be its own cause. */
const MOST_CAUSES = 8

/**
 * Whether an error of `getKey` means that there is no key for this token. The token then has an invalid signature.
 * Every other error (no connection, a timeout, a rate limit, an unreadable set) says nothing about the token. An
 * AggregateError counts if all its errors mean that there is no key.
 */
export function saysNoSuchKey(
  error: unknown,
  alg: Algorithm,
  payload: UnverifiedPayload = {},
  causes = MOST_CAUSES,
): boolean {
  if (!isObject(error) || causes === 0) return false
  const { code, name, message, errors, cause } = error
  const isForSecret = familyOf(alg) === 'secret'
  const isTokensFault = isForSecret || isObject(payload.header)
  if (CODES.includes(code) || name === NAME || (code === UNSUPPORTED && isTokensFault)) return true
  if (isForSecret && typeof message === 'string' && WRONG_ALGORITHM.test(message)) return true
  if (Array.isArray(errors) && errors.length > 0)
    return errors.every(each => saysNoSuchKey(each, alg, payload, causes - 1))
  return saysNoSuchKey(cause, alg, payload, causes - 1)
}
