import { join } from 'node:path'
import type { TokenStore } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { SqliteTokenStore } from 'koa-authx/stores/sqlite'

/**
 * The store that `TOKEN_STORE` asks for, and a phrase that says where it keeps sessions.
 * @throws Error without the setting, which may hold a password.
 */
export function tokenStore(setting: string | undefined, folder: string): { store: TokenStore; where: string } {
  if (!setting) {
    const file = join(folder, 'tokens.sqlite')
    return { store: new SqliteTokenStore(file), where: `in the SQLite file ${file}` }
  }
  if (setting === 'memory:') return { store: new MemoryTokenStore(), where: 'in memory' }
  if (/^rediss?:\/\//.test(setting)) return { store: new RedisTokenStore(setting), where: 'in Redis' }
  throw new Error(
    'TOKEN_STORE must be redis://host:port (or rediss://), or memory:, or left out for a SQLite file in .data/',
  )
}
