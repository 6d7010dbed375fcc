/**
 * Converts `performance.now()` to the clock of a server. Each answer shows that the server's clock was at `now` at some
 * moment between sending and receiving. This allows a range of offsets. The smallest one is used, so that a deadline is
 * never later on the server's clock than here. The offset stays in use until an answer contradicts it.
 */
export class ServerClock {
  #offset: number | undefined

  /**
   * Converts `moment`, a time from `performance.now()`, to the server's clock. Returns milliseconds since 1970; 0 if no
   * answer was received yet. Every clock has passed the deadline 0.
   */
  at(moment: number): number {
    return this.#offset === undefined ? 0 : moment + this.#offset
  }

  /** `now`: the server's clock in milliseconds since 1970. `sent` and `received`: times from `performance.now()`. */
  learn(now: number, sent: number, received: number): void {
    const least = now - received
    const most = now - sent
    if (this.#offset === undefined || this.#offset < least || this.#offset > most) this.#offset = least
  }

  /** Forgets the offset. Call it when another machine may answer from now on. */
  forget(): void {
    this.#offset = undefined
  }
}
