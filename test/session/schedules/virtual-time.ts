import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'

const realImmediate = timers.setImmediate

interface Timer {
  readonly at: number
  readonly run: () => void
}

/**
 * The clock and the timers that deadlines use, moved by hand: no test waits, and no deadline ends unless `pass` is
 * called. It stands in for `performance.now` and for the timers of `node:timers` in the whole process.
 */
export class VirtualTime {
  #now = performance.now()
  #planned = new Set<Timer>()
  #immediates = 0
  readonly #restore: () => void

  constructor() {
    const { setTimeout, clearTimeout, setImmediate } = timers
    const { now } = performance
    const { stackTraceLimit } = Error
    this.#restore = () => {
      Object.assign(timers, { setTimeout, clearTimeout, setImmediate })
      performance.now = now
      Error.stackTraceLimit = stackTraceLimit
      syncBuiltinESMExports()
    }
    performance.now = () => this.#now
    Object.assign(timers, {
      setTimeout: (run: () => void, milliseconds: number) => this.#plan(run, milliseconds),
      clearTimeout: (timer: Timer) => this.#planned.delete(timer),
      setImmediate: (run: () => void) => this.#count(run),
    })
    syncBuiltinESMExports()
    // Errors are thrown by the hundred thousand, and where does not matter.
    Error.stackTraceLimit = 0
  }

  /** Put the real timers back. */
  end(): void {
    this.#restore()
  }

  /** Wait until nothing goes on by itself. */
  async settle(): Promise<void> {
    do await new Promise(resolve => realImmediate(resolve))
    while (this.#immediates > 0)
  }

  /** Let milliseconds pass, and everything happen that is due in them. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    for (let next = this.#first(end); next; next = this.#first(end)) {
      this.#planned.delete(next)
      this.#now = next.at
      next.run()
      await this.settle()
    }
    this.#now = end
  }

  #plan(run: () => void, milliseconds: number) {
    const timer = { at: this.#now + milliseconds, run, ref() {}, unref() {} }
    this.#planned.add(timer)
    return timer
  }

  #count(run: () => void) {
    this.#immediates++
    return realImmediate(() => {
      this.#immediates--
      run()
    })
  }

  #first(end: number): Timer | undefined {
    const due = [...this.#planned].filter(({ at }) => at <= end)
    return due.sort((a, b) => a.at - b.at)[0]
  }
}
