import { StoreUnavailableError } from '../errors.js'
import { CountedTime } from './counted-time.js'
import { Ticker, type Waiting } from './ticker.js'

const time = new CountedTime(() => performance.now())
const ticker = new Ticker(time)

/**
 * The time limit of an operation, including all its calls and retries. It starts when the Deadline is created. Only
 * time in which this process can read answers counts, so that a handler that blocks the event loop causes no timeout.
 *
 * Time counts only while at least one `wait` or `withDeadline` is pending, of this or of any other Deadline.
 */
export class Deadline {
  readonly milliseconds: number
  readonly #errorFor: (milliseconds: number) => Error
  readonly #began = ticker.start()
  #end: number

  /** @param errorFor makes the timeout error. Default: StoreUnavailableError. */
  constructor(milliseconds: number, errorFor: (milliseconds: number) => Error = unavailable) {
    this.milliseconds = milliseconds
    this.#errorFor = errorFor
    this.#end = this.#began + milliseconds
  }

  /**
   * Milliseconds left, never negative. Counted time is never faster than the real clock: the deadline may pass later by
   * the real clock, but not earlier.
   */
  left(): number {
    return this.leftAt(time.now())
  }

  leftAt(now: number): number {
    return Math.max(0, this.#end - now)
  }

  over(): boolean {
    return this.left() === 0
  }

  /** Counted milliseconds since the deadline was created. */
  elapsed(): number {
    return time.now() - this.#began
  }

  error(): Error {
    return this.#errorFor(this.milliseconds)
  }

  /** Call `giveUp` with the timeout error when the deadline passes, unless the wait has ended before. */
  wait(giveUp: (error: Error) => void): Wait {
    return new Wait(this, giveUp)
  }

  /** Mark the deadline as passed, after a wait was given up. Returns the timeout error. */
  pass(): Error {
    this.#end = Number.NEGATIVE_INFINITY
    return this.error()
  }
}

class Wait implements Waiting {
  hasEnded = false
  readonly #deadline: Deadline
  readonly #giveUp: (error: Error) => void

  constructor(deadline: Deadline, giveUp: (error: Error) => void) {
    this.#deadline = deadline
    this.#giveUp = giveUp
    ticker.add(this)
  }

  leftAt(now: number): number {
    return this.#deadline.leftAt(now)
  }

  giveUp(): void {
    this.#giveUp(this.#deadline.pass())
  }

  end(): void {
    ticker.remove(this)
  }
}

/**
 * Run `run` with a deadline. Resolves or rejects as `run` does.
 * @throws the deadline's timeout error (default StoreUnavailableError). The result of `run` is ignored then.
 */
export function withDeadline<T>(deadline: Deadline, run: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const running = run()
    const wait = deadline.wait(reject)
    running.then(
      value => {
        wait.end()
        resolve(value)
      },
      error => {
        wait.end()
        reject(error)
      },
    )
  })
}

function unavailable(milliseconds: number): Error {
  return new StoreUnavailableError({ cause: new Error(`no answer within ${milliseconds} ms`) })
}
