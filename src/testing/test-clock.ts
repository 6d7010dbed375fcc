import { type Duration, parseDuration } from '../config/duration.js'
import { LAST_SECOND } from '../token/payload.js'

/** A clock that stands still until a test moves it: `new AuthX({ now: clock.now })`. */
export class TestClock {
  #time: number

  /**
   * @param start a Date, or milliseconds since 1970. Default: the current time.
   * @throws TypeError if `start` is not in the years 1970 to 9999.
   */
  constructor(start: Date | number = Date.now()) {
    this.#time = millisecondsOf('start', start)
  }

  /** Returns the clock's time, in milliseconds since 1970. Give it as the option `now`. */
  readonly now = (): number => this.#time

  /**
   * Move the clock forward.
   * @param duration seconds, or a string such as `'15m'`.
   * @throws TypeError if `duration` is invalid, or the new time is after the year 9999.
   */
  advance(duration: Duration): void {
    const seconds = parseDuration(duration)
    if (seconds === undefined) throw new TypeError("duration must be a number of seconds or a string such as '15m'")
    this.#time = millisecondsOf('duration', this.#time + seconds * 1000)
  }

  /**
   * Set the clock to a time.
   * @param date a Date, or milliseconds since 1970; it may be in the past.
   * @throws TypeError if `date` is not in the years 1970 to 9999.
   */
  set(date: Date | number): void {
    this.#time = millisecondsOf('date', date)
  }
}

/** @throws TypeError that names the argument. */
function millisecondsOf(argument: string, when: unknown): number {
  const time = when instanceof Date ? when.getTime() : when
  if (typeof time === 'number' && time >= 0 && time <= LAST_SECOND * 1000) return time
  throw new TypeError(`${argument} must be a time in the years 1970 to 9999: a Date, or milliseconds since 1970`)
}
