import { createRequire } from 'node:module'

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
 * How to open a database here: with node:sqlite where Node has it, else with better-sqlite3. Both without a busy
 * timeout, which would stop the event loop for as long as another process holds the lock.
 *
 * @throws Error if neither is there.
 */
export function sqliteDriver(): (path: string) => Database {
  const builtin = nodeSqlite()
  if (builtin) return path => new builtin.DatabaseSync(path)
  const BetterSqlite = requireBetterSqlite()
  return path => new BetterSqlite(path, { timeout: 0 })
}

/** SQL for the text in a column, of which `textOf` makes a string. node:sqlite ends a text at its first NUL, but not bytes. */
export const wholeText = (column: string) => (nodeSqlite() ? `CAST(${column} AS BLOB)` : column)

/** The text that was read so; `undefined` for none. @throws Error for anything else. */
export function textOf(value: unknown): string | undefined {
  if (value === null) return undefined
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()
  throw new Error('the database holds a value that is no text')
}

function nodeSqlite(): NodeSqlite | undefined {
  return (process as BuiltinModules).getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined
}

function requireBetterSqlite(): BetterSqlite {
  try {
    return createRequire(import.meta.url)('better-sqlite3') as BetterSqlite
  } catch (cause) {
    throw new Error('SqliteTokenStore needs Node 22.13 or later, or a driver: npm install better-sqlite3@12', { cause })
  }
}

/** BUSY, LOCKED and PROTOCOL with all their extended codes: another connection is in the way, now. */
export const isLocked = (error: unknown): boolean => isOneOf(error, [5, 6, 15], /^SQLITE_(BUSY|LOCKED|PROTOCOL)/)

/** CORRUPT and NOTADB with all their extended codes: the content of the file is not what SQLite has written. */
export const isDamage = (error: unknown): boolean => isOneOf(error, [11, 26], /^SQLITE_(CORRUPT|NOTADB)/)

function isOneOf(error: unknown, codes: readonly number[], names: RegExp): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return codes.includes(errcode & 0xff)
  return typeof code === 'string' && names.test(code)
}
