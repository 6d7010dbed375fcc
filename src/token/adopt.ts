import { checkJsonObject } from '../config/json.js'
import type { UnverifiedHeader } from '../config/options.js'
import type { Config } from '../config/table.js'
import { CallbackUnavailableError, JWTDecodeError } from '../errors.js'
import { deepFreeze } from './payload.js'
import { sha256 } from './sha256.js'

/** A token whose signature has been verified. */
interface SignedToken {
  readonly token: string
  readonly header: UnverifiedHeader
}

/**
 * Returns the claims to judge: those of `adoptClaims`, or `claims` without this option.
 * @throws JWTDecodeError if `adoptClaims` refuses the token; CallbackUnavailableError if it fails or returns a value that
 * is not an object.
 */
export function adopted(
  claims: Record<string, unknown>,
  { token, header }: SignedToken,
  { adoptClaims }: Config,
): Record<string, unknown> {
  if (!adoptClaims) return claims
  const result = ask(() => adoptClaims(claims, deepFreeze({ ...header })))
  if (result === undefined) throw new JWTDecodeError(undefined, undefined, { cause: 'adoptClaims returned undefined' })
  return result.jti === undefined ? { ...result, jti: hashOf(token) } : { ...result }
}

function ask(adopt: () => unknown): Record<string, unknown> | undefined {
  try {
    const result = adopt()
    if (result === undefined || result === null) return undefined
    if (result instanceof Promise) {
      result.catch(() => {})
      throw new TypeError('adoptClaims must return the claims at once, not a promise')
    }
    checkJsonObject(result, 'the result of adoptClaims')
    return result
  } catch (cause) {
    throw new CallbackUnavailableError('adoptClaims', { cause })
  }
}

/**
 * Returns an id for a token without `jti`: the hash of what was signed. The signature is not part of it, because one
 * token can have several valid signatures.
 */
export const hashOf = (token: string) => sha256(token.slice(0, token.lastIndexOf('.')))
