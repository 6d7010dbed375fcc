// Not the global ones: tests of applications put others in their place, which never come.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
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
    const running = run()
    const wait = new Wait(deadline, reject)
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

/** What has begun in this turn of the event loop. */
let begun: Wait[] = []

/** A wait that a deadline ends. A store in this process answers by the end of the turn, and needs no timer. */
class Wait {
  readonly #deadline: Deadline
  readonly #giveUp: (error: StoreUnavailableError) => void
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(deadline: Deadline, giveUp: (error: StoreUnavailableError) => void) {
    this.#deadline = deadline
    this.#giveUp = giveUp
    if (begun.push(this) === 1) setImmediate(startTimers)
  }

  startTimer(): void {
    if (this.#ended) return
    this.#timer = setTimeout(() => this.#giveUp(this.#deadline.pass()), this.#deadline.left())
  }

  end(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }
}

function startTimers(): void {
  const waits = begun
  begun = []
  for (const wait of waits) wait.startTimer()
}
