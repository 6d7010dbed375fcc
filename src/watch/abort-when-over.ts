import type { Context } from 'koa'
import type { Duration } from '../config/duration.js'
import { checkNames, isObject } from '../config/values.js'
import { checkPayload, type TokenPayload } from '../token/payload.js'
import type { LoginWatcher } from './login-watcher.js'
import type { Dependent } from './watched-login.js'

/** Options of `abortWhenOver`. */
export interface AbortWhenOverOptions {
  /**
   * Maximum time from a revocation in another process until the signal fires. At least 2 seconds, and at least 1 second
   * plus three times `storeTimeout`. Default 10 seconds.
   */
  within?: Duration | undefined
  /**
   * A signal that stops watching, such as one that fires when a stream ends. The returned signal does not fire then.
   * Set it if you pass a payload. With a Koa context, watching also stops when the response ends or its connection
   * closes. Default: none.
   */
  signal?: AbortSignal | undefined
}

/** A Koa context after a guard: any context with a response and with `state.token`. */
export type StreamContext = Pick<Context, 'res'> & { readonly state: object }

const OPTION_NAMES = new Set(['within', 'signal'])

/**
 * Returns a signal that fires when the login of `who` (a Koa context or the payload of a token) ends, or when the store
 * cannot confirm the login in time.
 * @throws TypeError, LoginTypeMismatchError.
 */
export function abortWhenOver(
  watcher: LoginWatcher,
  who: StreamContext | TokenPayload,
  options: AbortWhenOverOptions,
): AbortSignal {
  checkNames(options, OPTION_NAMES, 'abortWhenOver')
  const { within, signal } = options
  checkSignal(signal)
  const controller = new AbortController()
  const dependent = {
    ...lifeOf(isContext(who) ? who.res : undefined, signal),
    end: (reason: Error) => controller.abort(reason),
  }
  watcher.watch(payloadOf(who), dependent, within)
  return controller.signal
}

/** Whether `who` is a Koa context. The payload of a token has no response. */
const isContext = (who: unknown): who is StreamContext =>
  isObject(who) && isObject(who.state) && isObject(who.res) && typeof who.res.once === 'function'

function payloadOf(who: StreamContext | TokenPayload): TokenPayload {
  const payload = isContext(who) ? (who.state as { token?: unknown }).token : who
  if (payload === undefined && isContext(who)) {
    throw new TypeError('abortWhenOver: ctx.state.token is missing; put a guard before the handler')
  }
  checkPayload(payload, 'abortWhenOver')
  return payload
}

/**
 * Returns the conditions that stop watching: the response has ended, its connection is closed, or `signal` has fired.
 */
function lifeOf(res: Context['res'] | undefined, signal: AbortSignal | undefined): Omit<Dependent, 'end'> {
  return {
    isGone: res?.writableEnded === true || res?.destroyed === true || signal?.aborted === true,
    onGone(stop) {
      // Node emits `close` for every response, also for one that has ended.
      res?.once('close', stop)
      signal?.addEventListener('abort', stop, { once: true })
      return () => {
        res?.off('close', stop)
        signal?.removeEventListener('abort', stop)
      }
    },
  }
}

function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new TypeError('signal must be an AbortSignal')
}
