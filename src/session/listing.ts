import type { Config } from '../config/table.js'
import { type Asker, orUnavailable } from './asker.js'
import { type Deadline, within } from './deadline.js'
import { type Listing, listingKey, parseListing } from './record.js'

/**
 * Which sessions a subject has, for showing them to people. No decision about a token is taken from it: a session that
 * is missing here is as good, and as revocable, as any other.
 */

/** Beyond this the oldest are unlisted: the list is read and written whole. */
const MOST_LISTED = 500

/**
 * Add a session to its subject's list, dropping those past their end. Conflicts are retried until the deadline; a list
 * that cannot be written by then costs the listing, not the login: the session itself has been written.
 */
export async function list(asker: Asker, session: Listed, config: Config, deadline: Deadline): Promise<void> {
  await within(deadline.left(), rest => add(asker, session, config, rest)).catch(() => {})
}

async function add(asker: Asker, { sid, sub, end }: Listed, config: Config, deadline: Deadline): Promise<void> {
  const key = listingKey(sub, config)
  while (!deadline.over()) {
    const [raw] = await asker.get([key])
    const current = unexpired(await orUnavailable(() => parseListing(raw)), config.now())
    const next: Listing = [...current, [sid, end] as const].slice(-MOST_LISTED)
    const keptUntil = Math.max(...next.map(([, each]) => each))
    if (await asker.compareAndSet(key, raw, JSON.stringify(next), keptUntil)) return
  }
}

interface Listed {
  readonly sid: string
  readonly sub: string
  /** Milliseconds. */
  readonly end: number
}

/** The ids on a subject's list, oldest first. */
export async function listed(asker: Asker, sub: string, config: Config): Promise<string[]> {
  const [raw] = await asker.get([listingKey(sub, config)])
  return unexpired(await orUnavailable(() => parseListing(raw)), config.now()).map(([sid]) => sid)
}

const unexpired = (pairs: Listing, now: number) => pairs.filter(([, end]) => end > now)
