import { resolve } from 'node:path'
import { type Database, isDamage, type Statement, sqliteDriver } from './sqlite-driver.js'
import { hold, logOf, lookAt, noFile } from './sqlite-file.js'
import { type Fit, fitOf, MIXED, marksSchema, sqlOfMarks } from './sqlite-log.js'

const schema = `
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS koa_authx (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS koa_authx_expires ON koa_authx (expires);
  ${marksSchema}`

export interface Connection {
  readonly database: Database
  readonly statements: Map<string, Statement>
  /** The identity of the open file. It shows whether another file has replaced it. */
  readonly identity: string
}

/** After this time, in milliseconds, a refused file is opened again even if it has not changed. */
const refusedFor = 10_000

/**
 * The error for a file that is damaged, or that does not belong to its write-ahead log: SQLite would read a mixture of
 * two states.
 */
class WrongContent extends Error {}

/** Opens a database file, and checks that its content is not damaged and is not a mixture of two states. */
export class SqliteFile {
  readonly #path: string
  readonly #open = sqliteDriver()
  /** The `look` of the file (see `FileLook`) when the file last belonged to its log. */
  #fitted = ''
  /**
   * Whether the log has had data of the store since the file was opened. Until then, SQLite does not change the file.
   */
  #logged = false
  /** The identity of the file whose content was checked last. */
  #whole = ''
  #refused: { look: string; at: number; error: WrongContent } | undefined

  constructor(path: string) {
    // The process may change its working directory before the file is opened again.
    this.#path = path === ':memory:' ? path : resolve(path)
  }

  /**
   * @throws Error if the file cannot be opened or is locked, or if its content is damaged or a mixture of two states.
   */
  open(): Connection {
    if (this.#isStillRefused()) throw this.#refused?.error
    this.#refused = undefined
    try {
      return this.#opened()
    } catch (error) {
      if (error instanceof WrongContent) this.#refused = { look: this.#look(), at: performance.now(), error }
      throw error
    }
  }

  /** Whether the file of a connection is still the file at the path. */
  isSameFile({ identity }: Connection): boolean {
    return this.#path === ':memory:' || identity === lookAt(this.#path).identity
  }

  /** Whether the file of a connection is still at the path and unchanged by others. A cheap check for each write. */
  isCurrent(connection: Connection): boolean {
    return this.#logged ? this.isSameFile(connection) : this.isWhole(connection)
  }

  /** Whether the file of a connection is still at the path and unchanged by others. A complete check. */
  isWhole(connection: Connection): boolean {
    return this.#path === ':memory:' || (this.isSameFile(connection) && this.#isAsRead())
  }

  /**
   * Closes a connection. SQLite then writes the log into the file. If the log belongs to another state of the file,
   * this method first marks the file as a mixture, so that `open` refuses it.
   */
  close(connection: Connection): void {
    const { database } = connection
    const lastWords = this.#isOfAnother(connection) ? [() => database.exec(sqlOfMarks.condemn)] : []
    for (const work of [...lastWords, () => database.close()]) {
      try {
        work()
      } catch {
        // The connection is dropped anyway. The call that failed has reported the error.
      }
    }
  }

  /** Call it if the content is damaged. Then the whole file is checked before it is used again. */
  distrust(): void {
    this.#whole = ''
  }

  /**
   * Whether the file was refused and has not changed. Reading a large file for each call would block the event loop.
   */
  #isStillRefused(): boolean {
    const refused = this.#refused
    return refused?.look === this.#look() && performance.now() - refused.at < refusedFor
  }

  /** Whether the file is unchanged, or only its log has changed it. Otherwise it may be damaged, or half copied. */
  #isAsRead(): boolean {
    const fit = this.#fitOrUnread()
    if (fit === 'empty') this.distrust()
    return fit === 'fits' || fit === 'unmarked'
  }

  /** Whether the file was overwritten while it was open, so that the log belongs to the old content. */
  #isOfAnother(connection: Connection): boolean {
    return this.#path !== ':memory:' && this.isSameFile(connection) && this.#fitOrUnread() === 'another'
  }

  #fitOrUnread(): Fit {
    try {
      return this.#fit()
    } catch {
      // The file cannot be read. The next call will report it.
      return 'unmarked'
    }
  }

  #opened(): Connection {
    const fit = this.#path === ':memory:' ? 'fits' : this.#fit()
    if (fit === 'another') throw this.#mixture()
    const { identity, links } = this.#path === ':memory:' ? noFile : lookAt(this.#path)
    if (links > 1) throw this.#manyNames()
    const database = this.#open(this.#path)
    try {
      // The pragma fails if another process runs it at the same time. Then the whole call is tried again.
      database.prepare('PRAGMA journal_mode = WAL').get()
      this.#logged = false
      // The pragma changes a file that was not in WAL mode, so read its `look` again.
      if (fit === 'empty') this.#fitted = lookAt(this.#path).look
      database.exec(schema)
      this.#checkContent(database, identity)
      return { database, identity, statements: new Map() }
    } catch (error) {
      database.close()
      throw isDamage(error) ? this.#damage((error as Error).message) : error
    }
  }

  /** Compares the file with its log. Creates the file if it is missing. */
  #fit(): Fit {
    const file = hold(this.#path)
    const { look } = lookAt(this.#path)
    if (file === undefined || look === this.#fitted) return 'fits'
    const fit = fitOf(logOf(this.#path), file)
    if (fit === 'fits') {
      this.#fitted = look
      this.#logged = true
    }
    return fit
  }

  #checkContent(database: Database, identity: string): void {
    const row = database.prepare(sqlOfMarks.read).get() as { mark: string } | undefined
    if (row?.mark === MIXED) throw this.#mixture()
    if (row === undefined) database.exec(sqlOfMarks.first)
    if (identity === this.#whole && identity !== '') return
    const problem = problemIn(database)
    if (problem !== undefined) throw this.#damage(problem)
    this.#whole = identity
  }

  #look = () => `${lookAt(this.#path).look} ${lookAt(logOf(this.#path)).look}`

  #mixture = () =>
    new WrongContent(
      `${this.#path} does not belong to its write-ahead log, ${logOf(this.#path)}: the file was replaced by a backup, but the ` +
        `log was not deleted, or a process had the file open. ${this.#putBack()}`,
    )

  #damage = (problem: string) => new WrongContent(`${this.#path} is damaged: ${problem}. ${this.#putBack()}`)

  /** Makes the error for a file with hard links. They damage a database: sqlite.org/howtocorrupt.html §2.5 */
  #manyNames = () =>
    new Error(
      `${this.#path} has a second name (a hard link), and SQLite would keep a separate log for each name. Delete the other ` +
        'name, or replace it by a symbolic link; a hard link is not a backup',
    )

  #putBack = () =>
    `Stop all processes that use the file, delete it and the files next to it that end in -wal and -shm, and put a backup in its place`
}

/** Returns the first problem that SQLite finds in the table and its indexes; `undefined` if there is none. */
function problemIn(database: Database): string | undefined {
  try {
    const [row] = database.prepare('PRAGMA integrity_check(koa_authx)').all() as { integrity_check: string }[]
    return row?.integrity_check === 'ok' ? undefined : (row?.integrity_check ?? 'it cannot be read')
  } catch (error) {
    if (!isDamage(error)) throw error
    return (error as Error).message
  }
}
