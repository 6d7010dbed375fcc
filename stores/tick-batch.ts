// Not the global one: tests of applications put others in its place, which never come.
import { setImmediate } from 'node:timers'

/**
 * A turn of the event loop. What is asked for in one turn is answered together at its end: the answers to requests that
 * came in together then go out together, which costs the system less than to turn from one to the other.
 */
export class TickBatch {
  #over: Promise<void> | undefined

  /** Resolves when the turn is over. */
  over(): Promise<void> {
    this.#over ??= new Promise(resolve => {
      setImmediate(() => {
        this.#over = undefined
        resolve()
      })
    })
    return this.#over
  }

  /** Resolves after those that wait for the end of the turn have been told; at once if nobody waits. */
  async settled(): Promise<void> {
    await this.#over
  }
}
