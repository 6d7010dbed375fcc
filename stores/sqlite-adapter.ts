import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KeyvStoreAdapter, StoredData } from 'keyv'
import { Deadline } from '../src/time/deadline.js'
import { closedError } from './options.js'
import { type Connection, SqliteFile } from './sqlite-connection.js'
import { isDamage, isLocked, type Statement, textOf, wholeText } from './sqlite-driver.js'
import { sqlOfMarks } from './sqlite-log.js'
import { TickBatch } from './tick-batch.js'

const stored = `SELECT ${wholeText('value')} FROM koa_authx WHERE key = ? AND expires > ?`

const sql = {
  pair: `SELECT (${stored}) AS first, (${stored}) AS second`,
  insert: `INSERT INTO koa_authx (key, value, expires) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires WHERE expires <= ?`,
  update: 'UPDATE koa_authx SET value = ?, expires = ? WHERE key = ? AND value = ? AND expires > ?',
  set: 'INSERT OR REPLACE INTO koa_authx (key, value, expires) VALUES (?, ?, ?)',
  delete: 'DELETE FROM koa_authx WHERE key = ? AND expires > ?',
  clear: 'DELETE FROM koa_authx WHERE substr(key, 1, length(?)) = ?',
  expired: 'SELECT 1 FROM koa_authx WHERE expires <= ? LIMIT 1',
  purge: 'DELETE FROM koa_authx WHERE rowid IN (SELECT rowid FROM koa_authx WHERE expires <= ? LIMIT ?)',
}

const purgeEvery = 1000
const purgeBatch = 500
const purgePause = 20
const longestWait = 16
const forEver = 8.64e15

/**
 * A Keyv storage adapter over one SQLite file, with the compare-and-set that Keyv lacks. The first call opens the file.
 * If the file cannot be opened, the call rejects and the next call tries again. While another process holds a lock,
 * calls wait with a timer, not inside SQLite, so the event loop is not blocked.
 */
export class SqliteAdapter implements KeyvStoreAdapter {
  /** Keyv offers its iterator only if it knows the `dialect`. Adapters over one file have the same `url`. */
  readonly opts: { readonly dialect: 'sqlite'; readonly url: string }
  /** Set by the Keyv that uses this adapter. */
  namespace?: string | undefined
  readonly #file: SqliteFile
  readonly #timeout: number
  #connection: Connection | undefined
  #purger: NodeJS.Timeout | undefined
  #closed = false
  /** Whether the adapter is closed and all running reads have been answered. */
  #done = false
  readonly #turn = new TickBatch()

  /** `timeout`: how long to wait for a lock, in milliseconds. */
  constructor(path: string, timeout: number) {
    this.#file = new SqliteFile(path)
    this.opts = { dialect: 'sqlite', url: path === ':memory:' ? '' : resolve(path) }
    this.#timeout = timeout
  }

  /**
   * Writes `value` if the key has the value `expected`, atomically for all processes. `expires`: milliseconds since
   * 1970. Resolves to true if the value was written, otherwise to false.
   */
  async compareAndSet(key: string, expected: string | undefined, value: string, expires: number): Promise<boolean> {
    // Use run(), not RETURNING: run() executes the statement to its end, so that a failed commit throws.
    const { changes } = await this.#call(statement =>
      expected === undefined
        ? statement(sql.insert).run(key, value, expires, Date.now())
        : statement(sql.update).run(value, expires, key, expected, Date.now()),
    )
    return Number(changes) === 1
  }

  /**
   * Returns the values of `keys`, in their order; `undefined` for a missing value. Keys are read in pairs, because
   * guards need two: one statement reads both at the same moment, and takes little more time than for one key.
   */
  async getMany<Value>(keys: readonly string[]): Promise<StoredData<Value | undefined>[]> {
    this.#checkOpen()
    await this.#turn.over()
    return this.#attempt(statement => {
      const now = Date.now()
      const values: unknown[] = []
      for (let n = 0; n < keys.length; n += 2) {
        const key = keys[n] as string
        const row = statement(sql.pair).get(key, now, keys[n + 1] ?? key, now) as { first: unknown; second: unknown }
        values.push(textOf(row.first), textOf(row.second))
      }
      return values.slice(0, keys.length) as StoredData<Value | undefined>[]
    })
  }

  /** Returns the value under `key`; `undefined` if there is none. */
  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const [value] = await this.getMany<Value>([key])
    return value as StoredData<Value> | undefined
  }

  /** Stores a value. `ttl`: milliseconds; default: no expiry. */
  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    await this.#call(statement => statement(sql.set).run(key, value, ttl ? Date.now() + ttl : forEver))
    return true
  }

  /** Deletes the value under `key`. Resolves to true if there was a value, otherwise to false. */
  async delete(key: string): Promise<boolean> {
    return (await this.#call(statement => erase(statement, sql.delete, key, Date.now()))) === 1
  }

  /** Deletes all records of the Keyv's namespace, or all records if there is no namespace. */
  async clear(): Promise<void> {
    const start = this.namespace ? `${this.namespace}:` : ''
    await this.#call(statement => erase(statement, sql.clear, start, start))
  }

  /** Does nothing. Keyv listens for errors here, but this adapter rejects calls instead. */
  on(): this {
    return this
  }

  /** Closes the file. Later calls reject. */
  async disconnect(): Promise<void> {
    this.#closed = true
    await this.#turn.settled()
    this.#done = true
    this.#drop()
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError('The SQLite store')
  }

  async #call<T>(work: (statement: (sql: string) => Statement) => T): Promise<T> {
    this.#checkOpen()
    // A write to a file that was deleted or replaced would be lost.
    if (this.#connection && !this.#file.isCurrent(this.#connection)) this.#drop()
    return this.#attempt(work)
  }

  async #attempt<T>(work: (statement: (sql: string) => Statement) => T): Promise<T> {
    const deadline = new Deadline(this.#timeout)
    for (let wait = 1; ; wait = Math.min(wait * 2, longestWait)) {
      if (this.#done) throw closedError('The SQLite store')
      try {
        return work(this.#statements())
      } catch (error) {
        if (!isLocked(error)) throw this.#failed(error)
        // Jitter: without it, processes that found the lock together would try again together.
        const pause = wait * (0.5 + Math.random())
        if (pause > deadline.left()) throw this.#stayedLocked(error)
        await pauseBefore(deadline, pause)
      }
    }
  }

  /** Returns the function that prepares the statements of the open database, each only once. */
  #statements(): (sql: string) => Statement {
    this.#connection ??= this.#connect()
    const { database, statements } = this.#connection
    return sql => {
      const statement = statements.get(sql) ?? database.prepare(sql)
      statements.set(sql, statement)
      return statement
    }
  }

  #connect(): Connection {
    const connection = this.#file.open()
    this.#schedulePurge(purgeEvery)
    return connection
  }

  /**
   * Drops a connection that has failed, so that the next call opens the file again. Returns the error for the caller.
   */
  #failed(cause: unknown): Error {
    this.#drop()
    if (isDamage(cause)) this.#file.distrust()
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new Error(`SQLite: ${reason}`, { cause })
  }

  #stayedLocked(cause: unknown): Error {
    return new Error(`SQLite: the database stayed locked for ${this.#timeout} ms`, { cause })
  }

  #drop(): void {
    clearTimeout(this.#purger)
    const connection = this.#connection
    this.#connection = undefined
    if (connection) this.#file.close(connection)
  }

  #schedulePurge(after: number): void {
    clearTimeout(this.#purger)
    this.#purger = setTimeout(() => {
      const connection = this.#connection
      // If the file was deleted or replaced, only this process would still read and write it.
      if (connection && this.#file.isWhole(connection)) {
        this.#schedulePurge(this.#purge() ? purgePause : purgeEvery)
        return
      }
      this.#drop()
      // Another program may have emptied the log. Open the file again, so that purging continues without a call.
      if (connection && this.#file.isSameFile(connection)) this.#purge()
    }, after).unref()
  }

  /**
   * Deletes a batch of expired records. The batch is small, because SQLite blocks the event loop. Returns whether there
   * may be more.
   */
  #purge(): boolean {
    try {
      const statement = this.#statements()
      const now = Date.now()
      // Check first: a DELETE takes the write lock even if it finds nothing.
      if (statement(sql.expired).get(now) === undefined) return false
      return erase(statement, sql.purge, now, purgeBatch) === purgeBatch
    } catch {
      // Locked or damaged: the next purge or the next call handles it. Expired records are never read in the meantime.
      return false
    }
  }
}

/** Deletes rows and stores the next mark (see `marksSchema`) in one transaction. Returns the number of deleted rows. */
function erase(statement: (sql: string) => Statement, deletion: string, ...values: (string | number)[]): number {
  statement('BEGIN IMMEDIATE').run()
  try {
    const { changes } = statement(deletion).run(...values)
    statement(sqlOfMarks.next).run()
    statement('COMMIT').run()
    return Number(changes)
  } catch (error) {
    try {
      statement('ROLLBACK').run()
    } catch {
      // SQLite has ended the transaction by itself.
    }
    throw error
  }
}

/** Sleeps for `milliseconds`, inside a `wait`: without a `wait`, this time would not count for `deadline`. */
async function pauseBefore(deadline: Deadline, milliseconds: number): Promise<void> {
  const wait = deadline.wait(() => {})
  await sleep(milliseconds)
  wait.end()
}
