/**
 * Runs the tests beside a Redis server of their own: `npm test`, or `npm test -- test/token/verify.test.ts` for some.
 * Whatever a test needs and cannot have is an error here, so that no test has a reason to skip itself.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { join } from 'node:path'
import { startRedis } from './support/redis.js'
import { findRedisServer, installRedisServer } from './support/redis-binary.js'

/** Ends what hangs. node counts a file as a test too: this bounds each file as a whole. */
const TEST_TIMEOUT_MS = 180_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

main(process.argv.slice(2)).then(
  code => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  },
)

async function main(named: readonly string[]): Promise<number> {
  const files = named.length > 0 ? named : testFiles('test')
  if (files.length === 0) throw new Error('No test file found: tests are the files test/**/*.test.ts.')
  requireSqlite()
  const interrupted = interruption()
  const redis = await startRedis({ binary: findRedisServer() ?? installRedisServer() })
  try {
    return await runTests(files, redis.url, interrupted)
  } finally {
    await redis.stop()
  }
}

/** Aborts on a signal that would end this process: the tests are ended then, and Redis after them. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const signal of SIGNALS) process.on(signal, () => controller.abort(new Error(`Ended by ${signal}.`)))
  return controller.signal
}

/** Node 20 does not expand `**` in the arguments of `--test`. */
function testFiles(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const tests = entries.filter(entry => entry.endsWith('.test.ts'))
  return tests.map(entry => join(folder, entry)).sort()
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

/** The exit code of node's test runner. */
async function runTests(files: readonly string[], redisUrl: string, interrupted: AbortSignal): Promise<number> {
  interrupted.throwIfAborted()
  const args = ['--import', 'tsx', '--test', '--test-reporter=spec', `--test-timeout=${TEST_TIMEOUT_MS}`, ...files]
  const env = { ...process.env, TEST_REDIS_URL: redisUrl }
  const tests = spawn(process.execPath, args, { stdio: 'inherit', env })
  interrupted.addEventListener('abort', () => tests.kill('SIGTERM'))
  return exitCode(tests)
}

function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve(code ?? 1))
  })
}
