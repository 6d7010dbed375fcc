// Not the global setTimeout: tests of applications replace it.
import { setTimeout } from 'node:timers'
import type { Config } from '../config/table.js'
import type { TokenStore } from '../store.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import { Gathered } from './gathered.js'
import { type SessionList, toSession } from './listing.js'
import {
  KEPT_AFTER_EXP,
  type Listing,
  listingKey,
  parseListing,
  parseSession,
  parseSubject,
  type SessionRecord,
  type SubjectRecord,
  sessionKey,
  subjectKey,
} from './record.js'
import { heldRecord, type Owner, type RotationConfig, type StoredState } from './rotation.js'
import { endOfTurn, SessionRecords } from './session-records.js'
import {
  type Change,
  changed,
  entriesOf,
  fitted,
  hasRoomFor,
  isTooLong,
  lastEnd,
  MOST_LISTED,
  mayBeMissing,
} from './stored-list.js'

/** The owner of a list. */
type Subject = Pick<Owner, 'sub' | 'loginType'>

interface DueChange extends Change, Subject {
  /** The change must not be made later, because its caller then has an error. */
  readonly deadline: Deadline
}

interface Found {
  readonly id: string
  readonly record: StoredState['record']
}

/** What the store contains about the sessions of a list. */
interface Reading {
  readonly subject: SubjectRecord
  readonly found: readonly Found[]
  readonly isIncomplete: boolean
}

/** The maximum number of records in one `get`. Guards can use the store between one `get` and the next. */
const RECORDS_AT_ONCE = 50
/**
 * The maximum number of records that the first pieces of all lists read at the same time. A store may queue each record
 * as a command of its own.
 */
const MOST_FIRST_RECORDS = 500
/** An empty list is kept for a minute (milliseconds), because stores require an expiry in the future. */
const KEPT_EMPTY = 60_000
/** How long one `get` of a list can delay other lists. With more, one slow key would stop all lists. */
const LONGEST_TURN_MS = 20

/**
 * Reads and writes the lists of all subjects' sessions. Calls for one list in one process are served together. Long
 * lists are read in pieces, one piece at a time, so that many logins and many calls of `listSessions` do not delay
 * guards.
 */
export class SessionLists {
  readonly #store: TokenStore
  readonly #config: Config
  readonly #writes = new Gathered<DueChange, void>((key, changes) => this.#write(key, changes))
  readonly #reads = new Gathered<Subject, Reading>((key, [subject]) => this.#read(key, subject as Subject))
  #lastPiece: Promise<unknown> = Promise.resolve()
  #firstRecords = 0
  #lastShown: Promise<unknown> = Promise.resolve()

  constructor(store: TokenStore, config: Config) {
    this.#store = store
    this.#config = config
  }

  /**
   * Adds a session to its list, after its record was written. If koa-authx did not write the stored list, the list is
   * not changed: the login still succeeds, and reading the list fails.
   * @throws StoreUnavailableError if the session is not listed before the deadline.
   */
  async add(
    sid: string,
    { sub, loginType, expiresAt }: Pick<SessionRecord, 'sub' | 'loginType' | 'expiresAt'>,
    deadline: Deadline,
  ): Promise<void> {
    if (!hasRoomFor(sid)) return
    // The store may have confirmed the record too late.
    if (deadline.over()) throw deadline.error()
    await this.#writes.call(listingKey(sub, loginType), { add: [sid, expiresAt], sub, loginType, deadline })
    // The list may have been written with other changes, but without this one.
    if (deadline.over()) throw deadline.error()
  }

  /** The live sessions of a subject. @throws StoreUnavailableError */
  async of(sub: string): Promise<SessionList> {
    const { loginType, now } = this.#config
    const reading = await this.#reads.call(listingKey(sub, loginType), { sub, loginType })
    // Copying a long list takes time, so each of many callers gets its own turn of the event loop.
    this.#lastShown = this.#lastShown.then(endOfTurn)
    await this.#lastShown
    return shown({ sub, loginType }, reading, now(), this.#config)
  }

  async #read(key: string, owner: Subject): Promise<Reading> {
    const deadline = this.#deadline()
    const keys = [key, subjectKey(owner.sub, owner.loginType)]
    const [raw, rawSubject] = await withDeadline(deadline, () => this.#recordsFor(deadline).get(keys))
    const [list, subject] = [parseListing(raw), parseSubject(rawSubject)]
    const found = await this.#records(entriesOf(list), deadline)
    this.forget(owner, endedAmong(found, owner, subject))
    const missing = mayBeMissing(list, subject, this.#config.now())
    const isIncomplete = typeof missing === 'string' ? await this.#isHeld(missing, owner, subject, deadline) : missing
    return { subject, found, isIncomplete }
  }

  async #isHeld(sid: string, owner: Subject, subject: SubjectRecord, deadline: Deadline): Promise<boolean> {
    const found = await this.#records([[sid, 0]], deadline)
    return endedAmong(found, owner, subject).size === 0
  }

  /**
   * Reads the records of `entries` in pieces. The first piece is read at once if few are being read, further pieces of
   * all lists one at a time.
   */
  async #records(entries: Listing, deadline: Deadline): Promise<Found[]> {
    const records = this.#recordsFor(deadline)
    const found: Found[] = []
    for (let n = 0; n < entries.length; n += RECORDS_AT_ONCE) {
      const ids = entries.slice(n, n + RECORDS_AT_ONCE).map(([sid]) => sid)
      const get = () => withDeadline(deadline, () => records.get(ids.map(sessionKey)))
      const atOnce = n === 0 && this.#firstRecords + ids.length <= MOST_FIRST_RECORDS
      const values = await (atOnce ? this.#first(ids.length, get) : this.#inTurn(get))
      found.push(...ids.map((id, place) => ({ id, record: parseSession(values[place]) })))
    }
    return found
  }

  async #first<T>(count: number, get: () => Promise<T>): Promise<T> {
    this.#firstRecords += count
    try {
      return await get()
    } finally {
      this.#firstRecords -= count
    }
  }

  #inTurn<T>(get: () => Promise<T>): Promise<T> {
    const piece = this.#lastPiece.then(get)
    // A store in this process would answer before other requests get a turn of the event loop.
    this.#lastPiece = this.#lastPiece.then(() => settledWithin(piece, LONGEST_TURN_MS)).then(endOfTurn)
    return piece
  }

  /** Removes ended sessions from a list, in the background. If it fails, the next reading of the list tries again. */
  forget({ sub, loginType }: { sub: string; loginType?: string | undefined }, ended: ReadonlySet<string>): void {
    if (ended.size === 0) return
    const change = { ended, sub, loginType, deadline: this.#deadline() }
    this.#writes.call(listingKey(sub, loginType), change).catch(() => {})
  }

  /** Makes all changes whose deadline has not passed. After a conflict with another process it tries again. */
  async #write(key: string, changes: readonly DueChange[]): Promise<void> {
    const deadline = this.#deadline()
    await withDeadline(deadline, async () => {
      while (!(await this.#tryToWrite(key, changes, deadline)));
    })
  }

  async #tryToWrite(key: string, changes: readonly DueChange[], deadline: Deadline): Promise<boolean> {
    const records = this.#recordsFor(deadline)
    const [raw] = await records.get([key])
    const list = parsed(raw)
    if (!list) return true
    const { ended, cutoff } = await this.#room(changed(list, changes), changes[0] as DueChange, deadline)
    const due = changes.filter(change => !change.deadline.over())
    if (due.length === 0) return true
    const next = fitted(changed(list, [...due, { ended }]), cutoff)
    const value = JSON.stringify(next)
    const isAlike = value === raw || (raw === undefined && next.length === 0)
    return isAlike || records.compareAndSet(key, raw, value, this.#keptUntil(next))
  }

  /**
   * Until when to keep the list: as long as the records of its sessions. If the clock of this server is fast, their
   * ends seem nearer than they are, so a whole `sessionExpires` is counted from now.
   */
  #keptUntil(list: Listing): number {
    const { now, sessionExpires } = this.#config
    if (list.length === 0) return now() + KEPT_EMPTY
    return Math.max(lastEnd(list), now() + sessionExpires * 1000) + KEPT_AFTER_EXP
  }

  /**
   * Finds ended sessions to remove from a list. It checks sessions that should have ended by themselves, or all
   * sessions if the list is too long. This takes at most half of the time that is left. Sessions that could not be read
   * count as live.
   */
  async #room(list: Listing, owner: Subject, deadline: Deadline): Promise<{ ended: Set<string>; cutoff: number }> {
    const isOver = ([, end]: Listing[number]) => end + KEPT_AFTER_EXP <= this.#config.now()
    const doubtful = isTooLong(list) ? entriesOf(list) : entriesOf(list).filter(isOver).slice(0, RECORDS_AT_ONCE)
    if (doubtful.length === 0) return { ended: new Set(), cutoff: 0 }
    const subject = await this.#recordsFor(deadline).subject(owner.sub, owner.loginType)
    const found = await this.#records(doubtful, new Deadline(deadline.left() / 2)).catch(() => [])
    return { ended: endedAmong(found, owner, subject), cutoff: subject.cutoff }
  }

  #recordsFor(deadline: Deadline): SessionRecords {
    return new SessionRecords(this.#store, this.#config.now, deadline)
  }

  #deadline(): Deadline {
    return new Deadline(this.#config.storeTimeout)
  }
}

/** Resolves when `promise` settles, or after `milliseconds`. */
function settledWithin(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds)
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    promise.then(done, done)
  })
}

/** The list for one caller. Callers share a reading, so each gets its own objects. */
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
  // One call for all: a call for each device takes four times as long.
  const devices = structuredClone(youngest.map(({ device }) => device))
  const list: SessionList = youngest
    .map((session, place) => ({ ...session, device: devices[place] ?? {} }))
    .reverse()
    // Sorted by the rounded time: the order must not reveal more than the list shows.
    .sort((a, b) => b.lastActiveAt.getTime() - a.lastActiveAt.getTime())
  if (isIncomplete || live.length > MOST_LISTED) list.incomplete = true
  return list
}

/**
 * The ids of sessions that have ended. The clock of this server is not used: a session that ends by itself has ended
 * when the store removes its record.
 */
function endedAmong(found: readonly Found[], owner: Subject, subject: SubjectRecord): Set<string> {
  const { sub, loginType } = owner
  const isHeld = ({ id, record }: Found) => heldRecord({ id, sub, loginType }, { record, subject }) !== undefined
  return new Set(found.filter(each => !isHeld(each)).map(({ id }) => id))
}

function parsed(raw: string | undefined): Listing | undefined {
  try {
    return parseListing(raw)
  } catch {
    return undefined
  }
}
