import { AssertionError } from 'node:assert'
import { Deadline, withDeadline } from '../../src/time/deadline.js'

/**
 * Resolves or rejects as `work` does, and rejects if that takes longer than `milliseconds`. Only time in which this
 * process could go on counts: a machine that is busy with something else makes nothing late.
 */
export function within<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const late = () => new AssertionError({ message: `it takes longer than ${milliseconds} ms` })
  return withDeadline(new Deadline(milliseconds, late), work)
}
