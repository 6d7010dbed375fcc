import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { block, blockInBursts } from '../support/busy.js'
import { startPostgres } from '../support/postgres.js'
import { learnsTheClock } from '../support/store-faults.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'

const server = await startPostgres()
after(() => server.stop())
const { url } = server
const soon = () => new Date(Date.now() + 60_000)
const timeout = 60_000

describe('PostgresTokenStore that is closed', () => {
  test('has answered the calls under way, and has no connection left', async () => {
    const store = new PostgresTokenStore({ connectionString: url, application_name: 'to close' }, { timeout })
    const writes = Array.from({ length: 30 }, (_, n) => store.compareAndSet(`closing ${n}`, undefined, 'a', soon()))
    const closing = store.close()
    await assert.rejects(store.get(['key']), /closed/)
    await closing
    assert.deepEqual(new Set(await Promise.all(writes)), new Set([true]))
    await until(async () => {
      const rows = await server.query("SELECT FROM pg_stat_activity WHERE application_name = 'to close'")
      assert.equal(rows.length, 0)
    })
  })

  test('leaves a pool of the caller open, with all its connections and no listener', async t => {
    const pool = new pg.Pool({ connectionString: url })
    t.after(() => pool.end())
    const store = new PostgresTokenStore(pool, { timeout })
    await Promise.all(Array.from({ length: 30 }, (_, n) => store.compareAndSet(`given ${n}`, undefined, 'a', soon())))
    await store.close()
    await assert.rejects(store.get(['key']), /closed/)
    assert.equal(pool.idleCount, pool.totalCount)
    assert.deepEqual([pool.ended, pool.listenerCount('error')], [false, 0])
    assert.deepEqual((await pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  })

  test('stores at one pool are closed one by one', async t => {
    const pool = new pg.Pool({ connectionString: url })
    t.after(() => pool.end())
    const stores = Array.from({ length: 12 }, () => new PostgresTokenStore(pool, { timeout }))
    await stores[0]?.close()
    assert.deepEqual(await stores[1]?.get(['key']), [undefined])
    assert.equal(pool.listenerCount('error'), 1)
    for (const store of stores) await store.close()
    assert.equal(pool.listenerCount('error'), 0)
  })

  test('a pool that the application ends makes calls fail with this reason', async () => {
    const pool = new pg.Pool({ connectionString: url })
    const store = new PostgresTokenStore(pool, { timeout })
    await store.get(['key'])
    await pool.end()
    await assert.rejects(store.get(['key']), /the application has ended its pool/)
    await store.close()
  })

  test('lets the process end, also while PostgreSQL is away and before there is a connection', () => {
    const programs = [url, 'postgres://127.0.0.1:1/database'].flatMap(at => [
      `const store = new PostgresTokenStore(${JSON.stringify(at)})
        await store.get(['key']).catch(() => {})
        await store.close()`,
      `await new PostgresTokenStore(${JSON.stringify(at)}).close()`,
    ])
    for (const program of programs) {
      const source = `import { PostgresTokenStore } from './stores/postgres.js'\n${program}`
      const node = ['--import', 'tsx', '--input-type=module', '-e', source]
      const { status, stderr } = spawnSync(process.execPath, node, { timeout: 50_000, encoding: 'utf8' })
      assert.deepEqual([status, stderr], [0, ''])
    }
  })
})

describe('PostgresTokenStore in a process that is busy', () => {
  test('reads and writes that wait meanwhile succeed, at whatever moment it becomes busy', async t => {
    const store = await far(t, 500)
    for (let turns = 0; turns < 6; turns++) {
      const calls = [
        store.get(['key', 'other']),
        store.compareAndSet(`busy ${turns}`, undefined, 'a', soon()),
        store.compareAndSet('key', 'something else', 'b', soon()),
      ]
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      block(1000)
      assert.deepEqual(await Promise.all(calls), [[undefined, undefined], true, false], `after ${turns} turns`)
    }
  })

  test('calls succeed while it is busy in bursts', async t => {
    const store = new PostgresTokenStore(url, { timeout: 250 })
    t.after(() => store.close())
    await until(() => store.get(['key']))
    const stop = blockInBursts(t, 60)
    const written = Array.from({ length: 50 }, (_, n) => store.compareAndSet(`burst ${n}`, undefined, 'a', soon()))
    assert.deepEqual(new Set(await Promise.all(written)), new Set([true]))
    stop()
  })

  test('the first connection is made, however long it is blocked meanwhile', async t => {
    const store = new PostgresTokenStore(url, { timeout: 500 })
    t.after(() => store.close())
    for (let turns = 0; turns < 3; turns++) {
      const read = store.get(['key'])
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      block(3500)
      assert.deepEqual(await read, [undefined])
    }
  })

  test('keeps its connection, and gets its answers, after blocks of 3 s', async t => {
    const name = 'blocked for seconds'
    const store = new PostgresTokenStore({ connectionString: url, max: 1, application_name: name }, { timeout: 500 })
    t.after(() => store.close())
    await until(() => store.get(['key']))
    const pids = () => server.query(`SELECT pid FROM pg_stat_activity WHERE application_name = '${name}'`)
    const before = await pids()
    assert.equal(before.length, 1)
    for (const turns of [0, 3]) {
      const read = store.get(['key', 'other'])
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      block(3100)
      assert.deepEqual(await read, [undefined, undefined])
      assert.deepEqual(await store.get(['key']), [undefined])
    }
    assert.deepEqual(await pids(), before)
  })

  test('an application that tests itself with fake timers gets its answers', async t => {
    const store = new PostgresTokenStore(url, { timeout: 1000 })
    t.after(() => store.close())
    t.mock.timers.enable({ apis: ['Date', 'setImmediate', 'setInterval', 'setTimeout'], now: Date.now() })
    assert.equal(await store.compareAndSet('fake timers', undefined, 'a', soon()), true)
    assert.deepEqual(await store.get(['fake timers']), ['a'])
    t.mock.timers.reset()
  })

  test('the clock of the server is learnt, however far it is off', async t => {
    const store = new PostgresTokenStore({ connectionString: url, max: 1 }, { timeout })
    t.after(() => store.close())
    await learnsTheClock(t, store)
  })
})

/** A store whose server is 6 milliseconds away. */
async function far(t: { after(run: () => unknown): void }, milliseconds: number): Promise<PostgresTokenStore> {
  const proxy = await tcpProxy(server.port)
  const store = new PostgresTokenStore(url.replace(String(server.port), String(proxy.port)), { timeout: milliseconds })
  t.after(async () => {
    await store.close()
    proxy.close()
  })
  await until(() => store.get(['key']))
  proxy.delayReplies(6)
  return store
}
