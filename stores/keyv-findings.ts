import type { StoreFinding } from '../src/store.js'
import { isInMemory, kindOf } from './keyv-backend.js'
import { isOneOfSeveral, memoryFindings } from './memory-findings.js'

/** Kinds of adapters whose backend keeps expired records until they are read. */
const KEEPING = ['sqlite', 'postgres', 'mysql', 'etcd']

/** What has to be known about a storage adapter of Keyv. */
export function keyvFindings(store: object): StoreFinding[] {
  if (isInMemory(store)) return [...memoryFindings(), ...(store instanceof Map ? [expired('Keyv keeps its Map')] : [])]
  return [...(isOneOfSeveral() ? [worker] : []), ...findingsOfKind(store)]
}

const worker: StoreFinding = {
  code: 'keyv-worker',
  message:
    'This process is one of several, and KeyvTokenStore is for one process: if two of them write to one record, a logout can be undone. Use SqliteTokenStore, RedisTokenStore or PostgresTokenStore.',
}

function findingsOfKind(store: object): StoreFinding[] {
  // An adapter of this package, which deletes expired records.
  if (typeof (store as { compareAndSet?: unknown }).compareAndSet === 'function') return []
  const kind = kindOf(store)
  if (kind === 'memcache') return [memcached]
  if (kind === 'redis') return [redis]
  if (kind !== undefined && KEEPING.includes(kind)) return [expired(`The adapter for ${kind} keeps its table`)]
  return [untested]
}

function expired(what: string): StoreFinding {
  return {
    code: 'keyv-expired',
    message: `${what} as it is: expired records stay until they are read, so it grows. Use MemoryTokenStore, SqliteTokenStore or PostgresTokenStore, which delete them.`,
  }
}

const memcached: StoreFinding = {
  code: 'keyv-memcached',
  message:
    'memcached is a cache: a restart, or a full memory, ends sessions, and revoked tokens without a session are valid again. Start it with -M, so that writes fail when it is full, or use RedisTokenStore.',
}

const redis: StoreFinding = {
  code: 'keyv-redis',
  message:
    'Whether this Redis evicts or keeps its data is not checked through Keyv, and after an outage the adapter may not answer for a long time. Use RedisTokenStore, which checks Redis and works with several processes.',
}

const untested: StoreFinding = {
  code: 'keyv-untested',
  message:
    'This storage adapter was not tested with KeyvTokenStore: it may lose or hide records, and then a logout is undone. Run the conformance suite of koa-authx/testing on it, or use another store.',
}
