/**
 * When to ask about a login that another process may end, and how long its last good answer holds. Pure; times are
 * milliseconds of a clock that only goes forward.
 */

/** Milliseconds from the end of what is known to the end of the connection, if the peer does not answer the close. */
const CLOSING_MS = 1000

/** What of that is left for the last question, whose time ends a little after it is due. */
const LAST_ANSWER_MS = 100

/** What is left to a peer to answer a close before its connection is cut. */
export const CLOSE_TIMEOUT_MS = CLOSING_MS - LAST_ANSWER_MS

/** A login that is known to be touched must not wait long for a store that has missed one question. */
const LONGEST_PAUSE_MS = 5000

export interface Pace {
  /** How long a good answer holds, counted from when it was asked for. */
  readonly validForMs: number
  /** From a question with a good answer to the next. */
  readonly intervalMs: number
  /** From a question that came to nothing to the next, counted from when that was clear. */
  readonly pauseMs: number
  /** How long an answer may take. */
  readonly storeTimeoutMs: number
}

/** Two questions at least, each with all its time to be answered, fit into the time that a good answer holds. */
export function paceOf(withinMs: number, storeTimeoutMs: number): Pace {
  const validForMs = withinMs - CLOSING_MS
  const intervalMs = (validForMs - storeTimeoutMs) / 2
  return { validForMs, intervalMs, pauseMs: Math.min(intervalMs / 2, LONGEST_PAUSE_MS), storeTimeoutMs }
}

/** The least `within` for which one question is over before the next is due. */
export const leastWithinMs = (storeTimeoutMs: number) => Math.max(2000, 3 * storeTimeoutMs + CLOSING_MS)

export interface Watch {
  /** When the question was asked that was answered well last. */
  readonly goodAt: number
  /** When the next question is due. */
  readonly nextAt: number
  /** The question under way: when it was due and when it was asked. `recheck`: it may have been answered too early. */
  readonly asked?: { readonly due: number; readonly at: number; readonly recheck: boolean }
}

/** Ask at once: what was known before has been known for a while. */
export const begin = (now: number): Watch => ({ goodAt: now, nextAt: now })

export const isDue = ({ asked, nextAt }: Watch, now: number) => asked === undefined && now >= nextAt

/** When nothing is known any more, unless a question decides that is late because this process was busy. */
export const endOf = ({ goodAt }: Watch, { validForMs }: Pace) => goodAt + validForMs

/**
 * Whether nothing is known any more. A busy process asks late, and hears late what it was answered in time: a question
 * that was due in time decides, however late it is. How long the store may take for it, the store's deadline says.
 */
export function isOver(watch: Watch, now: number, pace: Pace): boolean {
  const end = endOf(watch, pace)
  const due = watch.asked?.due ?? watch.nextAt
  return now >= end && due > end - pace.storeTimeoutMs
}

/** When there is something to do next, unless an answer comes before. */
export function wakeAt(watch: Watch, now: number, pace: Pace): number {
  const end = endOf(watch, pace)
  if (!watch.asked) return Math.min(watch.nextAt, end)
  return now < end ? end : Number.POSITIVE_INFINITY
}

export const ask = (watch: Watch, now: number): Watch => ({
  ...watch,
  asked: { due: watch.nextAt, at: now, recheck: false },
})

/** Something has happened in this process: ask now, or again as soon as the question under way is over. */
export function recheckNow(watch: Watch, now: number): Watch {
  return watch.asked
    ? { ...watch, asked: { ...watch.asked, recheck: true } }
    : { ...watch, nextAt: Math.min(now, watch.nextAt) }
}

/** `chance` from 0 to 1 keeps many that began together from asking together for ever. */
export function answered(watch: Watch, good: boolean, now: number, pace: Pace, chance: number): Watch {
  const { at, recheck } = watch.asked ?? { at: now, recheck: false }
  const goodAt = good ? at : watch.goodAt
  // What was answered well may be asked again however late it is heard, by a process that was busy.
  if (recheck) return { goodAt, nextAt: good ? at : now }
  return { goodAt, nextAt: good ? at + pace.intervalMs * (1 - chance / 4) : nextTry(endOf(watch, pace), now, pace) }
}

/** The last question is asked as late as it can still be answered. */
function nextTry(end: number, now: number, { pauseMs, storeTimeoutMs }: Pace): number {
  const last = end - storeTimeoutMs
  return now < last ? Math.min(now + pauseMs, last) : now + pauseMs
}
