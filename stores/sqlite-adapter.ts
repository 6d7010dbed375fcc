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
 * A Keyv storage adapter over one SQLite file, with the compare-and-set that Keyv lacks. Nothing is opened before the
 * first call; a call that cannot open the file rejects and the next one tries again. A lock that another process holds
 * is waited for with a timer, never inside SQLite, so the event loop goes on.
 */
export class SqliteAdapter implements KeyvStoreAdapter {
  /** What Keyv looks for before it offers its iterator. Adapters over one file are recognised by `url`. */
  readonly opts: { readonly dialect: 'sqlite'; readonly url: string }
  /** Set by the Keyv that uses this adapter. */
  namespace?: string | undefined
  readonly #file: SqliteFile
  readonly #timeout: number
  #connection: Connection | undefined
  #purger: NodeJS.Timeout | undefined
  #closed = false
  /** Closed, and the reads that were under way have been answered. */
  #done = false
  readonly #turn = new TickBatch()

  /** `timeout`: milliseconds to wait for a lock. */
  constructor(path: string, timeout: number) {
    this.#file = new SqliteFile(path)
    this.opts = { dialect: 'sqlite', url: path === ':memory:' ? '' : resolve(path) }
    this.#timeout = timeout
  }

  /** Write only if the key holds `expected`, in one statement and so for all processes; `expires` in ms since 1970. */
  async compareAndSet(key: string, expected: string | undefined, value: string, expires: number): Promise<boolean> {
    // run(), not RETURNING: it steps to the end, so that a commit that fails is seen.
    const { changes } = await this.#call(statement =>
      expected === undefined
        ? statement(sql.insert).run(key, value, expires, Date.now())
        : statement(sql.update).run(value, expires, key, expected, Date.now()),
    )
    return Number(changes) === 1
  }

  /**
   * The values of `keys` in their order. Guards ask for two, and get both as they stood at one moment: most of what a
   * statement costs is its transaction.
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

  /** The value under `key`; `undefined` if there is none. */
  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    const [value] = await this.getMany<Value>([key])
    return value as StoredData<Value> | undefined
  }

  /** Store a value. `ttl`: milliseconds; default: no expiry. */
  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    await this.#call(statement => statement(sql.set).run(key, value, ttl ? Date.now() + ttl : forEver))
    return true
  }

  /** Delete the value under `key`. Resolves to whether there was one. */
  async delete(key: string): Promise<boolean> {
    return (await this.#call(statement => erase(statement, sql.delete, key, Date.now()))) === 1
  }

  /** Delete what belongs to Keyv's namespace, or everything if it has none. */
  async clear(): Promise<void> {
    const start = this.namespace ? `${this.namespace}:` : ''
    await this.#call(statement => erase(statement, sql.clear, start, start))
  }

  /** Keyv listens for errors; here they are rejections. */
  on(): this {
    return this
  }

  /** Close the file. Later calls reject. */
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
    // What is written to a file that was deleted or replaced is lost.
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
        // Jitter, or processes that were refused together come back together.
        const pause = wait * (0.5 + Math.random())
        if (pause > deadline.left()) throw this.#stayedLocked(error)
        await pauseBefore(deadline, pause)
      }
    }
  }

  /** The statements of the open database, each prepared once. */
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

  /** A connection that has failed is not used again: the next call opens the file again. */
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
      // A file that was deleted or replaced would go on being read and written here and by nobody else.
      if (connection && this.#file.isWhole(connection)) {
        this.#schedulePurge(this.#purge() ? purgePause : purgeEvery)
        return
      }
      this.#drop()
      // Perhaps another program has emptied the log, and no call comes: opened again, it goes on.
      if (connection && this.#file.isSameFile(connection)) this.#purge()
    }, after).unref()
  }

  /** Delete one batch of expired records; whether there may be more. Small, because SQLite works on the event loop. */
  #purge(): boolean {
    try {
      const statement = this.#statements()
      const now = Date.now()
      // Ask first: a DELETE takes the write lock even if it finds nothing.
      if (statement(sql.expired).get(now) === undefined) return false
      return erase(statement, sql.purge, now, purgeBatch) === purgeBatch
    } catch {
      // Locked, or broken: the next turn or the next call will see. Nothing expired is ever read meanwhile.
      return false
    }
  }
}

/** Delete, and mark the file, in one transaction; how many rows there were. */
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

/** The time of a deadline goes on only while somebody waits. */
async function pauseBefore(deadline: Deadline, milliseconds: number): Promise<void> {
  const wait = deadline.wait(() => {})
  await sleep(milliseconds)
  wait.end()
}
