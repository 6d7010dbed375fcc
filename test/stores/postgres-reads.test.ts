import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import pg from 'pg'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { startPostgres } from '../support/postgres.js'
import { until } from '../support/until.js'

const server = await startPostgres()
after(() => server.stop())
const timeout = 60_000
const soon = () => new Date(Date.now() + 600_000)

let tables = 0

/** A store with the records `key 0` to `key 299`, and the number of messages that it has sent since. */
async function filled(t: TestContext) {
  const pool = new pg.Pool({ connectionString: server.url, max: 10 })
  const table = `reads_${tables++}`
  const store = new PostgresTokenStore(pool, { timeout, table })
  t.after(async () => {
    await store.close()
    await pool.end()
  })
  await store.get([])
  const numbers = Array.from({ length: 300 }, (_, n) => n)
  await Promise.all(numbers.map(n => store.compareAndSet(`key ${n}`, undefined, String(n), soon())))
  let messages = 0
  pool.on('acquire', () => messages++)
  return { store, table, messages: () => messages }
}

describe('Reads that begin in one turn of the event loop', () => {
  test('are one message to PostgreSQL, and each gets the values of its own keys in their order', async t => {
    const { store, messages } = await filled(t)
    const values = await Promise.all([
      store.get(['key 1', 'key 2']),
      store.get(['key 2', 'missing', 'key 1']),
      store.get([]),
      store.get(['key 3', 'key 3']),
    ])
    assert.deepEqual(values, [['1', '2'], ['2', undefined, '1'], [], ['3', '3']])
    assert.equal(messages(), 1)
  })

  test('are a message for each 200 keys, but the keys of one call stay together', async t => {
    const { store, messages } = await filled(t)
    const calls = Array.from({ length: 300 }, (_, n) => store.get([`key ${n}`]))
    assert.deepEqual(
      await Promise.all(calls),
      calls.map((_, n) => [String(n)]),
    )
    assert.equal(messages(), 2)
    const all = Array.from({ length: 300 }, (_, n) => `key ${n}`)
    const [many, one] = await Promise.all([store.get(all), store.get(['key 7'])])
    assert.deepEqual([many.length, many[299], one], [300, '299', ['7']])
  })

  test('do not fail with a call whose key cannot be sent', async t => {
    const { store } = await filled(t)
    const wrong = assert.rejects(store.get(['key 1', 'é']), /printable ASCII/)
    assert.deepEqual(await store.get(['key 1']), ['1'])
    await wrong
  })

  test('fail together if their connection is lost, but those of other turns do not', async t => {
    const { store, table } = await filled(t)
    const other = new pg.Client({ connectionString: server.url })
    await other.connect()
    t.after(() => other.end())
    await other.query(`BEGIN; LOCK TABLE ${table}`)
    const waiting = async () => {
      const rows = await server.query(
        `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${table}" AS record%' ORDER BY query_start`,
      )
      return rows.map(row => Number(row.pid))
    }
    const first = [store.get(['key 1']), store.get(['key 2'])].map(call => assert.rejects(call, /SQLSTATE 57P01/))
    await until(async () => (await waiting()).length === 1)
    const second = store.get(['key 3'])
    await until(async () => (await waiting()).length === 2)
    const [pid] = await waiting()
    await server.query(`SELECT pg_terminate_backend(${pid})`)
    await Promise.all(first)
    await other.query('ROLLBACK')
    assert.deepEqual([await second, await store.get(['key 1'])], [['3'], ['1']])
  })

  test('are not joined by a call of a later turn, and a read after a write sees it', async t => {
    const { store, messages } = await filled(t)
    const first = store.get(['key 1'])
    await new Promise(setImmediate)
    const second = store.get(['key 1'])
    assert.deepEqual(await Promise.all([first, second]), [['1'], ['1']])
    assert.equal(messages(), 2)
    await store.compareAndSet('key 1', '1', 'other', soon())
    assert.deepEqual(await store.get(['key 1']), ['other'])
  })
})
