import { types } from 'node:util'
import { checkJsonObject } from '../config/json.js'
import { type CallbackName, CallbackUnavailableError, JWTDecodeError } from '../errors.js'

/** A function of the application that makes claims from those of a token. */
interface ClaimsFunction {
  /** The callback in errors. */
  readonly callback: CallbackName
  /** The name of the function in messages, such as `adoptClaims`. */
  readonly name: string
  /** Calls the function. */
  readonly call: () => unknown
  /** Checks more than that the result is an object of JSON values. @throws TypeError */
  readonly check?: (result: Record<string, unknown>) => void
}

/**
 * Calls a function of the application that makes claims from `claims`, the claims of a token with a valid signature.
 * Returns a copy of the result: payloads are frozen, and the application may use parts of it elsewhere.
 * @throws JWTDecodeError if the function returns undefined, or if `claims` are not JSON values that it could return;
 * CallbackUnavailableError if it throws, or returns a promise or a value that is not an object of JSON values.
 */
export function askForClaims(claims: Record<string, unknown>, asked: ClaimsFunction): Record<string, unknown> {
  checkClaims(claims)
  const result = ask(asked)
  if (result) return structuredClone(result)
  throw new JWTDecodeError(undefined, undefined, { cause: `${asked.name} returned undefined` })
}

/** Refuses numbers that JavaScript reads as infinite, and deep nesting: the token is invalid, not the function. */
function checkClaims(claims: Record<string, unknown>): void {
  try {
    checkJsonObject(claims, 'the payload')
  } catch (cause) {
    throw new JWTDecodeError(undefined, undefined, { cause })
  }
}

function ask({ callback, name, call, check }: ClaimsFunction): Record<string, unknown> | undefined {
  try {
    const result = call()
    if (result === undefined || result === null) return undefined
    checkNoPromise(result, name)
    checkJsonObject(result, `the result of ${name}`)
    check?.(result)
    return result
  } catch (cause) {
    throw new CallbackUnavailableError(callback, { cause })
  }
}

/** Refuses a promise, and catches its rejection: an unhandled rejection would end the process. @throws TypeError */
function checkNoPromise(result: object, name: string): void {
  if (!types.isPromise(result)) return
  Promise.resolve(result).catch(() => {})
  throw new TypeError(`${name} must return the claims at once, not a promise; do not make it async`)
}
