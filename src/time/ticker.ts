// Not the global ones: tests of applications put others in their place, which never come.
import { setImmediate, setTimeout } from 'node:timers'
import { type CountedTime, SLICE_MS } from './counted-time.js'

/** What ends at a moment of the counted time. */
export interface Waiting {
  /** Nobody waits any more; set by the ticker. */
  hasEnded: boolean
  /** Milliseconds left at a moment of the counted time, 0 if it is over. */
  leftAt(now: number): number
  /** Called once, if it is over before it was removed. */
  giveUp(): void
}

/** Turns of the event loop from a wait's end until it is given up. Each reads what has arrived in the sockets. */
const LAST_TURNS = 3

/**
 * Ends waits when their time is over: one timer for all, which runs only while something waits. What is answered in the
 * turn of the event loop in which it began, as by a store in this process, needs none.
 */
export class Ticker {
  readonly #time: CountedTime
  /** Those that have ended too, until the next tick: most end soon, and a set or a timer for each would cost more. */
  #waits: Waiting[] = []
  #alive = 0
  #isTurnPlanned = false
  #timer: NodeJS.Timeout | undefined
  #plannedMs = 0
  #turnsLeft = 0
  #isLenient = false

  constructor(time: CountedTime) {
    this.#time = time
  }

  /** The counted time, for what begins now. */
  start(): number {
    return this.#timer || this.#isTurnPlanned ? this.#time.now() : this.#time.begin()
  }

  add(wait: Waiting): void {
    this.#waits.push(wait)
    this.#alive++
    if (this.#timer) {
      if (this.#alive === 1) this.#timer.ref()
    } else if (!this.#isTurnPlanned) {
      this.#isTurnPlanned = true
      setImmediate(this.#afterTurn)
    }
  }

  remove(wait: Waiting): void {
    if (wait.hasEnded) return
    wait.hasEnded = true
    // Left to run: the next one to wait is often not far.
    if (--this.#alive === 0) this.#timer?.unref()
  }

  readonly #afterTurn = () => {
    this.#isTurnPlanned = false
    this.#forgetEnded()
    if (this.#alive > 0) this.#plan(this.#shortest())
  }

  #forgetEnded(): void {
    this.#waits = this.#alive === 0 ? [] : this.#waits.filter(wait => !wait.hasEnded)
  }

  #plan(milliseconds: number): void {
    this.#plannedMs = Math.max(1, milliseconds)
    this.#timer = setTimeout(this.#tick, this.#plannedMs)
  }

  readonly #tick = () => {
    this.#timer = undefined
    const wasLate = this.#time.endSlice(this.#plannedMs)
    // After a time in which nothing was heard there is one slice more, also for answers that take several turns.
    this.#isLenient = wasLate && !this.#isLenient
    this.#forgetEnded()
    if (this.#alive === 0) return
    this.#plan(this.#isLenient ? SLICE_MS : this.#shortest())
    if (this.#isLenient || this.#turnsLeft > 0 || !this.#isAnyOver()) return
    this.#turnsLeft = LAST_TURNS
    setImmediate(this.#lastTurn)
  }

  readonly #lastTurn = () => {
    this.#turnsLeft--
    if (this.#turnsLeft > 0) setImmediate(this.#lastTurn)
    else this.#giveUp()
  }

  #giveUp(): void {
    const now = this.#time.now()
    for (const wait of this.#waits) {
      if (wait.hasEnded || wait.leftAt(now) > 0) continue
      this.remove(wait)
      wait.giveUp()
    }
  }

  #isAnyOver(): boolean {
    const now = this.#time.now()
    return this.#waits.some(wait => wait.leftAt(now) === 0)
  }

  /** Until the first end that is still to come, and no longer than a slice. */
  #shortest(): number {
    const now = this.#time.now()
    let shortest = SLICE_MS
    for (const wait of this.#waits) {
      const left = wait.leftAt(now)
      if (left > 0 && left < shortest) shortest = left
    }
    return shortest
  }
}
