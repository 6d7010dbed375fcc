import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import { testTokenStore } from '../../src/testing/index.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { startPostgres } from '../support/postgres.js'
import { inProcesses } from '../support/processes.js'

// Each handle of the suite is a pool, which opens as many connections as it has calls.
const server = await startPostgres({ settings: { max_connections: '200' } })
after(() => server.stop())
const { url } = server
/** What is said is at issue here, not how soon: other tests keep the processors busy. */
const timeout = 60_000

describe('PostgresTokenStore meets the contract with a url', { concurrency: 8 }, () => {
  const expiryOf = async (key: string) => {
    const [row] = await server.query(`SELECT expires FROM koa_authx WHERE key = 'authx:${key}'`)
    return row?.expires as Date | undefined
  }
  testTokenStore({
    test,
    createStore: options => new PostgresTokenStore({ connectionString: url, max: 4 }, { ...options, timeout }),
    expiryOf,
  })
})

describe('PostgresTokenStore meets the contract with a pool of the caller', { concurrency: 4 }, () => {
  const pool = new pg.Pool({ connectionString: url })
  after(() => pool.end())
  testTokenStore({ test, createStore: options => new PostgresTokenStore(pool, { ...options, timeout }) })
})

describe('PostgresTokenStore, four processes at one server', () => {
  test('each meets the contract while the others do the same', async () => {
    const reports = await inProcesses(4, { kind: 'postgres', at: url }, { suite: true })
    for (const { failures } of reports) assert.deepEqual(failures, [])
  })

  test('of all that claim a key exactly one gets it, and nobody loses a count', async () => {
    const claim = Array.from({ length: 500 }, (_, i) => `claim ${i}`)
    const order = { claim, count: { key: 'count', times: 100 } }
    const reports = await inProcesses(4, { kind: 'postgres', at: url }, order)
    for (const { failures } of reports) assert.deepEqual(failures, [])
    assert.deepEqual(reports.flatMap(report => report.claimed).sort(), [...claim].sort())
    const store = new PostgresTokenStore(url)
    assert.deepEqual(await store.get(['count']), ['400'])
    await store.close()
  })
})
