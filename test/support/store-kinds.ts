import { Redis } from 'ioredis'
import { SqlTokenStore } from '../../examples/custom-sql-store/store.js'
import type { TokenStore } from '../../src/store.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'

/** A store that another process can open as well. */
export interface SharedBackend {
  kind: 'sqlite' | 'redis' | 'ioredis' | 'postgres' | 'example'
  /** Path or url. */
  at: string
}

type SharedOptions = { prefix?: string; timeout?: number }

export function openShared({ kind, at }: SharedBackend, options?: SharedOptions): TokenStore {
  if (kind === 'sqlite') return new SqliteTokenStore(at, options)
  if (kind === 'postgres') return new PostgresTokenStore({ connectionString: at, max: 4 }, options)
  if (kind === 'example') return new SqlTokenStore(at, options)
  return kind === 'redis' ? new RedisTokenStore(at, options) : withIoRedis(at, options)
}

function withIoRedis(at: string, options?: SharedOptions): TokenStore {
  const client = new Redis(at)
  const store = new RedisTokenStore(client, options)
  return {
    get: keys => store.get(keys),
    compareAndSet: (...write) => store.compareAndSet(...write),
    close: async () => {
      await store.close()
      client.disconnect()
    },
  }
}
