import { createRequire } from 'node:module'

interface Statement {
  run(...values: (string | number)[]): unknown
  get(...values: (string | number)[]): unknown
}

interface Database {
  prepare(sql: string): Statement
  exec(sql: string): unknown
}

type NodeSqlite = { DatabaseSync: new (path: string) => Database }
type BuiltinModules = { getBuiltinModule?(name: string): unknown }

/** Opens a database with the driver that the SQLite store uses: node:sqlite if Node has it, else better-sqlite3. */
export function openSqlite(path: string): Database {
  const builtin = (process as BuiltinModules).getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined
  if (builtin) return new builtin.DatabaseSync(path)
  const BetterSqlite = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => Database
  return new BetterSqlite(path)
}
