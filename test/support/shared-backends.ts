import { join } from 'node:path'
import { after, before } from 'node:test'
import { type PostgresServer, startPostgres } from './postgres.js'
import { type RedisServer, startRedis } from './redis.js'
import type { SharedBackend } from './store-kinds.js'
import { temporaryFolder } from './temporary.js'

export interface SharedBackends {
  redis(): SharedBackend
  postgres(): SharedBackend
  sqlite(name: string): SharedBackend
}

/** Servers of Redis and PostgreSQL and a folder for SQLite files, there while the tests of the calling file run. */
export function sharedBackends(): SharedBackends {
  let redis: RedisServer
  let postgres: PostgresServer
  let files: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    redis = await startRedis()
    postgres = await startPostgres({ settings: { max_connections: '200' } })
    files = await temporaryFolder()
  })
  after(async () => {
    await redis.stop()
    await postgres.stop()
    await files.remove()
  })
  return {
    redis: () => ({ kind: 'redis', at: redis.url }),
    postgres: () => ({ kind: 'postgres', at: postgres.url }),
    sqlite: name => ({ kind: 'sqlite', at: join(files.folder, `${name}.sqlite`) }),
  }
}
