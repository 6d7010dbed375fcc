// Not the global timers: tests of applications replace them with fake timers that never fire.
import { setImmediate, setTimeout } from 'node:timers'
import { type CountedTime, SLICE_MS } from './counted-time.js'

/** A wait with a time limit. Only time in which this process could read answers counts (see `CountedTime`). */
export interface Waiting {
  /** Whether the wait has ended. The ticker sets it. */
  hasEnded: boolean
  /** Milliseconds left at the counted time `now`; 0 if the time is over. */
  leftAt(now: number): number
  /** Called once when the time is over, unless the wait was removed before. */
  giveUp(): void
}

/**
 * How many turns of the event loop run after the time of a wait is over and before `giveUp` is called. Each turn reads
 * the sockets once more, so an answer that has arrived still counts.
 */
const LAST_TURNS = 3

/**
 * Calls `giveUp` of each wait whose time is over. There is one timer for all waits, and it runs only while there is a
 * wait. A wait that ends in the same turn of the event loop in which it began needs no timer. This is usual with a
 * store in this process.
 */
export class Ticker {
  readonly #time: CountedTime
  /**
   * All waits, including those that have ended since the last tick: the next tick removes them. This costs less than a
   * Set, or one timer for each wait.
   */
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

  /** Returns the counted time at the start of a deadline. */
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
    // Keep the timer, because the next wait often comes soon.
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
    // After a late slice, allow one more slice, so that answers that take several turns can be read.
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

  /** Milliseconds until the time of the next wait is over, at most `SLICE_MS`. */
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
