/**
 * Sessions in a table of PostgreSQL, for processes on any number of machines.
 * @module koa-authx/stores/postgres
 */
import type { StoreFinding, TokenStore } from '../src/store.js'
import { Deadline } from '../src/time/deadline.js'
import {
  checkedPrefix,
  checkedTimeout,
  knownOptions,
  millisecondsUntil,
  type StoreOptions,
  type TimedStoreOptions,
} from './options.js'
import type { PostgresClient, PostgresPool } from './postgres-client.js'
import { checkConnect, checkedCreateTable, checkedTable } from './postgres-options.js'
import type { PostgresPoolOptions } from './postgres-own-pool.js'
import { type Answer, type Order, PostgresConnections } from './postgres-pool.js'
import { Purger } from './postgres-purge.js'
import { GatheredReads, type Values } from './postgres-reads.js'
import { mayNotCreate, noAnswer, PostgresStoreError, READ_ONLY, sqlStateOf } from './postgres-reason.js'
import { checkedKey, decoded, type Key, PostgresStatements } from './postgres-sql.js'

export type { PostgresClient, PostgresPool, PostgresPoolOptions, StoreOptions, TimedStoreOptions }

/** Options of `PostgresTokenStore`. */
export interface PostgresTokenStoreOptions extends TimedStoreOptions {
  /** Name of the table: one name of up to 63 bytes, which is quoted. Default `koa_authx`. */
  table?: string | undefined
  /** Schema of the table, which must exist. Default: the `search_path` of the role. */
  schema?: string | undefined
  /** Whether to create the table if it does not exist. Default `true`. */
  createTable?: boolean | undefined
}

const OPTIONS = ['prefix', 'timeout', 'table', 'schema', 'createTable']

const UNDEFINED_TABLE = '42P01'
const READ_ONLY_TRANSACTION = '25006'
/** Another process has created the table at the same time. */
const EXISTS = ['42P07', '23505', '42710']
/** Serialization failure, deadlock, canceled statement: nothing was written, and another attempt may succeed. */
const AGAIN = ['40001', '40P01', '57014']

/** How long creating the table may take, in milliseconds. */
const CREATE_MS = 10_000
const PURGE_MS = 6000
const PURGE_BATCH = 500
/** How many purges in a row are left out because calls wait for a connection. */
const MOST_LEFT_OUT = 1

/**
 * Sessions in a table of PostgreSQL (version 13 or later), for any number of processes on any number of machines,
 * through `pg`. Works through PgBouncer, also in transaction mode.
 *
 * With a url or options of a Pool, the store makes its own Pool, and `close()` ends it. If you give a Pool, it stays
 * yours; a call needs one connection for one round trip. The constructor needs no running server. The first call creates the
 * table, unless it exists or `createTable` is `false`.
 *
 * Every call ends within `timeout`, and the server gives it up at the same time. A write that timed out is not applied
 * later, even if clocks differ, unless the server was already committing it. Standbys are refused. Records expire by
 * the server's clock. Expired records are deleted within a minute, in batches.
 *
 * @throws TypeError for an invalid option. Calls reject with Error if the server cannot be reached, refuses the
 * statement, is a standby or does not answer in time, if no connection of the Pool is free in time, or if the store is
 * closed; and with RangeError for an `expiresAt` that is not in the future.
 */
export class PostgresTokenStore implements TokenStore {
  readonly #prefix: string
  readonly #timeout: number
  readonly #createsTable: boolean
  readonly #statements: PostgresStatements
  readonly #connections: PostgresConnections
  readonly #reads = new GatheredReads(whenComplete => this.#read(whenComplete))
  readonly #purger = new Purger(() => this.#purge())
  #creating: Promise<void> | undefined
  #leftOut = 0

  constructor(connect: string | PostgresPoolOptions | PostgresPool, options?: PostgresTokenStoreOptions) {
    checkConnect(connect)
    const known = knownOptions('PostgresTokenStore', options, OPTIONS)
    this.#prefix = checkedPrefix('PostgresTokenStore', known.prefix)
    this.#timeout = checkedTimeout('PostgresTokenStore', known.timeout)
    this.#createsTable = checkedCreateTable(known.createTable)
    this.#statements = new PostgresStatements(checkedTable(known.table, known.schema), this.#timeout)
    this.#connections = new PostgresConnections(connect, this.#statements)
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.#connections.checkOpen()
    const names = keys.map(key => checkedKey(this.#prefix + key))
    const values = await this.#connections.waiting.run(() => this.#reads.get(names))
    return names.map(name => values.get(name))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    millisecondsUntil(expiresAt)
    const name = checkedKey(this.#prefix + key)
    const order = (): Order => ({
      isWrite: true,
      sql: (clock, deadline) =>
        this.#statements.write({
          key: name,
          expected,
          value,
          ttl: millisecondsUntil(expiresAt),
          // The server applies the write until this moment and not later. The caller gets a timeout only after it.
          latest: clock.at(performance.now() + deadline.left()),
          server: clock.server,
        }),
    })
    const { word } = await this.#connections.waiting.run(() => this.#call(order))
    return word === 'written'
  }

  /**
   * Looks for settings of the server that lose sessions or undo logouts, for missing permissions, a table that does not
   * fit, and a clock that is wrong. If the table exists, it writes a record and deletes it in the same transaction. It
   * does not create the table. It rejects if there is no answer within five seconds,
   * or `timeout` if that is longer.
   */
  async check(): Promise<readonly StoreFinding[]> {
    this.#connections.checkOpen()
    const { checkPostgres } = await import('./postgres-check.js')
    const options = { createsTable: this.#createsTable, timeout: this.#timeout, prefix: this.#prefix }
    return this.#connections.waiting.run(() => checkPostgres(this.#connections, this.#statements, options))
  }

  close(): Promise<void> {
    this.#purger.stop()
    return this.#connections.close()
  }

  async #read(whenComplete: Promise<readonly Key[]>): Promise<Values> {
    const { rows } = await this.#call(async () => {
      const sql = this.#statements.read(await whenComplete)
      return { isWrite: false, sql: () => sql }
    })
    const found = rows.filter(row => row[3] !== null)
    return new Map(found.map(row => [String(row[3]), decoded(String(row[4]))]))
  }

  #call(prepare: () => Order | Promise<Order>): Promise<Answer> {
    return this.#connections.call(async () => {
      const deadline = new Deadline(this.#timeout, noAnswer)
      const answer = await this.#attempt(await prepare(), deadline)
      this.#purger.start()
      return answer
    })
  }

  /**
   * Sends `order` again while there is time, if it was not carried out: the server's clock was not known, the write came
   * too late because this process was busy, or the table did not exist.
   */
  async #attempt(order: Order, deadline: Deadline): Promise<Answer> {
    let hasCreated = false
    for (;;) {
      try {
        const answer = await this.#connections.send(order, deadline)
        if (answer.word !== 'late') return answer
        if (deadline.over()) throw tooLate(this.#timeout)
      } catch (error) {
        const state = sqlStateOf(error) ?? ''
        if (state === READ_ONLY_TRANSACTION) throw await this.#readOnly(deadline, state)
        if (state === UNDEFINED_TABLE && this.#createsTable && !hasCreated) {
          await this.#create(deadline)
          hasCreated = true
        } else if (!AGAIN.includes(state) || deadline.over()) {
          throw error
        }
      }
    }
  }

  /** Creates the table. If this takes longer than the call may, the table is there for a later call. */
  async #create(deadline: Deadline): Promise<void> {
    this.#creating ??= this.#createNow().finally(() => {
      this.#creating = undefined
    })
    const creating = this.#creating
    await new Promise<void>((resolve, reject) => {
      const wait = deadline.wait(reject)
      creating.then(resolve, reject).finally(() => wait.end())
    })
  }

  async #createNow(): Promise<void> {
    // If it counted as a write, all writes that need the table would be ahead of it.
    const order = { isWrite: false, sql: () => this.#statements.create() }
    try {
      await this.#connections.send(order, new Deadline(CREATE_MS, noAnswer))
    } catch (error) {
      const state = sqlStateOf(error) ?? ''
      if (state === READ_ONLY_TRANSACTION) throw await this.#readOnly(new Deadline(this.#timeout, noAnswer), state)
      if (state === '42501') throw mayNotCreate(this.#statements.table, state)
      if (!EXISTS.includes(state)) throw error
    }
  }

  /** Why the server refuses writes: a read tells whether it is a standby. */
  async #readOnly(deadline: Deadline, state: string): Promise<Error> {
    const order = { isWrite: false, sql: () => this.#statements.ask() }
    return this.#connections.send(order, deadline).then(
      () => new PostgresStoreError(`PostgreSQL: ${READ_ONLY} (SQLSTATE ${state})`, state),
      (error: Error) => error,
    )
  }

  /** Deletes a batch of expired records. Returns whether there may be more. */
  async #purge(): Promise<boolean> {
    if (!this.#connections.hasRoom && this.#leftOut < MOST_LEFT_OUT) {
      this.#leftOut++
      return false
    }
    const order = { isWrite: true, sql: () => this.#statements.purge(PURGE_BATCH) }
    try {
      const { rows } = await this.#connections.send(order, new Deadline(PURGE_MS, noAnswer))
      const isMore = Number(rows[0]?.[3]) === PURGE_BATCH
      // Until all are gone: calls may go on waiting for connections.
      if (!isMore) this.#leftOut = 0
      return isMore
    } catch {
      // The next purge tries again. Expired records are never read in the meantime.
      return false
    }
  }
}

function tooLate(milliseconds: number): PostgresStoreError {
  return new PostgresStoreError(
    `PostgreSQL: no write reached the server in time, within ${milliseconds} ms: the timeout is too short, a clock is being set, or this process is busy`,
  )
}
