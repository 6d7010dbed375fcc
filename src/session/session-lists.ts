// Not the global one: tests of applications put others in its place.
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

/** Whose list it is. */
type Subject = Pick<Owner, 'sub' | 'loginType'>

interface DueChange extends Change, Subject {
  /** After it the change is not made: its caller has been told that it failed. */
  readonly deadline: Deadline
}

interface Found {
  readonly id: string
  readonly record: StoredState['record']
}

/** What the store knows about the sessions of a list. */
interface Reading {
  readonly subject: SubjectRecord
  readonly found: readonly Found[]
  readonly isIncomplete: boolean
}

/** Guards of others get their turn between one `get` and the next. */
const RECORDS_AT_ONCE = 50
/** A list without sessions is kept for a minute: stores refuse a date that is not in the future. */
const KEPT_EMPTY = 60_000
/** How long one piece of a list keeps the pieces of other lists waiting. Longer, and one slow key would stop all lists. */
const LONGEST_TURN_MS = 20

/**
 * The lists of all subjects. In one process the calls about one list are served together, and long lists are read in
 * pieces, one at a time: however often somebody logs in or asks for a list, there is room for guards.
 */
export class SessionLists {
  readonly #store: TokenStore
  readonly #config: Config
  readonly #writes = new Gathered<DueChange, void>((key, changes) => this.#write(key, changes))
  readonly #reads = new Gathered<Subject, Reading>((key, [subject]) => this.#read(key, subject as Subject))
  #lastPiece: Promise<unknown> = Promise.resolve()
  #lastShown: Promise<unknown> = Promise.resolve()

  constructor(store: TokenStore, config: Config) {
    this.#store = store
    this.#config = config
  }

  /**
   * List a session that has been written. A list that the library did not write is left alone: it costs nobody a login,
   * and reading it fails.
   * @throws StoreUnavailableError if the session is not listed before the deadline.
   */
  async add(
    sid: string,
    { sub, loginType, expiresAt }: Pick<SessionRecord, 'sub' | 'loginType' | 'expiresAt'>,
    deadline: Deadline,
  ): Promise<void> {
    if (!hasRoomFor(sid)) return
    // The answer that the session is written may have come too late.
    if (deadline.over()) throw deadline.error()
    await this.#writes.call(listingKey(sub, loginType), { add: [sid, expiresAt], sub, loginType, deadline })
    // The others may have been written without this one.
    if (deadline.over()) throw deadline.error()
  }

  /** @throws StoreUnavailableError */
  async of(sub: string): Promise<SessionList> {
    const { loginType, now } = this.#config
    const reading = await this.#reads.call(listingKey(sub, loginType), { sub, loginType })
    // A long list takes a while to copy: of many callers each takes a turn of the event loop of its own.
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

  /** The first piece is a read like any other; those that follow come one at a time. */
  async #records(entries: Listing, deadline: Deadline): Promise<Found[]> {
    const records = this.#recordsFor(deadline)
    const found: Found[] = []
    for (let n = 0; n < entries.length; n += RECORDS_AT_ONCE) {
      const ids = entries.slice(n, n + RECORDS_AT_ONCE).map(([sid]) => sid)
      const get = () => withDeadline(deadline, () => records.get(ids.map(sessionKey)))
      const values = await (n === 0 ? get() : this.#inTurn(get))
      found.push(...ids.map((id, place) => ({ id, record: parseSession(values[place]) })))
    }
    return found
  }

  #inTurn<T>(get: () => Promise<T>): Promise<T> {
    const piece = this.#lastPiece.then(get)
    // A store in this process answers before others have had a turn of the event loop.
    this.#lastPiece = this.#lastPiece.then(() => settledWithin(piece, LONGEST_TURN_MS)).then(endOfTurn)
    return piece
  }

  /** Take ended sessions out of a list. Nobody waits for it; what fails is done when they are seen again. */
  forget({ sub, loginType }: { sub: string; loginType?: string | undefined }, ended: ReadonlySet<string>): void {
    if (ended.size === 0) return
    const change = { ended, sub, loginType, deadline: this.#deadline() }
    this.#writes.call(listingKey(sub, loginType), change).catch(() => {})
  }

  /** Make all the changes that are still wanted. Conflicts with other processes are tried again until the deadline. */
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
   * As long as the records of the sessions in it. To a clock that is ahead, less of their lives is left than there is: the
   * longest life is counted from now.
   */
  #keptUntil(list: Listing): number {
    const { now, sessionExpires } = this.#config
    if (list.length === 0) return now() + KEPT_EMPTY
    return Math.max(lastEnd(list), now() + sessionExpires * 1000) + KEPT_AFTER_EXP
  }

  /**
   * Which sessions can leave a list: looked at are those that should have ended by themselves, and all if the list has
   * become too long. Half of the time is for that; what is not known then is taken for live.
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

/** Callers share a reading, and each gets objects of its own. */
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
  // All at once: a call for each device takes four times as long.
  const devices = structuredClone(youngest.map(({ device }) => device))
  const list: SessionList = youngest
    .map((session, place) => ({ ...session, device: devices[place] ?? {} }))
    .reverse()
    // By what is shown: the order must not tell more.
    .sort((a, b) => b.lastActiveAt.getTime() - a.lastActiveAt.getTime())
  if (isIncomplete || live.length > MOST_LISTED) list.incomplete = true
  return list
}

/** The store decides, not the clock of this server: what ends by itself is gone when the store lets go of its record. */
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
