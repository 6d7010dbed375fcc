import { createRequire } from 'node:module'

interface NodeSqlite {
  DatabaseSync: new (path: string) => { close(): void }
  backup(source: object, path: string): Promise<number>
}
type BetterSqlite = new (path: string) => { backup(path: string): Promise<unknown>; close(): void }

/** As the shell of SQLite does with `.restore`: the backup API, with a database as its target that may be open. */
export async function restoredBySqlite(backup: string, file: string): Promise<void> {
  const modules = process as { getBuiltinModule?(name: string): unknown }
  const builtin = modules.getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined
  if (builtin) {
    const source = new builtin.DatabaseSync(backup)
    await builtin.backup(source, file)
    source.close()
    return
  }
  const source = new (betterSqlite())(backup)
  await source.backup(file)
  source.close()
}

const betterSqlite = () => createRequire(import.meta.url)('better-sqlite3') as BetterSqlite
