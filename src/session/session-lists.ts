import type { Config } from '../config/table.js'
import { TooManySessionsError } from '../errors.js'
import type { TokenStore } from '../store.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import { acceptedAmong, endedAmong, type Found, type Subject } from './found.js'
import { Gathered } from './gathered.js'
import { type SessionList, toSession } from './listing.js'
import {
  KEPT_AFTER_EXP,
  type Listing,
  listingKey,
  parseListing,
  parseSubject,
  type SessionRecord,
  type SubjectRecord,
  subjectKey,
} from './record.js'
import { RECORDS_AT_ONCE, RecordReader } from './record-reader.js'
import type { RotationConfig } from './rotation.js'
import { type Arrival, isFull, type Limited, limited, sessionsToCheck } from './session-limit.js'
import { endOfTurn, SessionRecords } from './session-records.js'
import {
  changed,
  entriesOf,
  fitted,
  hasRoomFor,
  isEnding,
  isTooLong,
  lastEnd,
  MOST_LISTED,
  mayBeMissing,
} from './stored-list.js'
import { storedType } from './stored-type.js'

interface DueChange extends Arrival, Subject {
  /** Called when the session is in the list, before sessions beyond `maxSessions` are ended. */
  readonly listed?: () => void
  /** After the deadline the change is not made, because its caller has already got an error. */
  readonly deadline: Deadline
}

/**
 * What was found out about the sessions of a list: which have ended, which have expired by the clock of this server
 * (`lapsed`), and the subject's cut-off.
 */
interface Room {
  readonly ended: ReadonlySet<string>
  readonly lapsed: ReadonlySet<string>
  readonly cutoff: number
}

const UNCHANGED: Limited = { list: [], refused: new Set() }

/**
 * What the store contains about a list: the subject's record, the records of the sessions, whether some may be missing.
 */
interface Reading {
  readonly subject: SubjectRecord
  readonly found: readonly Found[]
  readonly isIncomplete: boolean
}

/** Ends a session of the subject `sub`, if it has not ended. */
type EndSession = (records: SessionRecords, sid: string, sub: string) => Promise<unknown>

/** A session to add to a list, and whether it is a new login. */
export interface Addition extends Pick<DueChange, 'isLogin' | 'listed'> {
  readonly sid: string
  readonly record: Pick<SessionRecord, 'sub' | 'loginType' | 'expiresAt'>
}

/** An empty list is kept for a minute (milliseconds), because stores require an expiry in the future. */
const KEPT_EMPTY = 60_000

/**
 * Reads and writes the lists of all subjects' sessions. Simultaneous calls for one list in one process share their
 * reads and writes.
 */
export class SessionLists {
  readonly #store: TokenStore
  readonly #config: Config
  readonly #end: EndSession
  readonly #reader = new RecordReader()
  readonly #writes = new Gathered<DueChange, ReadonlySet<string>>((key, changes) => this.#write(key, changes))
  readonly #reads = new Gathered<Subject, Reading>((key, [subject]) => this.#read(key, subject as Subject))
  readonly #counts = new Gathered<Subject, boolean>((key, [subject]) => this.#count(key, subject as Subject))
  #lastShown: Promise<unknown> = Promise.resolve()

  constructor(store: TokenStore, config: Config, end: EndSession) {
    this.#store = store
    this.#config = config
    this.#end = end
  }

  /**
   * Adds a session to the list of its subject, after its record was written. With `maxSessions`, the sessions beyond it
   * have ended when the promise resolves. If koa-authx did not write the stored list, the list is not changed: without
   * `maxSessions` the login still succeeds, but the list cannot be read.
   * @throws StoreUnavailableError if the session is not listed before the deadline, or with `maxSessions` if koa-authx
   * did not write the stored list; TooManySessionsError.
   */
  async add({ sid, record, isLogin = false, listed }: Addition, deadline: Deadline): Promise<void> {
    const { sub, loginType, expiresAt } = record
    if (!hasRoomFor(sid)) return
    // The store may have confirmed the session's record only after the deadline.
    if (deadline.over()) throw deadline.error()
    const change: DueChange = { add: [sid, expiresAt], sub, loginType, deadline, isLogin, ...(listed && { listed }) }
    const refused = await this.#writes.call(listingKey(sub, loginType), change)
    if (refused.has(sid)) throw new TooManySessionsError()
    // The write of the list may contain changes of other calls, but not this one.
    if (deadline.over()) throw deadline.error()
  }

  /** Resolves to the live sessions of a subject. @throws StoreUnavailableError */
  async of(sub: string): Promise<SessionList> {
    const loginType = storedType(this.#config)
    const reading = await this.#reads.call(listingKey(sub, loginType), { sub, loginType })
    // Copying a long list takes time, so the copies for many callers are made one in each turn of the event loop.
    this.#lastShown = this.#lastShown.then(endOfTurn)
    await this.#lastShown
    return shown({ sub, loginType }, reading, this.#config.now(), this.#config)
  }

  /**
   * With `tooManySessions: 'refuse'`, refuses a login beyond `maxSessions` before it writes anything. Of several logins
   * at the same moment too many may pass this check; `add` then refuses them.
   * @param leaving the ids of the sessions that the login ends: they do not count.
   * @throws TooManySessionsError, StoreUnavailableError
   */
  async checkRoom(
    { sub, loginType }: Pick<SessionRecord, 'sub' | 'loginType'>,
    leaving: ReadonlySet<string>,
  ): Promise<void> {
    const { maxSessions, tooManySessions } = this.#config
    if (maxSessions === undefined || tooManySessions !== 'refuse') return
    const [key, owner] = [listingKey(sub, loginType), { sub, loginType }]
    const count = leaving.size > 0 ? this.#count(key, owner, leaving) : this.#counts.call(key, owner)
    if (await count) throw new TooManySessionsError()
  }

  async #count(key: string, owner: Subject, leaving: ReadonlySet<string> = new Set()): Promise<boolean> {
    const deadline = this.#deadline()
    const { list: all, subject } = await this.#stored(key, owner, deadline)
    const list = all.filter(([sid]) => !leaving.has(sid))
    if (!isFull(list, () => true, this.#config)) return false
    const live = acceptedAmong(
      await this.#records(entriesOf(list), deadline),
      owner,
      subject,
      this.#config.now(),
      this.#config,
    )
    return isFull(list, ([sid]) => live.has(sid), this.#config)
  }

  async #read(key: string, owner: Subject): Promise<Reading> {
    const deadline = this.#deadline()
    const { list, subject } = await this.#stored(key, owner, deadline)
    const found = await this.#records(entriesOf(list), deadline)
    this.forget(owner, endedAmong(found, owner, subject))
    const missing = mayBeMissing(list, subject, this.#config.now())
    const isIncomplete = typeof missing === 'string' ? await this.#isHeld(missing, owner, subject, deadline) : missing
    return { subject, found, isIncomplete }
  }

  /** Reads a list and the record of its subject. */
  async #stored(
    key: string,
    { sub, loginType }: Subject,
    deadline: Deadline,
  ): Promise<{ list: Listing; subject: SubjectRecord }> {
    const keys = [key, subjectKey(sub, loginType)]
    const [raw, rawSubject] = await withDeadline(deadline, () => this.#recordsFor(deadline).get(keys))
    return { list: parseListing(raw), subject: parseSubject(rawSubject) }
  }

  async #isHeld(sid: string, owner: Subject, subject: SubjectRecord, deadline: Deadline): Promise<boolean> {
    const found = await this.#records([[sid, 0]], deadline)
    return endedAmong(found, owner, subject).size === 0
  }

  #records(entries: Listing, deadline: Deadline): Promise<Found[]> {
    const sids = entries.map(([sid]) => sid)
    return this.#reader.read(sids, this.#recordsFor(deadline), deadline)
  }

  /** Removes ended sessions from a list, in the background. If it fails, the next reading of the list tries again. */
  forget({ sub, loginType }: { sub: string; loginType?: string | undefined }, ended: ReadonlySet<string>): void {
    if (ended.size === 0) return
    const change = { ended, sub, loginType, deadline: this.#deadline() }
    this.#writes.call(listingKey(sub, loginType), change).catch(() => {})
  }

  /**
   * Makes those changes of a list whose deadline has not passed. After a conflict with another process it tries again.
   * Resolves to the ids of logins that were refused.
   */
  async #write(key: string, changes: readonly DueChange[]): Promise<ReadonlySet<string>> {
    const deadline = this.#deadline()
    return withDeadline(deadline, async () => {
      for (;;) {
        const written = await this.#tryToWrite(key, changes, deadline)
        if (!written) continue
        await this.#endMarked(written, changes, deadline)
        return written.refused
      }
    })
  }

  /**
   * Writes a list once. Resolves to the list as it was written, or to `undefined` after a conflict with another
   * process.
   */
  async #tryToWrite(key: string, changes: readonly DueChange[], deadline: Deadline): Promise<Limited | undefined> {
    const records = this.#recordsFor(deadline)
    const [raw] = await records.get([key])
    const list = this.#config.maxSessions === undefined ? parsed(raw) : parseListing(raw)
    if (!list) return UNCHANGED
    const { ended, lapsed, cutoff } = await this.#room(changed(list, changes), changes, deadline)
    const due = changes.filter(change => !change.deadline.over())
    if (due.length === 0) return UNCHANGED
    const within = limited(changed(list, [...due, { ended }]), due, lapsed, this.#config)
    const next = fitted(within.list, cutoff)
    const value = JSON.stringify(next)
    const isAlike = value === raw || (raw === undefined && next.length === 0)
    return isAlike || (await records.compareAndSet(key, raw, value, this.#keptUntil(next))) ? within : undefined
  }

  /**
   * Ends the sessions that are marked in a list, if a change has added a session. It also ends sessions that another
   * login has marked, because the process of that login may have crashed. The logins are answered afterwards, so that
   * there are never more live sessions than `maxSessions` whose tokens were given out.
   */
  async #endMarked({ list }: Limited, changes: readonly DueChange[], deadline: Deadline): Promise<void> {
    const marked = list.filter(isEnding).map(([sid]) => sid)
    const arrivals = changes.filter(({ add }) => add && list.some(([sid]) => sid === add[0]))
    const [first] = arrivals
    if (!first || marked.length === 0) return
    for (const { listed } of arrivals) listed?.()
    const records = this.#recordsFor(deadline)
    await Promise.all(marked.map(sid => this.#end(records, sid, first.sub)))
    this.forget(first, new Set(marked))
  }

  /**
   * Until when (milliseconds) to keep the list: as long as the records of its sessions. If the clock of this server is
   * fast, the ends of the sessions seem nearer than they are, so a whole `sessionExpires` is counted from now.
   */
  #keptUntil(list: Listing): number {
    const { now, sessionExpires } = this.#config
    if (list.length === 0) return now() + KEPT_EMPTY
    return Math.max(lastEnd(list), now() + sessionExpires * 1000) + KEPT_AFTER_EXP
  }

  /**
   * Finds ended sessions to remove from a list, and sessions that have expired by the clock of this server (`lapsed`).
   * It reads the records of sessions that are past their end, or of all sessions if the list is too long or beyond
   * `maxSessions`. If the list is not beyond `maxSessions`, this takes at most half of the time that is left, and
   * sessions that could not be read count as live.
   */
  async #room(list: Listing, changes: readonly DueChange[], deadline: Deadline): Promise<Room> {
    const isOver = ([, end]: Listing[number]) => end + KEPT_AFTER_EXP <= this.#config.now()
    const overLimit = sessionsToCheck(list, changes, this.#config)
    const usual = isTooLong(list) ? entriesOf(list) : entriesOf(list).filter(isOver).slice(0, RECORDS_AT_ONCE)
    const doubtful = overLimit.length > 0 ? overLimit : usual
    if (doubtful.length === 0) return { ended: new Set(), lapsed: new Set(), cutoff: 0 }
    const owner = changes[0] as DueChange
    const subject = await this.#recordsFor(deadline).subject(owner.sub, owner.loginType)
    if (overLimit.length === 0) {
      const found = await this.#records(doubtful, new Deadline(deadline.left() / 2)).catch(() => [])
      return { ended: endedAmong(found, owner, subject), lapsed: new Set(), cutoff: subject.cutoff }
    }
    const found = await this.#records(doubtful, deadline)
    const ended = endedAmong(found, owner, subject)
    const live = acceptedAmong(found, owner, subject, this.#config.now(), this.#config)
    const lapsed = new Set(found.map(({ id }) => id).filter(id => !ended.has(id) && !live.has(id)))
    return { ended, lapsed, cutoff: subject.cutoff }
  }

  #recordsFor(deadline: Deadline): SessionRecords {
    return new SessionRecords(this.#store, this.#config, deadline)
  }

  #deadline(): Deadline {
    return new Deadline(this.#config.storeTimeout)
  }
}

/** Makes the list that one caller gets. Callers share one reading of the store, so each gets its own objects. */
function shown(
  owner: Subject,
  { subject, found, isIncomplete }: Reading,
  now: number,
  config: RotationConfig,
): SessionList {
  const live = found
    .map(({ id, record }) => toSession({ id, ...owner }, { record, subject }, now, config))
    .filter(session => session !== undefined)
  const youngest = live.slice(-MOST_LISTED)
  // One structuredClone for all: a call for each device takes four times as long.
  const copies = structuredClone(youngest.map(({ device, context }) => ({ device, ...(context && { context }) })))
  const list: SessionList = youngest
    .map((session, place) => ({ ...session, ...copies[place] }))
    .reverse()
    // Sorted by the rounded time: the order must not reveal more than the list shows.
    .sort((a, b) => b.lastActiveAt.getTime() - a.lastActiveAt.getTime())
  if (isIncomplete || live.length > MOST_LISTED) list.incomplete = true
  return list
}

function parsed(raw: string | undefined): Listing | undefined {
  try {
    return parseListing(raw)
  } catch {
    return undefined
  }
}
