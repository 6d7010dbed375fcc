import type { TokenStore } from '../../src/store.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'

/** A store that another process can open as well. */
export interface SharedBackend {
  kind: 'sqlite' | 'redis' | 'postgres'
  /** Path or url. */
  at: string
}

export function openShared({ kind, at }: SharedBackend, options?: { prefix?: string; timeout?: number }): TokenStore {
  if (kind === 'postgres') return new PostgresTokenStore({ connectionString: at, max: 4 }, options)
  return kind === 'sqlite' ? new SqliteTokenStore(at, options) : new RedisTokenStore(at, options)
}
