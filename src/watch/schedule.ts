/**
 * Decides when to ask the store about a login, and how long its last positive answer is valid. Pure functions. Times
 * are milliseconds of a monotonic clock.
 */

/**
 * Maximum time from the moment when the last positive answer becomes invalid until the connection is destroyed, if the
 * peer does not answer the close.
 */
const CLOSING_MS = 1000

/** The part of CLOSING_MS that is reserved for the last store call. */
const LAST_ANSWER_MS = 100

/** How long a peer may take to answer a close before its connection is destroyed. */
export const CLOSE_TIMEOUT_MS = CLOSING_MS - LAST_ANSWER_MS

/** Maximum pause after a failed store call. */
const LONGEST_PAUSE_MS = 5000

export interface Pace {
  /** How long a positive answer is valid, counted from the call. */
  readonly validForMs: number
  /** Time from a call with a positive answer to the next call. */
  readonly intervalMs: number
  /** Time from a failed call to the next call, counted from the failure. */
  readonly pauseMs: number
  /** Timeout of one call. */
  readonly storeTimeoutMs: number
}

/**
 * Returns the times between store calls. While a positive answer is valid, at least two more calls can run, each with
 * its full timeout.
 */
export function paceOf(withinMs: number, storeTimeoutMs: number): Pace {
  const validForMs = withinMs - CLOSING_MS
  const intervalMs = (validForMs - storeTimeoutMs) / 2
  return { validForMs, intervalMs, pauseMs: Math.min(intervalMs / 2, LONGEST_PAUSE_MS), storeTimeoutMs }
}

/**
 * The minimum of the option `within` of `abortWhenOver` and `closeWhenOver`, in milliseconds: never less than 2
 * seconds. With less time, a store call could still be running when the next one is due.
 */
export const leastWithinMs = (storeTimeoutMs: number) => Math.max(2000, 3 * storeTimeoutMs + CLOSING_MS)

export interface Watch {
  /** When the last call with a positive answer began, in milliseconds of a monotonic clock. */
  readonly goodAt: number
  /** When the next call is due, in milliseconds of a monotonic clock. */
  readonly nextAt: number
  /**
   * The running store call. `due`: when it was due. `at`: when it began. `recheck`: an event came during the call, so
   * another call must follow.
   */
  readonly asked?: { readonly due: number; readonly at: number; readonly recheck: boolean }
}

/** Start watching. The first call is due at once, because the token may have been checked long ago. */
export const begin = (now: number): Watch => ({ goodAt: now, nextAt: now })

export const isDue = ({ asked, nextAt }: Watch, now: number) => asked === undefined && now >= nextAt

/**
 * When the last positive answer becomes invalid. In a busy process, the answer to a late call may still count after
 * this time.
 */
export const endOf = ({ goodAt }: Watch, { validForMs }: Pace) => goodAt + validForMs

/**
 * Whether the last positive answer is no longer valid, and no call that was due in time can renew it. A busy process
 * starts calls late and reads answers late. So a call that was due in time still counts, however late it is. The
 * store's deadline limits the call.
 */
export function isOver(watch: Watch, now: number, pace: Pace): boolean {
  const end = endOf(watch, pace)
  const due = watch.asked?.due ?? watch.nextAt
  return now >= end && due > end - pace.storeTimeoutMs
}

/** When to wake up next, if no answer arrives earlier. */
export function wakeAt(watch: Watch, now: number, pace: Pace): number {
  const end = endOf(watch, pace)
  if (!watch.asked) return Math.min(watch.nextAt, end)
  return now < end ? end : Number.POSITIVE_INFINITY
}

export const ask = (watch: Watch, now: number): Watch => ({
  ...watch,
  asked: { due: watch.nextAt, at: now, recheck: false },
})

/**
 * Makes the next call due now, because of an event in this process. If a call is running, the next call follows it at
 * once.
 */
export function recheckNow(watch: Watch, now: number): Watch {
  return watch.asked
    ? { ...watch, asked: { ...watch.asked, recheck: true } }
    : { ...watch, nextAt: Math.min(now, watch.nextAt) }
}

/**
 * Record an answer: `good` is true for a positive one. `chance` is a random number from 0 to 1. It spreads the calls of
 * sockets that began at the same time.
 */
export function answered(watch: Watch, good: boolean, now: number, pace: Pace, chance: number): Watch {
  const { at, recheck } = watch.asked ?? { at: now, recheck: false }
  const goodAt = good ? at : watch.goodAt
  // After a positive answer, the next call counts as due since the last call began, even if a busy process read the
  // answer late.
  if (recheck) return { goodAt, nextAt: good ? at : now }
  return { goodAt, nextAt: good ? at + pace.intervalMs * (1 - chance / 4) : nextTry(endOf(watch, pace), now, pace) }
}

/**
 * When to call again after a failure: after a pause, but not later than one timeout before `end`, so that the call ends
 * in time. If this moment is past: after the whole pause.
 */
function nextTry(end: number, now: number, { pauseMs, storeTimeoutMs }: Pace): number {
  const last = end - storeTimeoutMs
  return now < last ? Math.min(now + pauseMs, last) : now + pauseMs
}
