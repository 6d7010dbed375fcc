import assert from 'node:assert/strict'
import { execFile, fork } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { KeyvMemcache } from '@keyv/memcache'
import KeyvRedis from '@keyv/redis'
import { Keyv } from 'keyv'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { KeyvTokenStore } from '../../stores/keyv.js'
import { keyvFindings } from '../../stores/keyv-findings.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { SqliteAdapter } from '../../stores/sqlite.js'
import { MapAdapter } from '../support/keyv-adapters.js'
import { startMemcached } from '../support/memcached.js'
import type { MemoryReport } from '../support/memory-worker.js'
import { startRedis } from '../support/redis.js'

const program = fileURLToPath(new URL('../support/memory-worker.ts', import.meta.url))
const execArgv = ['--import', 'tsx']
const run = promisify(execFile)

/** What is found by a worker of node:cluster. */
async function asWorker(name: string): Promise<MemoryReport> {
  cluster.setupPrimary({ exec: program, execArgv, args: [name], silent: true })
  const worker = cluster.fork()
  const [[report]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  return report as MemoryReport
}

/** What is found by a process that is alone, with these variables. */
async function alone(name: string, env: NodeJS.ProcessEnv = {}): Promise<MemoryReport> {
  const { stdout } = await run(process.execPath, [...execArgv, program, name], { env: { ...process.env, ...env } })
  return JSON.parse(stdout) as MemoryReport
}

const codesIn = ({ warnings }: MemoryReport) => warnings.map(({ code }) => code)

describe('a store in the memory of one process', () => {
  const STORES: readonly (readonly [name: string, found: readonly string[]])[] = [
    ['memory', ['memory-restart']],
    ['keyv map', ['memory-restart', 'keyv-expired']],
    ['keyv memory adapter', ['memory-restart']],
    ['sqlite in memory', ['memory-restart']],
  ]
  for (const [name, found] of STORES) {
    test(`warns once in a worker of a cluster that logins will look revoked: ${name}`, async () => {
      const report = await asWorker(name)
      assert.deepEqual(report.found, ['memory-worker', ...found])
      assert.deepEqual(codesIn(report), ['AUTHX_MEMORY_IN_WORKER'])
      assert.match(String(report.warnings[0]?.message), /refuse its tokens as revoked.*SqliteTokenStore on one machine/)
    })

    test(`warns of nothing in a process that is alone, and says what a restart does: ${name}`, async () => {
      assert.deepEqual(await alone(name), { found, warnings: [] })
    })
  }

  test('warns in the second process of pm2, and not in the first, which may be the only one', async () => {
    assert.deepEqual(codesIn(await alone('memory', { NODE_APP_INSTANCE: '1' })), ['AUTHX_MEMORY_IN_WORKER'])
    assert.deepEqual(codesIn(await alone('memory', { NODE_APP_INSTANCE: '0' })), [])
    assert.deepEqual(codesIn(await alone('memory', { NODE_APP_INSTANCE: 'blue' })), [])
  })

  test('warns of nothing in a child process that is no worker', async () => {
    const child = fork(program, ['memory'], { execArgv })
    const [report] = (await once(child, 'message')) as [MemoryReport]
    assert.deepEqual(report, { found: ['memory-restart'], warnings: [] })
  })

  test('has nothing to warn of if the records are elsewhere; check says that one process only may use them', async () => {
    assert.deepEqual(await asWorker('keyv elsewhere'), { found: ['keyv-worker', 'keyv-untested'], warnings: [] })
  })

  test('rejects check after close', async () => {
    for (const store of [new MemoryTokenStore(), new KeyvTokenStore(new Keyv())]) {
      await store.close()
      await assert.rejects(store.check(), /closed/)
    }
  })
})

test('a FaultyTokenStore finds what the store in it finds, and rejects while it is down', async t => {
  const store = new FaultyTokenStore(new MemoryTokenStore())
  t.after(() => store.close())
  const codes = async () => (await store.check()).map(({ code }) => code)
  assert.deepEqual(await codes(), ['memory-restart'])
  store.down()
  await assert.rejects(store.check(), /down/)
  const { get, compareAndSet } = new MemoryTokenStore()
  assert.deepEqual(await new FaultyTokenStore({ get, compareAndSet }).check(), [])
})

describe('check of KeyvTokenStore', async () => {
  const memcached = await startMemcached()
  const redis = await startRedis()
  after(() => Promise.all([memcached.stop(), redis.stop()]))
  const codesOf = async (keyv: Keyv) => {
    const store = new KeyvTokenStore(keyv, { timeout: 10_000 })
    return (await store.check()).map(({ code }) => code)
  }

  test('says what memcached and Redis behind Keyv lead to', async t => {
    const [first, second] = [new KeyvMemcache(`127.0.0.1:${memcached.port}`), new KeyvRedis(redis.url)]
    t.after(() => {
      first.client.close()
      return second.disconnect()
    })
    assert.deepEqual(await codesOf(new Keyv({ store: first })), ['keyv-memcached'])
    assert.deepEqual(await codesOf(new Keyv({ store: second })), ['keyv-redis'])
  })

  test('finds nothing with the adapter of this package', async t => {
    const adapter = new SqliteAdapter(':memory:', 1000)
    t.after(() => adapter.disconnect())
    assert.deepEqual(await codesOf(new Keyv({ store: adapter })), [])
  })

  test('says which adapters keep expired records, by what they say of themselves', () => {
    class KeyvEtcd extends MapAdapter {}
    const sqlite = Object.assign(new MapAdapter(), { opts: { dialect: 'sqlite', url: 'sqlite://a.sqlite' } })
    const valkey = Object.assign(new MapAdapter(), { redis: { options: {} } })
    const codes = [sqlite, new KeyvEtcd(), valkey, new MapAdapter()].map(store => keyvFindings(store)[0]?.code)
    assert.deepEqual(codes, ['keyv-expired', 'keyv-expired', 'keyv-redis', 'keyv-untested'])
  })

  test('rejects if the backend cannot be reached', async () => {
    const adapter = Object.assign(new MapAdapter(), { get: () => Promise.reject(new Error('away')) })
    await assert.rejects(new KeyvTokenStore(new Keyv({ store: adapter as never })).check(), /away/)
  })
})
