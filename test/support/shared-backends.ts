import { join } from 'node:path'
import { after, before } from 'node:test'
import { type RedisServer, startRedis } from './redis.js'
import type { SharedBackend } from './store-kinds.js'
import { temporaryFolder } from './temporary.js'

/** A Redis server and a folder for SQLite files, there while the tests of the calling file run. */
export function sharedBackends(): { redis(): SharedBackend; sqlite(name: string): SharedBackend } {
  let redis: RedisServer
  let files: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    redis = await startRedis()
    files = await temporaryFolder()
  })
  after(async () => {
    await redis.stop()
    await files.remove()
  })
  return {
    redis: () => ({ kind: 'redis', at: redis.url }),
    sqlite: name => ({ kind: 'sqlite', at: join(files.folder, `${name}.sqlite`) }),
  }
}
