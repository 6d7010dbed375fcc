import type { Config } from '../config/table.js'
import type { Listing } from './record.js'
import { type Change, type Entry, ending, entriesOf, isEnding } from './stored-list.js'

/**
 * The limit of a subject's live sessions, as pure functions. The stored list is the arbiter: the write that adds a
 * session also marks the sessions that have to end for it, or leaves the new session out.
 */

export type LimitConfig = Pick<Config, 'maxSessions' | 'tooManySessions'>

/** A change of a list that may add a session. */
export interface Arrival extends Change {
  /** Whether a login adds the session. Otherwise a refresh opened it for a user who had logged in before. */
  readonly isLogin?: boolean
}

const addedBy = (arrivals: readonly Arrival[]) => new Set(arrivals.flatMap(({ add }) => (add ? [add[0]] : [])))

/** The sessions that count for the limit, the oldest first. */
const countedIn = (list: Listing) => entriesOf(list).filter(entry => !isEnding(entry))

/**
 * The sessions of a list that must be read to apply the limit: those that may have ended. None if all fit.
 * @param list the list after `arrivals`.
 */
export function sessionsToCheck(list: Listing, arrivals: readonly Arrival[], { maxSessions }: LimitConfig): Listing {
  const added = addedBy(arrivals)
  const counted = countedIn(list)
  if (maxSessions === undefined || added.size === 0 || counted.length <= maxSessions) return []
  return counted.filter(([sid]) => !added.has(sid))
}

/** Whether the live sessions of a list leave no room for a login. */
export const isFull = (list: Listing, isLive: (entry: Entry) => boolean, { maxSessions = Infinity }: LimitConfig) =>
  countedIn(list).filter(isLive).length >= maxSessions

/** A list within the limit, and the ids of the logins that were left out. */
export interface Limited {
  readonly list: Listing
  readonly refused: ReadonlySet<string>
}

/**
 * Marks the oldest sessions beyond the limit, or leaves new logins out.
 * @param list the list after `arrivals`, without sessions that have ended.
 * @param lapsed sessions that have expired by the clock of this server. They are marked too: for a server whose clock is
 * behind they would be live beyond the limit.
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
  // With 'refuse' only a refresh that opens a session ends others: its user has logged in before, and is not refused.
  const endCount = refuses ? Math.min(excess - refused.size, addedBy(arrivals).size - logins.size) : excess
  const oldest = counted.filter(sid => !refused.has(sid)).slice(0, endCount)
  const over = new Set([...lapsed, ...oldest])
  const marked = list.map(entry => (over.has(entry[0]) ? ending(entry) : entry))
  return { list: marked.filter(([sid]) => !refused.has(sid)), refused }
}
