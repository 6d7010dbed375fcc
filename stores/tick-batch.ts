// Not the global timer function: tests of applications replace it with a fake that never fires.
import { setImmediate } from 'node:timers'

/**
 * One turn of the event loop. All reads of one turn are answered together, at its end. Requests that arrived together
 * are therefore answered together too. This costs less than to answer one by one.
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

  /** Resolves after all callers that wait for the end of the turn have resumed; at once if none waits. */
  async settled(): Promise<void> {
    await this.#over
  }
}
