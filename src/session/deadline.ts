import { StoreUnavailableError } from '../errors.js'

/** The time that an operation has: all its calls and retries together. It runs from its making. */
export class Deadline {
  readonly milliseconds: number
  #end: number

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds
    this.#end = performance.now() + milliseconds
  }

  /** Milliseconds left, never negative. */
  left(): number {
    return Math.max(0, this.#end - performance.now())
  }

  over(): boolean {
    return this.left() === 0
  }

  /** It is over: somebody has been told so, and a timer may be a fraction early. */
  pass(): StoreUnavailableError {
    this.#end = 0
    return this.error()
  }

  error(): StoreUnavailableError {
    return new StoreUnavailableError({ cause: new Error(`no answer within ${this.milliseconds} ms`) })
  }
}

/**
 * What `run` comes to, if it does before the deadline.
 * @throws StoreUnavailableError when the time is over; what `run` still does, nobody learns.
 */
export function within<T>(deadline: Deadline, run: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(deadline.pass()), deadline.left())
    const settle =
      <Value>(settled: (value: Value) => void) =>
      (value: Value) => {
        clearTimeout(timer)
        settled(value)
      }
    run().then(settle(resolve), settle(reject))
  })
}
