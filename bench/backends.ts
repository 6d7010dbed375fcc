import { type PostgresServer, startPostgres } from '../test/support/postgres.js'
import { findPostgres, installPostgres } from '../test/support/postgres-binary.js'
import { type RedisServer, startRedis } from '../test/support/redis.js'
import { findRedisServer, installRedisServer } from '../test/support/redis-binary.js'
import { pin } from './pinned.js'

/** The backends that are servers of their own. */
export const KINDS = ['redis', 'postgres'] as const
export type Kind = (typeof KINDS)[number]
export const NAMES = { redis: 'Redis', postgres: 'PostgreSQL' } as const
/** Seconds of load before the work of a backend is measured. */
export const WARM_UP = 1

/** The servers in which stores keep their records. */
export interface Backends {
  readonly redis: RedisServer
  readonly postgres: PostgresServer
  /** Paths of the programs. */
  readonly programs: readonly string[]
  /** Deletes all records. No store may be open. */
  clear(): Promise<void>
  stop(): Promise<void>
}

/** Both on the core of the load, where what PostgreSQL starts for each connection stays too. */
export async function startBackends(): Promise<Backends> {
  const redisServer = findRedisServer() ?? installRedisServer()
  const redis = await startRedis({ binary: redisServer })
  const postgres = await startPostgres({ settings: { max_connections: '200', shared_buffers: '128MB' } })
  for (const { pid } of [redis, postgres]) pin('others', pid)
  return {
    redis,
    postgres,
    programs: [redisServer, (findPostgres() ?? installPostgres()).program('postgres')],
    clear: async () => {
      // A million keys take a while: others are not kept waiting.
      await redis.command('FLUSHALL', 'ASYNC')
      await postgres.query('DROP TABLE IF EXISTS koa_authx')
    },
    stop: async () => {
      await redis.stop()
      await postgres.stop()
    },
  }
}
