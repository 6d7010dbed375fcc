/** `CountedTime` counts time in short slices. This is the maximum planned length of a slice, in milliseconds. */
export const SLICE_MS = 10

/**
 * Maximum counted length of a slice. If a slice takes longer, this process was busy and could not read answers, so the
 * rest does not count. More than the 15.6 ms in which timers of Windows run.
 */
const MOST_COUNTED_MS = 16

/**
 * Maximum counted length of a slice that follows a late one. A saturated process has only long turns, and needs dozens
 * of them to send thousands of calls and to read their answers.
 */
const MOST_COUNTED_AFTER_LATE_MS = 6

/**
 * Counts the time in which this process could read answers, in milliseconds. It counts in slices. Each slice ends with
 * a timer, so that the event loop has read its sockets at least once. If a slice ends late, because a handler blocked
 * the event loop or the machine was busy, only a little more than the planned length counts, and less if the slice
 * before was late too.
 *
 * The counted time never runs faster than the clock.
 */
export class CountedTime {
  readonly #clock: () => number
  #counted = 0
  #sliceBegan: number
  #mostCountedMs = MOST_COUNTED_MS

  /** @param clock returns milliseconds. It may jump, or be stopped by an application's test: slices still end. */
  constructor(clock: () => number) {
    this.#clock = clock
    this.#sliceBegan = clock()
  }

  now(): number {
    return this.#counted + Math.min(Math.max(0, this.#clock() - this.#sliceBegan), this.#mostCountedMs)
  }

  /** Begin a slice after an idle time, which does not count. Returns the counted time. */
  begin(): number {
    this.#sliceBegan = this.#clock()
    this.#mostCountedMs = MOST_COUNTED_MS
    return this.#counted
  }

  /**
   * End a slice and begin the next.
   * @param plannedMs the planned length of the slice.
   * @returns whether the slice ended late, so that sockets may have unread answers.
   */
  endSlice(plannedMs: number): boolean {
    const now = this.#clock()
    const took = now - this.#sliceBegan
    const isLate = took > MOST_COUNTED_MS
    this.#counted += Math.min(took > 0 ? took : plannedMs, this.#mostCountedMs)
    this.#sliceBegan = now
    this.#mostCountedMs = isLate ? MOST_COUNTED_AFTER_LATE_MS : MOST_COUNTED_MS
    return isLate
  }
}
