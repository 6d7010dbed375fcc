/** How long a slice is planned at most, in milliseconds. */
export const SLICE_MS = 10

/** What a slice counts for at most: in what it takes beyond that, this process was busy and could hear nobody. */
const MOST_COUNTED_MS = 15

/**
 * Time in which this process could hear an answer, in milliseconds. It is counted in slices, each of which ends with a
 * timer, so that the event loop has read its sockets at least once in each. A slice that ends late, because a handler has
 * blocked the event loop or the machine gave this process no turn, counts for little more than it was planned for.
 *
 * Between two moments it never goes on by more than the clock does.
 */
export class CountedTime {
  readonly #clock: () => number
  #counted = 0
  #sliceBegan: number

  /** `clock` in milliseconds. Slices end also by one that steps, or that an application's test has stopped. */
  constructor(clock: () => number) {
    this.#clock = clock
    this.#sliceBegan = clock()
  }

  now(): number {
    return this.#counted + Math.min(Math.max(0, this.#clock() - this.#sliceBegan), MOST_COUNTED_MS)
  }

  /** Begin a slice after a time in which nobody waited, which does not count. Returns the time. */
  begin(): number {
    this.#sliceBegan = this.#clock()
    return this.#counted
  }

  /**
   * End a slice, planned for so many milliseconds, and begin the next.
   * @returns whether it was late: answers may lie unread in the sockets.
   */
  endSlice(plannedMs: number): boolean {
    const now = this.#clock()
    const took = now - this.#sliceBegan
    this.#counted += Math.min(took > 0 ? took : plannedMs, MOST_COUNTED_MS)
    this.#sliceBegan = now
    return took > MOST_COUNTED_MS
  }
}
