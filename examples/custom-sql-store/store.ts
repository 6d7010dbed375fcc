import type { TokenStore } from 'koa-authx'
import pg from 'pg'

/** Keys and values are compared as bytes: a collation could treat `a` and `A` as equal, and text has no NUL. */
const TABLE = `
CREATE TABLE IF NOT EXISTS tokens (
  key text COLLATE "C" PRIMARY KEY,
  value bytea NOT NULL,
  expires timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS tokens_expires ON tokens (expires);`

const SELECT = 'SELECT key, value FROM tokens WHERE key = ANY ($1) AND expires > clock_timestamp()'

/** There is no row, or it has expired. */
const INSERT = `
INSERT INTO tokens AS record (key, value, expires)
  VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 millisecond')
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires
  WHERE record.expires <= clock_timestamp()`

/** There is a row with the expected value, and it has not expired. */
const UPDATE = `
UPDATE tokens SET value = $2, expires = clock_timestamp() + $3::float8 * interval '1 millisecond'
  WHERE key = $1 AND value = $4 AND expires > clock_timestamp()`

const BATCH = 1000

/** A batch, so that no lock is held for long. Rows that a write has locked are left for the next time. */
const PURGE = `
DELETE FROM tokens WHERE key IN (
  SELECT key FROM tokens WHERE expires <= clock_timestamp() LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
)`

/** Sessions in a table of an SQL database. */
export class SqlTokenStore implements TokenStore {
  readonly #pool: pg.Pool
  readonly #prefix: string
  readonly #purging: NodeJS.Timeout
  #closed: Promise<void> | undefined

  /** `timeout`: milliseconds of a statement, and of a wait for a connection. */
  constructor(connectionString: string, { prefix = 'authx:', timeout = 250 } = {}) {
    this.#prefix = prefix
    this.#pool = new pg.Pool({
      connectionString,
      connectionTimeoutMillis: timeout,
      query_timeout: timeout,
      // The server gives up first: a call that was rejected must not write later.
      statement_timeout: Math.ceil(timeout * 0.8),
      // At a stricter level, a write that has waited for another one fails. At this one it compares again.
      options: '-c default_transaction_isolation=read\\ committed',
    })
    // A connection that is lost while idle. The next call opens another one, or rejects.
    this.#pool.on('error', () => {})
    // If a purge fails, the next one deletes these rows. No read returns them meanwhile.
    this.#purging = setInterval(() => this.#purge().catch(() => {}), 60_000).unref()
  }

  async createTable(): Promise<void> {
    await this.#pool.query(TABLE)
  }

  async get(keys: readonly string[]): Promise<(string | undefined)[]> {
    const names = keys.map(key => this.#prefix + key)
    const { rows } = await this.#pool.query<{ key: string; value: Buffer }>(SELECT, [names])
    const values = new Map(rows.map(({ key, value }) => [key, value.toString()]))
    return names.map(name => values.get(name))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    // How long, not until when: the clock of the database decides, and may differ from the clock of this process.
    const milliseconds = expiresAt.getTime() - Date.now()
    if (!(milliseconds > 0)) throw new RangeError('expiresAt must be in the future')
    const values = [this.#prefix + key, Buffer.from(value), milliseconds]
    const { rowCount } =
      expected === undefined
        ? await this.#pool.query(INSERT, values)
        : await this.#pool.query(UPDATE, [...values, Buffer.from(expected)])
    return rowCount === 1
  }

  /** Batch after batch: there may be more expired rows in a minute than one batch has. */
  async #purge(): Promise<void> {
    let count: number | null = BATCH
    while (count === BATCH) count = (await this.#pool.query(PURGE)).rowCount
  }

  close(): Promise<void> {
    clearInterval(this.#purging)
    this.#closed ??= this.#pool.end()
    return this.#closed
  }
}
