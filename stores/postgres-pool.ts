import { Deadline } from '../src/time/deadline.js'
import { closedError } from './options.js'
import { isPool, maxOf, type PostgresClient, type PostgresPool } from './postgres-client.js'
import { PostgresClock } from './postgres-clock.js'
import { connectTo, Lease, listen, pause, query, unlisten } from './postgres-lease.js'
import { OwnPool, type PostgresPoolOptions } from './postgres-own-pool.js'
import {
  isRefusal,
  OPEN_TRANSACTION,
  outOfReach,
  PostgresStoreError,
  reasonOf,
  STANDBY,
  sqlStateOf,
  type TableNames,
} from './postgres-reason.js'
import { answerOf, isUndone, type Row } from './postgres-sql.js'
import { WaitingCalls } from './postgres-waiting.js'
import { type WriteSlots, writeSlotsOf } from './postgres-write-slots.js'

/** One message to the server. */
export interface Order {
  /** Makes the text of the message, for the connection whose server has this clock. */
  readonly sql: (clock: PostgresClock, deadline: Deadline) => string
  readonly isWrite: boolean
}

/** `word`: the first column; `late` also if an error of the statement itself has undone the write. */
export interface Answer {
  readonly word: string
  readonly rows: readonly Row[]
}

/** How long a connection that gives no answer is kept after its call was given up, in milliseconds. */
const PATIENCE_MS = 1000
/**
 * How long a connection is kept after a write without an answer was given up, in milliseconds. A server that waits for a
 * synchronous standby keeps the session of a commit even if its connection is closed: with a short time, such sessions
 * would fill `max_connections`.
 */
const PATIENCE_WITH_WRITES_MS = 10_000
/** While so many writes have no answer, further ones are refused at once. */
const MOST_STUCK_WRITES = 4

const TOO_MANY_CONNECTIONS = '53300'

/** Connections to the server: every call ends at its deadline, and no error message contains addresses or passwords. */
export class PostgresConnections {
  /** The calls that wait, which their callers count. */
  readonly waiting = new WaitingCalls()
  readonly #own: OwnPool | undefined
  readonly #pool: PostgresPool
  readonly #names: TableNames
  readonly #slots: WriteSlots
  readonly #clocks = new WeakMap<PostgresClient, PostgresClock>()
  readonly #calls = new Set<Promise<unknown>>()
  /** All connections that are in use. */
  readonly #leases = new Set<Lease>()
  /** Connections that had as long as a call may take, and have not answered. */
  readonly #silent = new Set<Lease>()
  #closing: Promise<void> | undefined
  #isClosed = false

  constructor(connect: string | PostgresPoolOptions | PostgresPool, names: TableNames) {
    this.#own = isPool(connect) ? undefined : new OwnPool(connect)
    this.#pool = this.#own?.pool ?? (connect as PostgresPool)
    this.#names = names
    this.#slots = writeSlotsOf(this.#pool)
    listen(this.#pool)
  }

  /** Whether no call waits until another one gives its connection back. */
  get hasRoom(): boolean {
    return this.#pool.waitingCount === 0 && this.#slots.hasRoom
  }

  /** @throws Error if the store is closed. */
  checkOpen(): void {
    if (this.#closing) throw closedError('PostgresTokenStore')
  }

  /** Runs `work`, which sends orders. `close` waits for it. */
  async call<T>(work: () => Promise<T>): Promise<T> {
    this.checkOpen()
    const call = work()
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  /** Sends a message and waits for the answer, until the deadline. `close` ends what is not inside `call`. */
  async send(order: Order, deadline: Deadline): Promise<Answer> {
    const lease = order.isWrite ? await this.#leaseForWrite(deadline) : await this.#lease(deadline, false)
    return this.#ask(lease, order, deadline)
  }

  /**
   * Waits for the running calls, each of which has a timeout, and closes the store's own pool. A pool of the caller
   * stays open.
   */
  close(): Promise<void> {
    this.#closing ??= this.#hangUp()
    return this.#closing
  }

  async #hangUp(): Promise<void> {
    await Promise.allSettled(this.#calls)
    this.#isClosed = true
    for (const lease of this.#leases) lease.end(true)
    await this.#own?.end()
    unlisten(this.#pool)
  }

  /** Takes a connection for a write: waits if there are as many writes as there may be. */
  async #leaseForWrite(deadline: Deadline): Promise<Lease> {
    this.#checkStuckWrites()
    await this.#slots.take(deadline, () => this.#noSlot(deadline.milliseconds))
    try {
      const lease = await this.#lease(deadline, true)
      return lease.whenOver(() => this.#slots.giveBack())
    } catch (error) {
      this.#slots.giveBack()
      throw error
    }
  }

  /** Takes a connection. @throws Error if the store has been closed meanwhile. */
  async #lease(deadline: Deadline, isWrite: boolean): Promise<Lease> {
    const lease = new Lease(await this.#take(deadline), isWrite)
    if (this.#isClosed) {
      lease.end(true)
      throw closedError('PostgresTokenStore')
    }
    this.#leases.add(lease)
    return lease.whenOver(() => this.#leases.delete(lease))
  }

  /** Refuses a write if others have no answer: it would only wait, too. */
  #checkStuckWrites(): void {
    const most = Math.max(1, Math.min(MOST_STUCK_WRITES, Math.floor(maxOf(this.#pool) / 2)))
    const count = [...this.#silent].filter(lease => lease.isWrite).length
    if (count < most) return
    const words = `writes have no answer (${count}): the server is frozen, or waits for a synchronous standby`
    throw new PostgresStoreError(`PostgreSQL: ${words} (synchronous_standby_names)`)
  }

  /**
   * Takes a connection from the pool. If the server accepts no more connections, waits for one of those that there are.
   */
  async #take(deadline: Deadline): Promise<PostgresClient> {
    for (;;) {
      if (this.#isClosed) throw closedError('PostgresTokenStore')
      try {
        return await this.#takeNow(deadline)
      } catch (error) {
        const hasSome = this.#leases.size > 0 || this.#pool.idleCount > 0
        if (sqlStateOf(error) !== TOO_MANY_CONNECTIONS || !hasSome || !(await pause(deadline))) throw error
      }
    }
  }

  /** Takes a connection from the pool. One that comes after the deadline goes back. */
  #takeNow(deadline: Deadline): Promise<PostgresClient> {
    return new Promise((resolve, reject) => {
      let leave: (() => void) | undefined
      const wait = deadline.wait(() => {
        leave = this.waiting.keep()
        reject(this.#noConnection(deadline.milliseconds))
      })
      connectTo(this.#pool).then(
        client => {
          wait.end()
          if (!leave && !this.#isClosed) return resolve(client)
          client.release()
          if (leave) leave()
          else reject(closedError('PostgresTokenStore'))
        },
        (error: unknown) => {
          wait.end()
          leave?.()
          reject(reasonOf(error, this.#names))
        },
      )
    })
  }

  #noConnection(milliseconds: number): Error {
    const whose = this.#own ? '' : '; does the application keep them?'
    return outOfReach(`no connection of the pool was free within ${milliseconds} ms (${this.#use}${whose})`)
  }

  /** How the pool is used, in words. */
  get #use(): string {
    const { totalCount, idleCount, waitingCount } = this.#pool
    return `in use or being opened: ${totalCount - idleCount}, waiting calls: ${waitingCount}`
  }

  /** A write has waited for others that were not done in time. Why they were not, nobody can know here. */
  #noSlot(milliseconds: number): Error {
    const share = `${this.#slots.count} of ${maxOf(this.#pool)} connections are for writes; ${this.#use}`
    const reasons =
      'is the server slow or out of reach, does a lock or a synchronous standby (synchronous_standby_names) hold them up'
    const words = `earlier writes were not done within ${milliseconds} ms (${share}): ${reasons}`
    return new PostgresStoreError(
      `PostgreSQL: ${words}${this.#own ? '' : ', or does the application keep connections'}?`,
    )
  }

  #ask(lease: Lease, order: Order, deadline: Deadline): Promise<Answer> {
    const clock = this.#clockOf(lease.client)
    const sql = textOf(order, lease, clock, deadline)
    // The call may have waited for the connection before. The server has its own time.
    const ownTime = new Deadline(deadline.milliseconds)
    return new Promise((resolve, reject) => {
      const wait = deadline.wait(error => {
        reject(error)
        this.#awaitSilent(lease, ownTime)
      })
      const sent = performance.now()
      query(lease.client, sql).then(
        rows => {
          wait.end()
          try {
            const { word, now, server } = answerOf(rows)
            clock.learn(server, now, sent, performance.now())
            if (word === 'inside') throw new PostgresStoreError(`PostgreSQL: ${OPEN_TRANSACTION}`, '25001')
            if (word === 'standby') throw new PostgresStoreError(`PostgreSQL: ${STANDBY}`)
            lease.end(false)
            resolve({ word, rows })
          } catch (error) {
            lease.end(word(rows) !== 'standby')
            reject(error)
          }
        },
        (error: unknown) => {
          wait.end()
          lease.end(!isRefusal(error))
          if (isUndone(error)) resolve({ word: 'late', rows: [] })
          else reject(reasonOf(error, this.#names))
        },
      )
    })
  }

  /** Gives a connection without an answer some time, because the server may still be busy; then closes it. */
  #awaitSilent(lease: Lease, ownTime: Deadline): void {
    const silence = ownTime.wait(() => this.#silent.add(lease))
    const patience = new Deadline(lease.isWrite ? PATIENCE_WITH_WRITES_MS : PATIENCE_MS)
    const wait = patience.wait(() => lease.end(true))
    lease.whenOver(() => {
      silence.end()
      wait.end()
      this.#silent.delete(lease)
    })
  }

  #clockOf(client: PostgresClient): PostgresClock {
    const clock = this.#clocks.get(client) ?? new PostgresClock()
    this.#clocks.set(client, clock)
    return clock
  }
}

/** The text of a message. If it cannot be made, because the date has passed, the connection goes back to the pool. */
function textOf({ sql }: Order, lease: Lease, clock: PostgresClock, deadline: Deadline): string {
  try {
    return sql(clock, deadline)
  } catch (error) {
    lease.end(false)
    throw error
  }
}

const word = (rows: readonly Row[]) => rows[0]?.[0]
