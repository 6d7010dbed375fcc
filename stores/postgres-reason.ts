/**
 * An error with a message of this package. It contains no keys, values, addresses, roles or passwords, so it may be
 * shown.
 */
export class PostgresStoreError extends Error {
  /** The SQLSTATE of PostgreSQL's answer; `undefined` if there was no answer. */
  readonly sqlState: string | undefined

  constructor(message: string, sqlState?: string) {
    super(message)
    this.sqlState = sqlState
  }
}

/** What messages say about the table. */
export interface TableNames {
  /** The quoted name, with its schema if one is given. */
  readonly table: string
}

export const OPEN_TRANSACTION =
  'the connection of the pool has an open transaction; the application released it without COMMIT or ROLLBACK'

export const STANDBY = 'this server is a standby, which may be behind; connect to the primary'

export const READ_ONLY =
  'transactions are read-only; default_transaction_read_only is on for the role, the database or the server'

const REASONS: Readonly<Record<string, (names: TableNames) => string>> = {
  '08P01': () => 'PgBouncer or another pooler refuses the connection or the query',
  '23502': ({ table }) => `another column of the table ${table} needs a value; give it a default`,
  '23514': ({ table }) => `a CHECK constraint of the table ${table} refuses the record, or no partition takes it`,
  '25001': () => OPEN_TRANSACTION,
  '25006': () => `${READ_ONLY}, or this server is a standby`,
  '25P02': () => OPEN_TRANSACTION,
  '22P02': ({ table }) => otherTable(table),
  '28000': () => 'pg_hba.conf does not allow this role to connect from here, or requires TLS (ssl)',
  '28P01': () => 'the user or the password is wrong',
  '3D000': () => 'the database does not exist',
  '3F000': ({ table }) =>
    `the schema of the table ${table} does not exist; create it, or set the option schema or the search_path of the role`,
  '428C9': ({ table }) => otherTable(table),
  '42501': ({ table }) =>
    `the role needs SELECT, INSERT, UPDATE and DELETE on the table ${table}, without row-level security, and USAGE on its schema`,
  '42703': ({ table }) => otherTable(table),
  '42804': ({ table }) => otherTable(table),
  '42883': ({ table }) => otherTable(table),
  '42809': ({ table }) => otherTable(table),
  '42P10': ({ table }) =>
    `the table ${table} needs PRIMARY KEY (key); docs/stores.md has the statement that creates it`,
  '42P01': ({ table }) =>
    `the table ${table} does not exist; create it with the statement in docs/stores.md, or leave out createTable: false`,
  '53100': () => 'the disk of the server is full',
  '53200': () => 'the server is out of memory',
  '53300': () =>
    'too many connections; max_connections, or the CONNECTION LIMIT of the role or the database, is reached',
  '53400': () => 'a limit of the server is reached',
  '55000': ({ table }) => `the table ${table} does not allow it; its PRIMARY KEY must not be DEFERRABLE`,
  '55P03': ({ table }) => `another transaction keeps the table ${table} or its row locked`,
  '57014': () => 'the server did not finish the statement in time',
  '57P01': () => 'the server is shutting down, or an administrator has ended the connection',
  '57P02': () => 'the server has crashed and restarts',
  '57P03': () => 'the server is starting up or shutting down, or is a standby that accepts no queries',
  '57P05': () => 'idle_session_timeout has ended the connection',
}

function otherTable(table: string): string {
  return `the table ${table} exists, but is not one of this store; set the option table to another name`
}

/** The error for a role that may not create the table, which does not exist. */
export function mayNotCreate(table: string, state: string): PostgresStoreError {
  const words = `the table ${table} does not exist, and the role may not create it; create it with the statement in docs/stores.md, or GRANT CREATE ON SCHEMA to the role`
  return new PostgresStoreError(`PostgreSQL: ${words} (SQLSTATE ${state})`, state)
}

/** Converts an error of pg to an error that may be shown. */
export function reasonOf(error: unknown, names: TableNames): Error {
  if (error instanceof PostgresStoreError || error instanceof RangeError) return error
  const state = sqlStateOf(error)
  if (state === undefined) return outOfReach(wordOf(error))
  const reason = REASONS[state]?.(names)
  const words = reason === undefined ? `an error (SQLSTATE ${state})` : `${reason} (SQLSTATE ${state})`
  return new PostgresStoreError(`PostgreSQL: ${words}`, state)
}

export function noAnswer(milliseconds: number): PostgresStoreError {
  return new PostgresStoreError(`PostgreSQL gave no answer within ${milliseconds} ms`)
}

export function outOfReach(reason: string): PostgresStoreError {
  return new PostgresStoreError(`PostgreSQL cannot be reached: ${reason}`)
}

/** The SQLSTATE of an answer of the server; `undefined` for errors of the connection. */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof PostgresStoreError) return error.sqlState
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** SQLSTATEs after which the server ends the connection, or after which its state is unknown. */
const ENDING = /^(08|57P|25P0)|^(53300|25001)$/

/**
 * Whether the connection is usable after `error`: the server has refused a statement, and nothing else happened.
 * `severity` says this too, but in the language of the server.
 */
export function isRefusal(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state !== undefined && !ENDING.test(state)
}

/** Messages of pg without a code, and what they mean. */
const WORDS: readonly (readonly [message: RegExp, words: string])[] = [
  [/does not support SSL/i, 'the server does not support TLS; leave out ssl, or enable ssl on the server'],
  [/password must be a (non-empty )?string/i, 'the server requires a password, and none is given'],
  [/SASL|SCRAM/, 'the password check failed'],
  [/terminated due to connection timeout|timeout e(xpired|xceeded)/i, 'no connection in time'],
  [/after calling end on the pool/i, 'the application has ended its pool'],
  [/query read timeout/i, 'no answer within query_timeout of the pool'],
  [/terminated|closed|not queryable/i, 'the connection was lost'],
]

/** The code of an error, such as `ECONNREFUSED`, or words for a message of pg. Other messages may contain addresses. */
function wordOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code)) return code
  const words = WORDS.find(([pattern]) => pattern.test(String(message)))?.[1]
  return words ?? (error instanceof Error ? error.constructor.name : 'an unknown error')
}
