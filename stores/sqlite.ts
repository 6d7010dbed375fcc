/**
 * Sessions in an SQLite file, for the processes of one machine.
 * @module koa-authx/stores/sqlite
 */
import { resolve } from 'node:path'
import type { StoreFinding } from '../src/store.js'
import { AdapterTokenStore } from './adapter-store.js'
import { memoryFindings, warnInWorker } from './memory-findings.js'
import { checkedPrefix, checkedTimeout, knownOptions, type StoreOptions, type TimedStoreOptions } from './options.js'
import { SqliteAdapter } from './sqlite-adapter.js'

export { SqliteAdapter, type StoreOptions, type TimedStoreOptions }

const IN_MEMORY = ':memory:'

/** A url: `file:`, `sqlite:` or any scheme with `://`. A drive of Windows (`C:\`) is a path. */
const URL_FORM = /^(file|sqlite3?):|^[a-z][a-z0-9+.-]*:\/\//i

/** Options of `SqliteTokenStore`. */
export type SqliteTokenStoreOptions = TimedStoreOptions

/**
 * Sessions in one SQLite file, for any number of processes of one machine (WAL does not work on network file systems).
 * Uses `node:sqlite` if Node has it, otherwise `better-sqlite3`. `:memory:` is a separate database for each store.
 *
 * The file is opened at the first call, and again after a failure. Its folder must exist. Only the owner can read a new
 * file and the files that SQLite keeps next to it (mode 0600). An existing file keeps its mode. When a process opens
 * the file for the first time, SQLite checks the whole file: this takes about half a second for 200,000 records and
 * blocks the process. SQLite does not flush each commit to the disk (`synchronous=NORMAL`): a killed process loses
 * nothing, a power cut may lose the last writes. `timeout` is how long a call waits for another process's lock.
 *
 * @throws TypeError for an invalid option, Error if there is no driver. Calls reject with Error if the file cannot be
 * opened, read or written, stays locked, is not a database, is damaged, has another hard link, or does not belong to
 * the write-ahead log next to it, or if the store is closed; and with RangeError for an `expiresAt` that is not in the
 * future.
 */
export class SqliteTokenStore extends AdapterTokenStore {
  readonly #path: string

  constructor(path: string, options?: SqliteTokenStoreOptions) {
    if (typeof path !== 'string' || path === '')
      throw new TypeError("SqliteTokenStore takes the path of a file: new SqliteTokenStore('tokens.sqlite')")
    if (URL_FORM.test(path))
      throw new TypeError(
        "SqliteTokenStore takes a path, not a url; give the path: new SqliteTokenStore('tokens.sqlite')",
      )
    const { prefix, timeout } = knownOptions('SqliteTokenStore', options, ['prefix', 'timeout'])
    const checked = checkedPrefix('SqliteTokenStore', prefix)
    super(new SqliteAdapter(path, checkedTimeout('SqliteTokenStore', timeout)), checked)
    // The process may change its working directory before the check.
    this.#path = path === IN_MEMORY ? path : resolve(path)
    if (path === IN_MEMORY) warnInWorker('SqliteTokenStore')
  }

  /** Looks at the folder, and at who may read and write the files. If that is fine, it opens the file. */
  protected async findings(): Promise<readonly StoreFinding[]> {
    if (this.#path === IN_MEMORY) return memoryFindings()
    const { checkSqlite } = await import('./sqlite-check.js')
    return checkSqlite(this.#path, () => this.get(['check']))
  }
}
