import { AssertionError } from 'node:assert'
import { CountedTime } from '../../src/time/counted-time.js'
import { Deadline, withDeadline } from '../../src/time/deadline.js'

/**
 * Resolves or rejects as `work` does, and rejects if that takes longer than `milliseconds`. Only time in which this
 * process could go on counts: a machine that is busy with something else makes nothing late.
 */
export function within<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const late = () => new AssertionError({ message: `it takes longer than ${milliseconds} ms` })
  return withDeadline(new Deadline(milliseconds, late), work)
}

export interface SteadyClock {
  /** Milliseconds since 1970. */
  now(): number
  stop(): void
}

/**
 * A clock in the place of Date.now that all but stands while this process does: no moment passes in which a test that
 * looks every few milliseconds could not look.
 */
export function steadyClock(): SteadyClock {
  const start = Date.now()
  const time = new CountedTime(() => performance.now())
  const timer = setInterval(() => time.endSlice(5), 5)
  return { now: () => start + Math.floor(time.now()), stop: () => clearInterval(timer) }
}
