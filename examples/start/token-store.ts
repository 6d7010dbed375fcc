import { join } from 'node:path'
import type { TokenStore } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { PostgresTokenStore } from 'koa-authx/stores/postgres'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { SqliteTokenStore } from 'koa-authx/stores/sqlite'

/**
 * The store for the value of `TOKEN_STORE`, and a text that says where it keeps sessions.
 * @throws Error for an invalid value. The message does not contain the value, which may include a password.
 */
export function tokenStore(setting: string | undefined, folder: string): { store: TokenStore; where: string } {
  if (!setting) {
    const file = join(folder, 'tokens.sqlite')
    return { store: new SqliteTokenStore(file), where: `in the SQLite file ${file}` }
  }
  if (setting === 'memory:') return { store: new MemoryTokenStore(), where: 'in memory' }
  if (/^rediss?:\/\//.test(setting)) return { store: new RedisTokenStore(setting), where: 'in Redis' }
  if (/^postgres(ql)?:\/\//.test(setting)) return { store: new PostgresTokenStore(setting), where: 'in PostgreSQL' }
  throw new Error(
    'TOKEN_STORE must be redis://host:port (or rediss://), or postgres://host:port/database, or memory:, or not set for an SQLite file in .data/',
  )
}
