import { StoreUnavailableError } from '../errors.js'
import { CountedTime } from './counted-time.js'
import { Ticker, type Waiting } from './ticker.js'

const time = new CountedTime(() => performance.now())
const ticker = new Ticker(time)

/**
 * The time that an operation has: all its calls and retries together. It runs from its making. Only time counts in which
 * this process could hear an answer: that a handler blocks the event loop ends no operation.
 *
 * It goes on while somebody waits, through `wait` or `withDeadline`.
 */
export class Deadline {
  readonly milliseconds: number
  readonly #errorFor: (milliseconds: number) => Error
  readonly #began = ticker.start()
  #end: number

  /** `errorFor` makes the error that says that it is over. */
  constructor(milliseconds: number, errorFor: (milliseconds: number) => Error = unavailable) {
    this.milliseconds = milliseconds
    this.#errorFor = errorFor
    this.#end = this.#began + milliseconds
  }

  /** Milliseconds left, never negative. It is not over sooner than after so many milliseconds of the clock. */
  left(): number {
    return this.leftAt(time.now())
  }

  leftAt(now: number): number {
    return Math.max(0, this.#end - now)
  }

  over(): boolean {
    return this.left() === 0
  }

  /** Milliseconds counted since its making. */
  elapsed(): number {
    return time.now() - this.#began
  }

  error(): Error {
    return this.#errorFor(this.milliseconds)
  }

  /** Be called with the error when it is over, unless the wait has ended before. */
  wait(giveUp: (error: Error) => void): Wait {
    return new Wait(this, giveUp)
  }

  /** It is over: somebody has been told so. */
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
 * What `run` comes to, if it does before the deadline.
 * @throws the deadline's error when the time is over, StoreUnavailableError by default; what `run` still does, nobody learns.
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
