import type { Duration } from '../config/duration.js'
import { checkNames, isObject } from '../config/values.js'
import { AuthXError, StoreUnavailableError } from '../errors.js'
import { checkPayload, type TokenPayload } from '../token/payload.js'
import type { LoginWatcher } from '../watch/login-watcher.js'
import { CLOSE_TIMEOUT_MS } from '../watch/schedule.js'

/** A WebSocket of `ws`, or any object that closes with a code and a reason. */
export interface ClosableSocket {
  /** Start the closing handshake (RFC 6455 §7.1.2). */
  close(code: number, reason: string): void
  /** Destroy the connection at once. Without this method, a peer that does not answer the close can stay connected. */
  terminate?(): void
  /** The state of the socket. 3 means closed. */
  readonly readyState?: number
  /** Add a listener that is called once, when the socket has closed. */
  once(event: 'close', listener: () => void): unknown
  /** Remove a listener of `close`. */
  off(event: 'close', listener: () => void): unknown
}

/** Options of `closeWhenOver`. */
export interface CloseWhenOverOptions {
  /**
   * Maximum time from a revocation in another process until the socket is closed. At least 2 seconds, and at least 1
   * second plus three times `storeTimeout`. Default 10 seconds.
   */
  within?: Duration | undefined
}

/** Close codes of RFC 6455 §7.4.1. TRY_AGAIN_LATER is from the IANA registry. */
const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008
const TRY_AGAIN_LATER = 1013

const CLOSED = 3

const OPTION_NAMES = new Set(['within'])

/**
 * Close `socket` when the login of `payload` ends, or when the store cannot confirm the login in time.
 * @returns a function that stops watching.
 * @throws TypeError, LoginTypeMismatchError.
 */
export function closeWhenOver(
  watcher: LoginWatcher,
  socket: ClosableSocket,
  payload: TokenPayload,
  options: CloseWhenOverOptions,
): () => void {
  checkSocket(socket)
  checkPayload(payload, 'closeWhenOver')
  checkNames(options, OPTION_NAMES, 'closeWhenOver')
  const dependent = {
    isGone: socket.readyState === CLOSED,
    onGone(stop: () => void) {
      socket.once('close', stop)
      return () => void socket.off('close', stop)
    },
    end: (reason: Error) => close(socket, ...codeAndReason(reason)),
  }
  return watcher.watch(payload, dependent, options.within)
}

/** Returns the code and the reason of the close frame, for the error that ended a login. */
function codeAndReason(error: Error): [code: number, reason: string] {
  if (!(error instanceof AuthXError)) return [GOING_AWAY, '']
  return [error instanceof StoreUnavailableError ? TRY_AGAIN_LATER : POLICY_VIOLATION, error.name]
}

/** Close the socket, and destroy the connection if the peer does not answer the close in time. */
function close(socket: ClosableSocket, code: number, reason: string): void {
  const timer = setTimeout(() => socket.terminate?.(), CLOSE_TIMEOUT_MS).unref()
  socket.once('close', () => clearTimeout(timer))
  try {
    socket.close(code, reason)
  } catch {
    socket.terminate?.()
  }
}

function checkSocket(socket: unknown): void {
  const methods = ['close', 'once', 'off']
  if (isObject(socket) && methods.every(name => typeof socket[name] === 'function')) return
  throw new TypeError(
    'closeWhenOver: the socket must be a WebSocket of ws, or an object with the methods close, once and off',
  )
}
