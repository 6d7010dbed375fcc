import { ServerClock } from './server-clock.js'

/**
 * The clock of the server that answers on a connection. PgBouncer can lead a connection to another server, for example
 * after a failover: what is known of the former clock does not hold for it.
 */
export class PostgresClock {
  readonly #clock = new ServerClock()
  #server = 0

  /** The server whose clock is known, by the microsecond at which it was started; 0 if none is known. */
  get server(): number {
    return this.#server
  }

  /** Converts `moment`, a time from `performance.now()`, to milliseconds since 1970 by the server's clock. */
  at(moment: number): number {
    return this.#clock.at(moment)
  }

  /** `now`: milliseconds since 1970 by the clock of `server`. `sent` and `received`: times from `performance.now()`. */
  learn(server: number, now: number, sent: number, received: number): void {
    if (server !== this.#server) this.#clock.forget()
    this.#server = server
    this.#clock.learn(now, sent, received)
  }
}
