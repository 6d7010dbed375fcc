// Not the global timers: tests of applications replace them with fakes.
import { clearTimeout, setTimeout } from 'node:timers'

/** Expired records are gone after about twice this time, in milliseconds, if the server keeps up. */
const EVERY_MS = 10_000
/** Milliseconds between batches, so that calls get a connection in between. */
const PAUSE_MS = 20

/**
 * Deletes expired records in batches. Several processes at one table delete different records, and begin at different
 * times. The timer does not keep the process alive.
 */
export class Purger {
  readonly #purge: () => Promise<boolean>
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  /** `purge` deletes a batch. It resolves to true if there may be more, and does not reject. */
  constructor(purge: () => Promise<boolean>) {
    this.#purge = purge
  }

  /** Starts the timer, if it does not run yet. */
  start(): void {
    if (this.#timer === undefined) this.#schedule(false)
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #schedule(isMore: boolean): void {
    if (this.#isOver) return
    const after = isMore ? PAUSE_MS : EVERY_MS * (1 + Math.random())
    this.#timer = setTimeout(() => this.#purge().then(more => this.#schedule(more)), after).unref()
  }
}
