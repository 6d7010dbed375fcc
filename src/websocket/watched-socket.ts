import type { Internals } from '../authenticate/internals.js'
import { RevokedTokenError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import * as watching from './watch.js'

/** A WebSocket as `ws` has it, or whatever else closes with a code and a reason. */
export interface ClosableSocket {
  /** Begin the closing handshake (RFC 6455 §7.1.2). */
  close(code: number, reason: string): void
  /** Cuts the connection, whether the peer answers or not. Without it nothing can be promised of a peer that does not. */
  terminate?(): void
  /** 3 once it is closed. */
  readonly readyState?: number
  /** Be told once when the socket has closed. */
  once(event: 'close', listener: () => void): unknown
  /** Be told no more. */
  off(event: 'close', listener: () => void): unknown
}

/** Close codes: RFC 6455 §7.4.1, the last one of its registry. */
export const GOING_AWAY = 1001
const POLICY_VIOLATION = 1008
const TRY_AGAIN_LATER = 1013

/** Past this a timer of Node goes off at once. */
const LONGEST_TIMER = 2 ** 31 - 1

/** One socket, its timer, and the questions about it. */
export class WatchedSocket {
  readonly payload: TokenPayload
  readonly #internals: Internals
  readonly #socket: ClosableSocket
  readonly #pace: watching.Pace
  readonly #onStop: () => void
  /** Milliseconds on the clock of the instance. */
  readonly #expiry: number
  #watch = watching.begin(performance.now())
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(
    internals: Internals,
    socket: ClosableSocket,
    payload: TokenPayload,
    pace: watching.Pace,
    onStop: () => void,
  ) {
    this.payload = payload
    this.#internals = internals
    this.#socket = socket
    this.#pace = pace
    this.#onStop = onStop
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
    this.#onStop()
  }

  /** Something happened that may have ended the login: ask now. */
  recheckNow(): void {
    this.#watch = watching.recheckNow(this.#watch, performance.now())
    this.#tick()
  }

  /** A peer that does not answer a close can go on sending for as long as the socket waits for it; not here. */
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
    const life = this.#lifeMs()
    const now = performance.now()
    if (!(life > 0)) this.close(POLICY_VIOLATION, 'TokenExpiredError')
    else if (watching.isOver(this.#watch, now, this.#pace)) this.close(TRY_AGAIN_LATER, 'StoreUnavailableError')
    else this.#goOn(now, life)
  }

  /** None if the clock of the instance tells no time: what a timer throws would end the process. */
  #lifeMs(): number {
    try {
      return this.#expiry - this.#internals.config.now()
    } catch {
      return 0
    }
  }

  #goOn(now: number, life: number): void {
    if (watching.isDue(this.#watch, now)) this.#ask(now)
    const wait = Math.min(life, watching.wakeAt(this.#watch, now, this.#pace) - now, LONGEST_TIMER)
    this.#timer = setTimeout(this.#tick, wait).unref()
  }

  #ask(now: number): void {
    this.#watch = watching.ask(this.#watch, now)
    Promise.resolve(this.#internals.revocation.check(this.payload, 'watch')).then(
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
