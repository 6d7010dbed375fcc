import type { Internals } from '../authenticate/internals.js'
import { RevokedTokenError, StoreUnavailableError, TokenExpiredError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import * as schedule from './schedule.js'

/** A socket or a stream that ends with its login. */
export interface Dependent {
  /** Whether the socket or stream has already ended. Then its login is not watched. */
  readonly isGone: boolean
  /** Calls `stop` when the dependent ends by itself. Returns a function that removes the listeners. */
  onGone(stop: () => void): () => void
  /**
   * Ends the socket or stream, because its login has ended or cannot be confirmed. `reason` is TokenExpiredError,
   * RevokedTokenError, StoreUnavailableError, or an `AbortError` if the instance is closed.
   */
  end(reason: Error): void
}

/** What a WatchedLogin needs: the check of its login, and a function that is called when watching has stopped. */
export interface Watcher {
  /** Resolves if the login of the payload is live. Rejects with RevokedTokenError if it has ended. */
  check(payload: TokenPayload): Promise<unknown>
  onStop(): void
}

/** The longest timer of Node. A longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** One watched login with its timer and its store calls. It ends its dependent when the login ends. */
export class WatchedLogin {
  readonly payload: TokenPayload
  readonly #internals: Internals
  readonly #dependent: Dependent
  readonly #pace: schedule.Pace
  readonly #watcher: Watcher
  /** When the token expires, in milliseconds since 1970. */
  readonly #expiry: number
  #removeListeners = () => {}
  #watch = schedule.begin(performance.now())
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  /** The error of the last store call that failed. */
  #failure: unknown

  constructor(
    internals: Internals,
    payload: TokenPayload,
    dependent: Dependent,
    pace: schedule.Pace,
    watcher: Watcher,
  ) {
    this.payload = payload
    this.#internals = internals
    this.#dependent = dependent
    this.#pace = pace
    this.#watcher = watcher
    this.#expiry = (payload.exp + internals.config.decodeLeeway) * 1000
  }

  start(): void {
    this.#removeListeners = this.#dependent.onGone(this.stop)
    this.#tick()
  }

  readonly stop = (): void => {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#removeListeners()
    this.#watcher.onStop()
  }

  /** Ask the store now, because an event may have ended the login. */
  recheckNow(): void {
    this.#watch = schedule.recheckNow(this.#watch, performance.now())
    this.#tick()
  }

  /** Stop watching and end the dependent. */
  end(reason: Error): void {
    if (this.#isStopped) return
    this.stop()
    this.#dependent.end(reason)
  }

  readonly #tick = (): void => {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    const lifeMs = this.#lifeMs()
    const now = performance.now()
    if (!(lifeMs > 0)) this.end(new TokenExpiredError())
    else if (schedule.isOver(this.#watch, now, this.#pace)) {
      this.end(new StoreUnavailableError({ cause: this.#failure ?? new Error('no answer in time') }))
    } else this.#goOn(now, lifeMs)
  }

  /**
   * Milliseconds until the token expires. 0 if the clock of the instance throws: an error in the callback of a timer
   * would end the process.
   */
  #lifeMs(): number {
    try {
      return this.#expiry - this.#internals.config.now()
    } catch {
      return 0
    }
  }

  #goOn(now: number, lifeMs: number): void {
    if (schedule.isDue(this.#watch, now)) this.#ask(now)
    const waitMs = Math.min(lifeMs, schedule.wakeAt(this.#watch, now, this.#pace) - now, MAX_TIMER_MS)
    this.#timer = setTimeout(this.#tick, waitMs).unref()
  }

  #ask(now: number): void {
    this.#watch = schedule.ask(this.#watch, now)
    this.#watcher.check(this.payload).then(
      () => this.#answered(true),
      error => {
        if (error instanceof RevokedTokenError) return this.end(error)
        this.#failure = error
        this.#answered(false)
      },
    )
  }

  #answered(good: boolean): void {
    this.#watch = schedule.answered(this.#watch, good, performance.now(), this.#pace, Math.random())
    this.#tick()
  }
}
