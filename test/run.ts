/**
 * Runs the tests beside a Redis server of their own: `npm test`, or `npm test -- test/token/verify.test.ts` for some.
 * Whatever a test needs and cannot have is an error here, so that no test has a reason to skip itself.
 */
import { readFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { availableParallelism } from 'node:os'
import { findMemcached, installMemcached } from './support/memcached-binary.js'
import { findPgBouncer, findPostgres, installPostgres } from './support/postgres-binary.js'
import { startRedis } from './support/redis.js'
import { findRedisServer, installRedisServer } from './support/redis-binary.js'
import { exitWith, filesEndingIn, interruption, runFiles } from './support/run-files.js'

/** One more than there are processors: some files wait, for a server or for a date. Node would take one less. */
const FILES_AT_ONCE = availableParallelism() + 1

exitWith(main(process.argv.slice(2)))

async function main(named: readonly string[]): Promise<number> {
  const files = named.length > 0 ? named : filesEndingIn('.test.ts', 'test')
  requireSqlite()
  if (files.some(file => file.includes('keyv'))) findMemcached() ?? installMemcached()
  if (files.some(usesPostgres)) {
    findPostgres() ?? installPostgres()
    findPgBouncer()
  }
  const interrupted = interruption()
  const redis = await startRedis({ binary: findRedisServer() ?? installRedisServer() })
  try {
    return await runFiles(files, FILES_AT_ONCE, { TEST_REDIS_URL: redis.url }, interrupted)
  } finally {
    await redis.stop()
  }
}

/** Looked for here: files that run at the same time could not install it. */
function usesPostgres(file: string): boolean {
  return readFileSync(file, 'utf8').includes('support/postgres.js')
}

function requireSqlite(): void {
  if (isBuiltin('node:sqlite')) return
  try {
    createRequire(import.meta.url)('better-sqlite3')
  } catch {
    throw new Error(
      `Node ${process.versions.node} has no SQLite of its own: install a C++ compiler, make and python3 (Debian: apt-get install g++ make python3) and run npm ci again, or use Node 22.13 or later.`,
    )
  }
}
