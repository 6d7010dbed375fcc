import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, mock, test } from 'node:test'
import { testTokenStore } from 'koa-authx/testing'
import pg from 'pg'
import { SqlTokenStore } from '../../examples/custom-sql-store/store.js'
import { blocksOf, readPage } from '../support/markdown.js'
import { startPostgres } from '../support/postgres.js'
import { inProcesses } from '../support/processes.js'
import { until } from '../support/until.js'
import { Client } from './client.js'
import { testHeaderLife } from './header-life.js'
import { Program, root } from './programs.js'

const database = await startPostgres({ settings: { max_connections: '200' } })
// The store must not rely on the defaults of its role.
await database.query("ALTER ROLE postgres SET default_transaction_isolation = 'serializable'")
process.env.PORT = '0'
process.env.DATABASE_URL = database.url
process.env.JWT_SECRET_KEY = randomBytes(32).toString('hex')
const { server } = await import('../../examples/custom-sql-store.js')
const client = await Client.of(server)

/** What is said is at issue here, not how soon. */
const timeout = 60_000
const at = database.url

after(async () => {
  server.close()
  await once(server, 'close')
  await database.stop()
})

describe('examples/custom-sql-store.ts', () => {
  testHeaderLife(() => client)

  test('stops with a message if it does not know its database', async () => {
    const program = new Program('examples/custom-sql-store.ts', root, { DATABASE_URL: '', PORT: '0' })
    assert.equal(await program.exitCode(), 1)
    assert.match(program.stderr, /DATABASE_URL is missing/)
  })
})

describe('its store, in one process', () => {
  const expiryOf = async (key: string) => {
    const [row] = await database.query(`SELECT expires FROM tokens WHERE key = 'authx:${key}'`)
    return row?.expires as Date | undefined
  }
  const outage = { start: () => database.kill(), end: () => database.restart() }
  testTokenStore({ test, createStore: options => new SqlTokenStore(at, { ...options, timeout }), expiryOf, outage })
})

describe('its store, in four processes', () => {
  test('meets the contract in each while the others do the same', async () => {
    const reports = await inProcesses(4, { kind: 'example', at }, { suite: true })
    for (const { failures } of reports) assert.deepEqual(failures, [])
  })

  test('gives a key that all claim to exactly one, and loses no count', async () => {
    const claim = Array.from({ length: 200 }, (_, i) => `claim ${i}`)
    const reports = await inProcesses(4, { kind: 'example', at }, { claim, count: { key: 'count', times: 50 } })
    for (const { failures } of reports) assert.deepEqual(failures, [])
    assert.deepEqual(reports.flatMap(report => report.claimed).sort(), [...claim].sort())
    const store = new SqlTokenStore(at, { timeout })
    assert.deepEqual(await store.get(['count']), ['200'])
    await store.close()
  })
})

describe('its store', () => {
  test('deletes all expired records that nobody reads, and no others', async t => {
    mock.timers.enable({ apis: ['setInterval'] })
    const store = new SqlTokenStore(at, { timeout })
    t.after(() => store.close())
    t.after(() => mock.timers.reset())
    await store.compareAndSet('lives', undefined, 'a', new Date(Date.now() + 60_000))
    await database.query(
      "INSERT INTO tokens SELECT 'over ' || n, 'a', now() - interval '1 second' FROM generate_series(1, 2500) AS n",
    )
    mock.timers.tick(60_000)
    const left = () => database.query("SELECT key FROM tokens WHERE key = 'authx:lives' OR key LIKE 'over %'")
    await until(async () => (await left()).length === 1, timeout)
    assert.deepEqual(await left(), [{ key: 'authx:lives' }])
  })

  test('does not write after a call that was given up because of a lock', async t => {
    const store = new SqlTokenStore(at, { timeout: 500 })
    t.after(() => store.close())
    const soon = new Date(Date.now() + 3_600_000)
    const holder = new SqlTokenStore(at, { timeout })
    t.after(() => holder.close())
    await holder.compareAndSet('locked', undefined, 'a', soon)
    const locker = new pg.Client({ connectionString: at })
    await locker.connect()
    await locker.query("BEGIN; UPDATE tokens SET value = value WHERE key = 'authx:locked'")
    await assert.rejects(store.compareAndSet('locked', 'a', 'late', soon), /timeout/)
    // The statement has ended in the server too, before the lock is free.
    await until(async () => {
      const [row] = await database.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
      return row?.count === '0'
    }, timeout)
    await locker.query('COMMIT')
    await locker.end()
    assert.equal(await holder.compareAndSet('locked', 'a', 'b', soon), true)
  })
})

test('docs/stores.md quotes the statements of this store', () => {
  const source = readFileSync(join(root, 'examples/custom-sql-store/store.ts'), 'utf8')
  const [, ...quoted] = blocksOf(readPage('docs/stores.md')).filter(({ language }) => language === 'sql')
  assert.equal(quoted.length, 1)
  for (const statement of String(quoted[0]?.code).trim().split(/;\n+/)) {
    assert.ok(source.includes(statement.replace(/;$/, '')), statement)
  }
})
