import { PostgresStoreError } from './postgres-reason.js'

/** A row of an answer: texts, because no type parser of the application may change it. */
export type Row = readonly (string | null)[]

export interface PostgresTable {
  readonly schema?: string | undefined
  readonly table: string
}

/** A key of the table. Only `checkedKey` makes one, so nothing in a key can end the literal that `literalOf` makes. */
export type Key = string & { readonly [isChecked]: true }
declare const isChecked: unique symbol

/** A write. `ttl`: milliseconds. `latest`: milliseconds since 1970 by the clock of `server`, as `answerOf` returns it. */
export interface PostgresWrite {
  readonly key: Key
  readonly expected: string | undefined
  readonly value: string
  readonly ttl: number
  readonly latest: number
  readonly server: number
}

/** Milliseconds since 1970 by the server's clock. */
const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)'

/** Tells one server from another: the time of its start in microseconds since 1970. */
const SERVER = 'CAST(extract(epoch FROM pg_postmaster_start_time()) * 1000000 AS bigint)'

/** The columns of an answer from which the server's clock is learnt. */
export const CLOCK = `${NOW}, ${SERVER}`

/**
 * Whether the transaction began before this message: both times are those of the message, if the transaction is its
 * own.
 */
export const IS_INSIDE = 'now() <> statement_timestamp()'

/** Messages of errors that undo writes. */
const UNDONE = { late: 'koa-authx: the write came too late and is undone', trial: 'koa-authx: the trial is undone' }

/** Fails unless `done` has one row. */
const ONE_DONE = `SELECT CAST(CASE count(*) WHEN 1 THEN '1' ELSE '${UNDONE.trial}' END AS integer) FROM done`

/** How long statements that are not part of a call may take, in milliseconds. */
const LONG_MS = 5000

/**
 * The statements of the store. Each is sent as one message of several statements, without parameters: PostgreSQL runs
 * it as one transaction, in one round trip. So its settings hold for it only, whatever the defaults of the role and the
 * pool are, and nothing of it stays in the session. PgBouncer in transaction mode may give the next message to another
 * session.
 */
export class PostgresStatements {
  /** The quoted name of the table, with its schema if one is given. */
  readonly table: string
  readonly name: PostgresTable
  readonly #settings: string

  /** `timeout`: milliseconds of one call. */
  constructor(name: PostgresTable, timeout: number) {
    const { schema, table } = name
    this.name = name
    this.table = schema === undefined ? quoted(table) : `${quoted(schema)}.${quoted(table)}`
    // A wait for a lock ends a little before the call does, so that the caller learns the reason.
    this.#settings = settings(timeout, Math.max(1, Math.floor(timeout * 0.75)))
  }

  /** Answers `read` or `standby`, the clock, and in each row a key and its value in hexadecimal digits; null without. */
  read(keys: readonly Key[]): string {
    const among = keys.length === 0 ? 'false' : `record.key IN (${keys.map(literalOf).join(', ')})`
    return `${this.#settings}
SELECT CASE WHEN ${IS_INSIDE} THEN 'inside' WHEN pg_is_in_recovery() THEN 'standby' ELSE 'read' END, ${CLOCK},
  record.key, encode(record.value, 'hex')
FROM (SELECT) AS always LEFT JOIN ${this.table} AS record ON ${among} AND record.expires > clock_timestamp()`
  }

  /** Answers `asked` or `standby`, and the clock. */
  ask(): string {
    return `${this.#settings}
SELECT CASE WHEN ${IS_INSIDE} THEN 'inside' WHEN pg_is_in_recovery() THEN 'standby' ELSE 'asked' END, ${CLOCK}`
  }

  /**
   * Answers `written`, `differs` or `late`, and the clock. The time is compared with the deadline twice: before the
   * statement, because a frozen server or network may deliver it late, and after it has waited for locks. The second
   * time an error undoes the write. Another server than the one whose clock is known answers `late` too.
   */
  write(write: PostgresWrite): string {
    const { latest, server } = write
    const changed = write.expected === undefined ? this.#insert(write) : this.#update(write, write.expected)
    return `${this.#settings}
WITH bound AS MATERIALIZED (
  SELECT clock_timestamp() + interval '1 millisecond' * ${write.ttl} AS expires
  WHERE ${NOW} <= ${latest.toFixed(3)} AND ${SERVER} = ${server} AND NOT ${IS_INSIDE}
), written AS (${changed} RETURNING 1)
SELECT CASE
  WHEN ${IS_INSIDE} THEN 'inside'
  WHEN (SELECT count(*) FROM written) = 1 THEN
    CASE WHEN ${NOW} <= ${latest.toFixed(3)} THEN 'written'
    ELSE CAST(CAST('${UNDONE.late}, at ' || clock_timestamp() AS integer) AS text) END
  WHEN EXISTS (SELECT FROM bound) THEN 'differs'
  ELSE 'late' END, ${CLOCK}`
  }

  #insert({ key, value }: PostgresWrite): string {
    return `INSERT INTO ${this.table} AS record (key, value, expires)
    SELECT ${literalOf(key)}, ${bytes(value)}, bound.expires FROM bound
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires
    WHERE record.expires <= clock_timestamp()`
  }

  #update({ key, value }: PostgresWrite, expected: string): string {
    return `UPDATE ${this.table} AS record SET value = ${bytes(value)}, expires = bound.expires FROM bound
    WHERE record.key = ${literalOf(key)} AND record.value = ${bytes(expected)} AND record.expires > clock_timestamp()`
  }

  /**
   * Writes a record, changes it, reads it and deletes it in one transaction: nobody else sees it, and nothing stays.
   * Answers `tried` and the clock. If a statement does not find the record, an error undoes all.
   */
  trial(key: Key): string {
    const write = { key, value: 'a', expected: undefined, ttl: 0, latest: 0, server: 0 }
    const bound = "bound AS MATERIALIZED (SELECT clock_timestamp() + interval '1 minute' AS expires)"
    const found = `SELECT ctid FROM ${this.table} WHERE key = ${literalOf(key)}`
    return `${this.#settings}
WITH ${bound}, done AS (${this.#insert(write)} RETURNING 1) ${ONE_DONE};
WITH ${bound}, done AS (${this.#update({ ...write, value: 'b' }, 'a')} RETURNING 1) ${ONE_DONE};
WITH done AS (${found} AND value = ${bytes('b')} AND expires > clock_timestamp()) ${ONE_DONE};
WITH found AS MATERIALIZED (${found} FOR UPDATE SKIP LOCKED),
  done AS (DELETE FROM ${this.table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM found)) AND key = ${literalOf(key)} RETURNING 1) ${ONE_DONE};
SELECT CASE WHEN ${IS_INSIDE} THEN 'inside' ELSE 'tried' END, ${CLOCK}`
  }

  /** Creates the table. Fails if it exists. */
  create(): string {
    return `${settings(LONG_MS, LONG_MS)}
CREATE TABLE ${this.table} (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, expires timestamptz NOT NULL);
CREATE INDEX ON ${this.table} (expires);
SELECT CASE WHEN ${IS_INSIDE} THEN 'inside' ELSE 'created' END, ${CLOCK}`
  }

  /**
   * Deletes expired rows, at most `most`. Answers `purged`, the clock and the number. Skips rows that others use. Only in
   * one table is a `ctid` unique: another partition can have a live row with the same one.
   */
  purge(most: number): string {
    return `${settings(LONG_MS, 1000)}
WITH expired AS MATERIALIZED (
  SELECT ctid FROM ${this.table} WHERE expires <= now() ORDER BY expires LIMIT ${most} FOR UPDATE SKIP LOCKED
), gone AS (DELETE FROM ${this.table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM expired)) AND expires <= now() RETURNING 1)
SELECT CASE WHEN ${IS_INSIDE} THEN 'inside' ELSE 'purged' END, ${CLOCK}, (SELECT count(*) FROM gone)`
  }
}

/** Whether `error` is one that undoes a write. */
export function isUndone(error: unknown): boolean {
  return error instanceof Error && Object.values(UNDONE).some(words => error.message.includes(words))
}

/** Parses the first three columns of an answer. @throws Error if they are invalid. */
export function answerOf(rows: readonly Row[]): { word: string; now: number; server: number } {
  const [word, time, start] = rows[0] ?? []
  const [now, server] = [Number(time), Number(start)]
  const isValid = typeof word === 'string' && now > 0 && Number.isSafeInteger(server)
  if (!isValid) throw new PostgresStoreError('PostgreSQL: the answer is invalid')
  return { word, now, server }
}

/**
 * Converts the hexadecimal digits of a value. Bytes that are not UTF-8, which this store never writes, become
 * replacement characters, as in the other stores: such a value is not rejected here, because then it would also hide the
 * other values of the call. It never equals the `expected` of a write.
 */
export function decoded(hex: string): string {
  return Buffer.from(hex, 'hex').toString()
}

/**
 * `SET TRANSACTION`: at a stricter level, concurrent writes would fail instead of being compared again. `row_security`:
 * a policy that hides rows makes the statement fail, because a hidden revocation would read as none.
 */
export function settings(statementMs: number, lockMs: number): string {
  return `SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL statement_timeout = ${statementMs};
SET LOCAL lock_timeout = ${lockMs};
SET LOCAL row_security = off;`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Checks a key. Other characters than printable ASCII could end a literal, if the encoding of the connection is not
 * UTF-8.
 * @throws PostgresStoreError for such characters.
 */
export function checkedKey(key: string): Key {
  if (!/^[ -~]*$/.test(key)) throw new PostgresStoreError('PostgreSQL: a key contains other than printable ASCII')
  return key as Key
}

/** Makes the SQL literal of a key: an E string, which means the same whatever standard_conforming_strings is. */
const literalOf = (key: Key) => `E'${key.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

function bytes(value: string): string {
  return `decode('${Buffer.from(value).toString('hex')}', 'hex')`
}
