import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'

const realImmediate = timers.setImmediate

interface Timer {
  readonly at: number
  readonly run: () => void
}

/**
 * Makes this process do the same each time: its timers and the clock of deadlines are moved by hand, and random ids are
 * counted. No test waits, and no deadline ends unless `pass` is called.
 */
export class VirtualProcess {
  #now = performance.now()
  #ids = '00000000'
  #idsMade = 0
  #immediates = 0
  readonly #planned = new Set<Timer>()
  readonly #restore: () => void

  constructor() {
    const { setTimeout, clearTimeout, setImmediate } = timers
    const { now } = performance
    const { randomUUID } = crypto
    const { stackTraceLimit } = Error
    this.#restore = () => {
      Object.assign(timers, { setTimeout, clearTimeout, setImmediate })
      Object.assign(crypto, { randomUUID })
      Object.assign(Error, { stackTraceLimit })
      performance.now = now
      syncBuiltinESMExports()
    }
    Object.assign(timers, {
      setTimeout: (run: () => void, milliseconds: number) => this.#plan(run, milliseconds),
      clearTimeout: (timer: Timer) => this.#planned.delete(timer),
      setImmediate: (run: () => void) => this.#count(run),
    })
    Object.assign(crypto, { randomUUID: () => this.#nextId() })
    // Errors are thrown by the hundred thousand, and nobody reads where.
    Error.stackTraceLimit = 0
    performance.now = () => this.#now
    syncBuiltinESMExports()
  }

  /** Put everything back. */
  end(): void {
    this.#restore()
  }

  /** From now on ids begin with these eight hexadecimal digits, and are counted from 0. */
  countIds(from: string): void {
    this.#ids = from
    this.#idsMade = 0
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

  #nextId(): string {
    return `${this.#ids}-0000-4000-8000-${String(this.#idsMade++).padStart(12, '0')}`
  }
}
