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
  /** Which file it is, to notice that another one has taken its place. */
  readonly identity: string
}

/** Milliseconds after which a file that was refused is tried again, though it looks as it did. */
const refusedFor = 10_000

/** What is in the file is not what was written. */
class WrongContent extends Error {}

/** A database file: opens it, and sees to it that its content is what was written. */
export class SqliteFile {
  readonly #path: string
  readonly #open = sqliteDriver()
  /** How the file looked when it and its log were last seen to belong together. */
  #fitted = ''
  /** Whether the log has held something of the store since the file was opened. Before, SQLite does not change the file. */
  #logged = false
  /** Which file has been read and found whole. */
  #whole = ''
  #refused: { look: string; at: number; error: WrongContent } | undefined

  constructor(path: string) {
    // The process may change its folder before the file is opened again.
    this.#path = path === ':memory:' ? path : resolve(path)
  }

  /** @throws Error if the file cannot be opened, is locked, or its content is not what was written. */
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

  /** Whether a connection still leads to the file that is under the path. */
  isSameFile({ identity }: Connection): boolean {
    return this.#path === ':memory:' || identity === lookAt(this.#path).identity
  }

  /** Whether a connection leads to the file under the path, and the file is as it was read. Cheap: asked for each write. */
  isCurrent(connection: Connection): boolean {
    return this.#logged ? this.isSameFile(connection) : this.isWhole(connection)
  }

  /** Whether a connection leads to the file under the path, and the file is as it was read. Checks all that can be noticed. */
  isWhole(connection: Connection): boolean {
    return this.#path === ':memory:' || (this.isSameFile(connection) && this.#isAsRead())
  }

  /** Close. SQLite writes the log into the file then: a file that the log does not belong to is marked as a mixture. */
  close(connection: Connection): void {
    const { database } = connection
    const lastWords = this.#isOfAnother(connection) ? [() => database.exec(sqlOfMarks.condemn)] : []
    for (const work of [...lastWords, () => database.close()]) {
      try {
        work()
      } catch {
        // It is given up either way; what was wrong has been reported by the call that failed.
      }
    }
  }

  /** The content has turned out to be damaged: it is read as a whole before it is used again. */
  distrust(): void {
    this.#whole = ''
  }

  /** To read a large file for each call would stop the event loop. */
  #isStillRefused(): boolean {
    const refused = this.#refused
    return refused?.look === this.#look() && performance.now() - refused.at < refusedFor
  }

  /** Whether the file is as it was, or was changed by its log alone. What is in its place may be damaged, or half copied. */
  #isAsRead(): boolean {
    const fit = this.#fitOrUnread()
    if (fit === 'empty') this.distrust()
    return fit === 'fits' || fit === 'unmarked'
  }

  /** Whether the file was overwritten under an open connection, and the log is of the file of before. */
  #isOfAnother(connection: Connection): boolean {
    return this.#path !== ':memory:' && this.isSameFile(connection) && this.#fitOrUnread() === 'another'
  }

  #fitOrUnread(): Fit {
    try {
      return this.#fit()
    } catch {
      // It cannot be read: the next call will say so.
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
      // Fails while another process is switching as well; then the whole call is tried again.
      database.prepare('PRAGMA journal_mode = WAL').get()
      this.#logged = false
      // A file that was not in WAL mode has been changed by that.
      if (fit === 'empty') this.#fitted = lookAt(this.#path).look
      database.exec(schema)
      this.#checkContent(database, identity)
      return { database, identity, statements: new Map() }
    } catch (error) {
      database.close()
      throw isDamage(error) ? this.#damage((error as Error).message) : error
    }
  }

  /** Makes the file if there is none. */
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
      `${this.#path} does not belong to its write-ahead log, ${logOf(this.#path)}: a backup was put in the place of the file while ` +
        `the log was left there, or while a process had the file open. ${this.#putBack()}`,
    )

  #damage = (problem: string) => new WrongContent(`${this.#path} is damaged: ${problem}. ${this.#putBack()}`)

  /** sqlite.org/howtocorrupt.html §2.5 */
  #manyNames = () =>
    new Error(
      `${this.#path} has another name, a hard link, and SQLite would keep a log of its own for each name. Delete the other ` +
        'name, or make a symbolic link of it; a hard link is no backup',
    )

  #putBack = () =>
    `Stop all processes that use the file, delete it and the files ending in -wal and -shm beside it, and put a backup in its place`
}

/** What SQLite finds wrong about the table and its indexes; `undefined` if nothing. */
function problemIn(database: Database): string | undefined {
  try {
    const [row] = database.prepare('PRAGMA integrity_check(koa_authx)').all() as { integrity_check: string }[]
    return row?.integrity_check === 'ok' ? undefined : (row?.integrity_check ?? 'it cannot be read')
  } catch (error) {
    if (!isDamage(error)) throw error
    return (error as Error).message
  }
}
