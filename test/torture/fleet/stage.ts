import { join } from 'node:path'
import { type PostgresServer, startPostgres } from '../../support/postgres.js'
import { type RedisServer, startRedis } from '../../support/redis.js'
import type { SharedBackend } from '../../support/store-kinds.js'
import { temporaryFolder } from '../../support/temporary.js'

/** What a server has logged that it should never have had to. */
type Complaints = () => readonly string[]

/** A backend of the case's own, for as long as `work` takes. */
export type Stage = <T>(work: (backend: SharedBackend, complaints: Complaints) => Promise<T>) => Promise<T>

const nothing: Complaints = () => []

const onRedis: Stage = async work => {
  const redis: RedisServer = await startRedis()
  try {
    return await work({ kind: 'redis', at: redis.url }, nothing)
  } finally {
    await redis.stop()
  }
}

/** Transactions that choose no level would fail whenever they race. */
const STRICTEST = { default_transaction_isolation: 'serializable' }

const onPostgres: Stage = async work => {
  const postgres: PostgresServer = await startPostgres({ settings: STRICTEST })
  const complaints = () => postgres.log().match(/.*(could not serialize|deadlock detected).*/g) ?? []
  try {
    return await work({ kind: 'postgres', at: postgres.url }, complaints)
  } finally {
    await postgres.stop()
  }
}

const onSqlite: Stage = async work => {
  const { folder, remove } = await temporaryFolder()
  try {
    return await work({ kind: 'sqlite', at: join(folder, 'tokens.sqlite') }, nothing)
  } finally {
    await remove()
  }
}

export const STAGES: Readonly<Record<'Redis' | 'SQLite' | 'PostgreSQL', Stage>> = {
  Redis: onRedis,
  SQLite: onSqlite,
  PostgreSQL: onPostgres,
}
