import type { Internals } from '../authenticate/internals.js'
import { RevokedTokenError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import * as watching from './watch.js'

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

/** Close codes of RFC 6455 §7.4.1. TRY_AGAIN_LATER is from the IANA registry. */
export const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008
const TRY_AGAIN_LATER = 1013

/** The longest timer of Node. A longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** Who watches a socket. */
export interface Watcher {
  /** Resolves if the login of the payload goes on. Rejects with RevokedTokenError if it has ended. */
  check(payload: TokenPayload): Promise<unknown>
  onStop(): void
}

/** One watched socket with its timer and its store calls. */
export class WatchedSocket {
  readonly payload: TokenPayload
  readonly #internals: Internals
  readonly #socket: ClosableSocket
  readonly #pace: watching.Pace
  readonly #watcher: Watcher
  /** When the token expires, in milliseconds since 1970. */
  readonly #expiry: number
  #watch = watching.begin(performance.now())
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(
    internals: Internals,
    socket: ClosableSocket,
    payload: TokenPayload,
    pace: watching.Pace,
    watcher: Watcher,
  ) {
    this.payload = payload
    this.#internals = internals
    this.#socket = socket
    this.#pace = pace
    this.#watcher = watcher
    this.#expiry = (payload.exp + internals.config.decodeLeeway) * 1000
  }

  start(): void {
    this.#socket.once('close', this.stop)
    this.#tick()
  }

  readonly stop = (): void => {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#socket.off('close', this.stop)
    this.#watcher.onStop()
  }

  /** Ask the store now, because an event may have ended the login. */
  recheckNow(): void {
    this.#watch = watching.recheckNow(this.#watch, performance.now())
    this.#tick()
  }

  /** Close the socket, and destroy the connection if the peer does not answer the close in time. */
  close(code: number, reason: string): void {
    this.stop()
    const socket = this.#socket
    const timer = setTimeout(() => socket.terminate?.(), watching.CLOSE_TIMEOUT_MS).unref()
    socket.once('close', () => clearTimeout(timer))
    try {
      socket.close(code, reason)
    } catch {
      socket.terminate?.()
    }
  }

  readonly #tick = (): void => {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    const lifeMs = this.#lifeMs()
    const now = performance.now()
    if (!(lifeMs > 0)) this.close(POLICY_VIOLATION, 'TokenExpiredError')
    else if (watching.isOver(this.#watch, now, this.#pace)) this.close(TRY_AGAIN_LATER, 'StoreUnavailableError')
    else this.#goOn(now, lifeMs)
  }

  /** Time until the token expires. 0 if the clock of the instance fails: an error in a timer would end the process. */
  #lifeMs(): number {
    try {
      return this.#expiry - this.#internals.config.now()
    } catch {
      return 0
    }
  }

  #goOn(now: number, lifeMs: number): void {
    if (watching.isDue(this.#watch, now)) this.#ask(now)
    const waitMs = Math.min(lifeMs, watching.wakeAt(this.#watch, now, this.#pace) - now, MAX_TIMER_MS)
    this.#timer = setTimeout(this.#tick, waitMs).unref()
  }

  #ask(now: number): void {
    this.#watch = watching.ask(this.#watch, now)
    this.#watcher.check(this.payload).then(
      () => this.#answered(true),
      error => {
        if (!(error instanceof RevokedTokenError)) this.#answered(false)
        else if (!this.#isStopped) this.close(POLICY_VIOLATION, error.name)
      },
    )
  }

  #answered(good: boolean): void {
    this.#watch = watching.answered(this.#watch, good, performance.now(), this.#pace, Math.random())
    this.#tick()
  }
}
