/**
 * When to ask about a login that another process may end, and how long its last good answer holds. Pure; times are
 * milliseconds of a clock that only goes forward.
 */

/** What is left to a peer to answer a close before its connection is cut. */
export const GOODBYE = 1000

/** A login that is known to be touched must not wait long for a store that has missed one question. */
const LONGEST_PAUSE = 5000

export interface Pace {
  /** How long a good answer holds, counted from when it was asked for. */
  readonly holds: number
  /** From a question with a good answer to the next. */
  readonly interval: number
  /** From a question that came to nothing to the next, counted from when that was clear. */
  readonly pause: number
  /** How long an answer may take. */
  readonly storeTimeout: number
}

/** Two questions at least, each with all its time to be answered, fit into the time that a good answer holds. */
export function paceOf(within: number, storeTimeout: number): Pace {
  const holds = within - GOODBYE
  const interval = (holds - storeTimeout) / 2
  return { holds, interval, pause: Math.min(interval / 2, LONGEST_PAUSE), storeTimeout }
}

/** The least `within` for which one question is over before the next is due. */
export const leastWithin = (storeTimeout: number) => Math.max(2000, 3 * storeTimeout + GOODBYE)

export interface Watch {
  /** When the question was asked that was answered well last. */
  readonly goodAt: number
  /** When the next question is due. */
  readonly nextAt: number
  /** The question under way; `hurried` if it may have been answered before what is to be asked about. */
  readonly asked?: { readonly at: number; readonly hurried: boolean }
}

/** Ask at once: what was known before has been known for a while. */
export const begin = (now: number): Watch => ({ goodAt: now, nextAt: now })

export const isDue = ({ asked, nextAt }: Watch, now: number) => asked === undefined && now >= nextAt

/** When nothing is known any more. */
export const endOf = ({ goodAt }: Watch, { holds }: Pace) => goodAt + holds

/** When there is something to do next. */
export const wakeAt = (watch: Watch, pace: Pace) =>
  watch.asked ? endOf(watch, pace) : Math.min(watch.nextAt, endOf(watch, pace))

export const ask = (watch: Watch, now: number): Watch => ({ ...watch, asked: { at: now, hurried: false } })

/** Something has happened in this process: ask now, or again as soon as the question under way is over. */
export function hurry(watch: Watch, now: number): Watch {
  return watch.asked ? { ...watch, asked: { ...watch.asked, hurried: true } } : { ...watch, nextAt: now }
}

/** `chance` from 0 to 1 keeps many that began together from asking together for ever. */
export function answered(watch: Watch, good: boolean, now: number, pace: Pace, chance: number): Watch {
  const { at, hurried } = watch.asked ?? { at: now, hurried: false }
  const goodAt = good ? at : watch.goodAt
  if (hurried) return { goodAt, nextAt: now }
  return { goodAt, nextAt: good ? at + pace.interval * (1 - chance / 4) : nextTry(endOf(watch, pace), now, pace) }
}

/** The last question is asked as late as it can still be answered. */
function nextTry(end: number, now: number, { pause, storeTimeout }: Pace): number {
  const last = end - storeTimeout
  return now < last ? Math.min(now + pause, last) : now + pause
}
