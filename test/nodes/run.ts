/**
 * Runs the tests on the newest of every major version of Node that the package says it runs on: `npm run test:nodes`, or
 * `npm run test:nodes -- --only 22,24 test/token/keys.test.ts` for some. Takes Node from npm's registry.
 */
import { spawn, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { exitCode, interruption } from '../support/run-files.js'
import { hasOwnSqlite, MAJORS, type NodeBinary, nodeBinary } from './node-binary.js'

interface Result {
  readonly version: string
  readonly tests: string
  readonly pass: string
  readonly fail: string
  readonly seconds: string
  readonly good: boolean
}

const root = resolve(import.meta.dirname, '../..')

const { values, positionals } = parseArgs({ options: { only: { type: 'string' } }, allowPositionals: true })
const results: Result[] = []
const interrupted = interruption()
for (const major of values.only?.split(',') ?? MAJORS) {
  if (interrupted.aborted) break
  results.push(await runOn(nodeBinary(major), positionals))
}
for (const { version, tests, pass, fail, seconds } of results) {
  console.log(`Node ${version}: ${tests} tests, ${pass} pass, ${fail} fail, ${seconds} s`)
}
process.exitCode = !interrupted.aborted && results.every(({ good }) => good) ? 0 : 1

async function runOn(node: NodeBinary, files: readonly string[]): Promise<Result> {
  console.log(`\n=== Node ${node.version} ===`)
  prepareSqlite(node)
  const began = performance.now()
  const tests = spawn(node.path, ['--import', 'tsx', 'test/run.ts', ...files], {
    cwd: root,
    env: node.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  tests.stdout.pipe(process.stdout, { end: false })
  const [printed, code] = await Promise.all([text(tests.stdout), exitCode(tests, interrupted)])
  const seconds = ((performance.now() - began) / 1000).toFixed()
  const count = (what: string) => new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(printed)?.[1] ?? '?'
  const counts = { tests: count('tests'), pass: count('pass'), fail: count('fail') }
  return { version: node.version, ...counts, seconds, good: code === 0 && counts.tests === counts.pass }
}

/**
 * Builds better-sqlite3 where this Node needs it and cannot load what is there. Built in place: no Node but those
 * without node:sqlite loads it.
 */
function prepareSqlite(node: NodeBinary): void {
  if (hasOwnSqlite(node)) return
  const load = ['--eval', "new (require('better-sqlite3'))(':memory:')"]
  if (spawnSync(node.path, load, { cwd: root, env: node.env }).status === 0) return
  console.log('Building better-sqlite3')
  spawnSync('npm', ['rebuild', 'better-sqlite3'], { cwd: root, env: node.buildEnv, stdio: 'inherit' })
}
