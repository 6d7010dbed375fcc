import type { Config } from '../config/table.js'
import { type Deadline, within } from '../time/deadline.js'
import type { Operation } from './operation.js'
import {
  type Device,
  type Listing,
  listingKey,
  parseListing,
  parseSession,
  parseSubject,
  type SessionRecord,
  sessionKey,
  subjectKey,
} from './record.js'
import { type Known, liveRecord } from './rotation.js'

/**
 * Which sessions a subject has, for showing them to people. No decision about a token is taken from the list: a session
 * that is missing from it is as good, and as revocable, as any other.
 */

/** One login, as the application sees it. */
export interface Session {
  /** Its id, the claim `sid` of its tokens. */
  sid: string
  /** Whose it is. */
  sub: string
  /** The login. */
  createdAt: Date
  /** The login, the last refresh or, with `sessionTracking`, the last guarded request; exact to a minute. */
  lastActiveAt: Date
  /** The absolute end; the session ends earlier if it is not refreshed. */
  expiresAt: Date
  /** What `login` was given, and with `sessionTracking` user agent and IP address. */
  device: Device
}

/** Beyond this the oldest are unlisted: the list is read and written whole. */
const MOST_LISTED = 500
const LONGEST_LISTED = 64

/**
 * Add a session to its subject's list, dropping those past their end. Conflicts are retried until the deadline; a list
 * that cannot be written by then costs the listing, not the login: the session itself has been written.
 */
export async function addToList(
  operation: Operation,
  sid: string,
  { sub, loginType, expiresAt }: Pick<SessionRecord, 'sub' | 'loginType' | 'expiresAt'>,
  { now }: Config,
  deadline: Deadline,
): Promise<void> {
  // An id of another issuer's making may be of any length; the list has to stay a value that a store keeps.
  if (sid.length > LONGEST_LISTED) return
  const key = listingKey(sub, loginType)
  const add = async () => {
    for (;;) {
      const [raw] = await operation.get([key])
      const current = unexpired(parseListing(raw), now())
      const next: Listing = [...current, [sid, expiresAt] as const].slice(-MOST_LISTED)
      const keptUntil = Math.max(...next.map(([, end]) => end))
      if (await operation.compareAndSet(key, raw, JSON.stringify(next), keptUntil)) return
    }
  }
  await within(deadline, add).catch(() => {})
}

/** The live sessions of a subject, the most recently active first. */
export async function listSessions(operation: Operation, sub: string, { loginType, now }: Config): Promise<Session[]> {
  const [list] = await operation.get([listingKey(sub, loginType)])
  const sids = unexpired(parseListing(list), now()).map(([sid]) => sid)
  const [cutoff, ...values] = await operation.get([subjectKey(sub, loginType), ...sids.map(sessionKey)])
  const subject = parseSubject(cutoff)
  const records = values.map(parseSession)
  return sids
    .map((id, n) => toSession({ id, sub, loginType }, { record: records[n], subject }, now()))
    .filter(session => session !== undefined)
    .sort((a, b) => b.lastActiveAt.getTime() - a.lastActiveAt.getTime())
}

/** A session as it is shown; `undefined` if it has ended, by itself too. */
export function toSession(owner: Parameters<typeof liveRecord>[0], known: Known, now: number): Session | undefined {
  const record = liveRecord(owner, known, now)
  if (!record || now >= record.endsAt) return undefined
  const { sub, createdAt, lastActiveAt, expiresAt, device } = record
  return {
    sid: owner.id,
    sub,
    createdAt: new Date(createdAt),
    lastActiveAt: new Date(lastActiveAt),
    expiresAt: new Date(expiresAt),
    device,
  }
}

const unexpired = (pairs: Listing, now: number) => pairs.filter(([, end]) => end > now)
