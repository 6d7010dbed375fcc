import { join } from 'node:path'
import type { AuthXOptions, TokenStore } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { PostgresTokenStore } from 'koa-authx/stores/postgres'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { SqliteTokenStore } from 'koa-authx/stores/sqlite'
import { SECRET } from './common.js'
import type { Settings } from './protocol.js'

export type StoreKind = 'memory' | 'sqlite' | 'redis' | 'postgres'

/** Milliseconds: nothing is to fail because another program has the machine for a while. */
const timeout = 10_000

/** A store of the process's own, also where the backend is shared. */
export function openStore(kind: StoreKind, { folder, redisUrl, postgresUrl }: Settings): TokenStore {
  if (kind === 'memory') return new MemoryTokenStore()
  if (kind === 'sqlite') return new SqliteTokenStore(join(folder, 'tokens.sqlite'), { timeout })
  const options = { prefix: `bench-${process.pid}:`, timeout }
  return kind === 'redis' ? new RedisTokenStore(redisUrl, options) : new PostgresTokenStore(postgresUrl, options)
}

/** The options of an instance that works on such a store. */
export function onStore(kind: StoreKind, settings: Settings): AuthXOptions & { store: TokenStore } {
  return { secretKey: SECRET, store: openStore(kind, settings), storeTimeout: timeout }
}

const AT_ONCE = 200

/** `count` times what `make` comes to, a few at a time: enough to keep a store busy, too few to wait past its deadline. */
export async function times<T>(count: number, make: (n: number) => T | Promise<T>): Promise<T[]> {
  const made: T[] = []
  while (made.length < count) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - made.length) }, (_, n) => made.length + n)
    made.push(...(await Promise.all(numbers.map(make))))
  }
  return made
}
