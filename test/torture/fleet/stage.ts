import { join } from 'node:path'
import { type PostgresServer, startPostgres } from '../../support/postgres.js'
import { type RedisServer, startRedis } from '../../support/redis.js'
import type { SharedBackend } from '../../support/store-kinds.js'
import { temporaryFolder } from '../../support/temporary.js'

/** A backend of the case's own, for as long as `work` takes. */
export type Stage = <T>(work: (backend: SharedBackend) => Promise<T>) => Promise<T>

const onRedis: Stage = async work => {
  const redis: RedisServer = await startRedis()
  try {
    return await work({ kind: 'redis', at: redis.url })
  } finally {
    await redis.stop()
  }
}

const onPostgres: Stage = async work => {
  const postgres: PostgresServer = await startPostgres()
  try {
    return await work({ kind: 'postgres', at: postgres.url })
  } finally {
    await postgres.stop()
  }
}

const onSqlite: Stage = async work => {
  const { folder, remove } = await temporaryFolder()
  try {
    return await work({ kind: 'sqlite', at: join(folder, 'tokens.sqlite') })
  } finally {
    await remove()
  }
}

export const STAGES: Readonly<Record<'Redis' | 'SQLite' | 'PostgreSQL', Stage>> = {
  Redis: onRedis,
  SQLite: onSqlite,
  PostgreSQL: onPostgres,
}
