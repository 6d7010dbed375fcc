import { requirePackage } from '#require-package'

/** The part of node:sqlite and better-sqlite3 that is the same in both. */
export interface Database {
  prepare(sql: string): Statement
  exec(sql: string): unknown
  close(): unknown
}

export interface Statement {
  run(...values: (string | number)[]): { changes: number | bigint }
  get(...values: (string | number)[]): unknown
  all(...values: (string | number)[]): unknown[]
}

type BuiltinModules = { getBuiltinModule?(name: string): unknown }
type NodeSqlite = { DatabaseSync: new (path: string) => Database }
type BetterSqlite = new (path: string, options: { timeout: number }) => Database

/**
 * Returns a function that opens a database: with node:sqlite if Node has it, otherwise with better-sqlite3. Both have
 * no busy timeout, because it would block the event loop while another process holds the lock.
 *
 * @throws Error if there is no driver.
 */
export function sqliteDriver(): (path: string) => Database {
  const builtin = nodeSqlite()
  if (builtin) return path => new builtin.DatabaseSync(path)
  const BetterSqlite = requireBetterSqlite()
  return path => new BetterSqlite(path, { timeout: 0 })
}

/**
 * Returns the SQL that reads a text column for `textOf`. With node:sqlite it reads bytes, because node:sqlite cuts a
 * text at its first NUL.
 */
export const wholeText = (column: string) => (nodeSqlite() ? `CAST(${column} AS BLOB)` : column)

/**
 * Returns the string in a value that was read with `wholeText`; `undefined` for NULL. @throws Error for other types.
 */
export function textOf(value: unknown): string | undefined {
  if (value === null) return undefined
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()
  throw new Error('the database holds a value that is not text')
}

function nodeSqlite(): NodeSqlite | undefined {
  return (process as BuiltinModules).getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined
}

function requireBetterSqlite(): BetterSqlite {
  try {
    return requirePackage('better-sqlite3') as BetterSqlite
  } catch (cause) {
    throw new Error('SqliteTokenStore needs Node 22.13 or later, or a driver: npm install better-sqlite3@12', { cause })
  }
}

/** BUSY, LOCKED and PROTOCOL with all their extended codes: another connection holds a lock. */
export const isLocked = (error: unknown): boolean => isOneOf(error, [5, 6, 15], /^SQLITE_(BUSY|LOCKED|PROTOCOL)/)

/** CORRUPT and NOTADB with all their extended codes: the file is damaged or is not a database. */
export const isDamage = (error: unknown): boolean => isOneOf(error, [11, 26], /^SQLITE_(CORRUPT|NOTADB)/)

function isOneOf(error: unknown, codes: readonly number[], names: RegExp): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return codes.includes(errcode & 0xff)
  return typeof code === 'string' && names.test(code)
}
