import type { Deadline } from '../src/time/deadline.js'

/** Of a pool, this share is kept for reads. */
const SHARE_OF_READS = 0.25

/**
 * Lets only some of the connections of a pool be used by writes at the same time. A commit can wait for a synchronous
 * standby that is away, and reads need a connection then.
 */
export class WriteSlots {
  #free: number
  readonly #waiting = new Set<(giveBack: () => void) => void>()

  /** @param max the number of connections of the pool. With only one, reads and writes share it. */
  constructor(max: number) {
    this.#free = Math.max(1, max - Math.max(1, Math.floor(max * SHARE_OF_READS)))
  }

  /**
   * Waits for a slot.
   * @returns the function that gives it back. Only its first call counts.
   * @throws what `tooLate` returns, if the deadline passes.
   */
  take(deadline: Deadline, tooLate: () => Error): Promise<() => void> {
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve(this.#slot())
    }
    return new Promise((resolve, reject) => {
      const receive = (giveBack: () => void) => {
        wait.end()
        resolve(giveBack)
      }
      const wait = deadline.wait(() => {
        this.#waiting.delete(receive)
        reject(tooLate())
      })
      this.#waiting.add(receive)
    })
  }

  #slot(): () => void {
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      const [next] = this.#waiting
      if (!next) {
        this.#free++
        return
      }
      this.#waiting.delete(next)
      next(this.#slot())
    }
  }
}
