import type { Config } from '../config/table.js'
import type { Listing } from './record.js'
import { type Change, type Entry, ending, entriesOf, isEnding } from './stored-list.js'

/**
 * The limit of a subject's live sessions (`maxSessions`), as pure functions. The stored list decides. One write adds
 * the new session to the list and marks the older sessions that must be ended, or leaves the new session out.
 */

export type LimitConfig = Pick<Config, 'maxSessions' | 'tooManySessions'>

/** A change of a list of sessions that may add a session. */
export interface Arrival extends Change {
  /** Whether the session is a new login. False or missing: a refresh opened it for a token without a session. */
  readonly isLogin?: boolean
}

const addedBy = (arrivals: readonly Arrival[]) => new Set(arrivals.flatMap(({ add }) => (add ? [add[0]] : [])))

/** The sessions that count for the limit, the oldest first: those without the mark that they must be ended. */
const countedIn = (list: Listing) => entriesOf(list).filter(entry => !isEnding(entry))

/**
 * Returns the sessions whose records must be read to apply the limit, because they may have ended: all except the new
 * ones. Returns none if the list is within the limit.
 * @param list the list with the sessions that `arrivals` add.
 */
export function sessionsToCheck(list: Listing, arrivals: readonly Arrival[], { maxSessions }: LimitConfig): Listing {
  const added = addedBy(arrivals)
  const counted = countedIn(list)
  if (maxSessions === undefined || added.size === 0 || counted.length <= maxSessions) return []
  return counted.filter(([sid]) => !added.has(sid))
}

/** Whether a subject already has `maxSessions` live sessions, so that there is no room for another login. */
export const isFull = (list: Listing, isLive: (entry: Entry) => boolean, { maxSessions = Infinity }: LimitConfig) =>
  countedIn(list).filter(isLive).length >= maxSessions

/** A list after the limit was applied, and the ids of the logins that were refused and left out. */
export interface Limited {
  readonly list: Listing
  readonly refused: ReadonlySet<string>
}

/**
 * Applies the limit: marks the oldest sessions beyond it as sessions that must be ended, or leaves new logins out.
 * @param list the list with the sessions that `arrivals` add, without sessions that have ended.
 * @param lapsed sessions that have expired by the clock of this server. They are marked too, because a server whose
 * clock is behind would accept them beyond the limit.
 */
export function limited(
  list: Listing,
  arrivals: readonly Arrival[],
  lapsed: ReadonlySet<string>,
  { maxSessions, tooManySessions }: LimitConfig,
): Limited {
  const counted = countedIn(list).flatMap(([sid]) => (lapsed.has(sid) ? [] : [sid]))
  const excess = maxSessions === undefined ? 0 : Math.max(0, counted.length - maxSessions)
  const logins = addedBy(arrivals.filter(({ isLogin }) => isLogin))
  const refuses = tooManySessions === 'refuse' && excess > 0
  const refused = new Set(refuses ? counted.filter(sid => logins.has(sid)).slice(-excess) : [])
  // With 'refuse', no login ends a session. A refresh that opens a session does, because it is never refused.
  const endCount = refuses ? Math.min(excess - refused.size, addedBy(arrivals).size - logins.size) : excess
  const oldest = counted.filter(sid => !refused.has(sid)).slice(0, endCount)
  const over = new Set([...lapsed, ...oldest])
  const marked = list.map(entry => (over.has(entry[0]) ? ending(entry) : entry))
  return { list: marked.filter(([sid]) => !refused.has(sid)), refused }
}
