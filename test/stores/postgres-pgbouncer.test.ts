import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import pg from 'pg'
import { testTokenStore } from '../../src/testing/index.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { startPgBouncer } from '../support/pgbouncer.js'
import { startPostgres } from '../support/postgres.js'
import { until } from '../support/until.js'

const server = await startPostgres()
after(() => server.stop())
const bouncer = await startPgBouncer(server)
after(() => bouncer.stop())
const soon = () => new Date(Date.now() + 60_000)
const timeout = 60_000

describe('PostgresTokenStore meets the contract through PgBouncer in transaction mode', { concurrency: 4 }, () => {
  const connect = { connectionString: bouncer.url, max: 4 }
  testTokenStore({ test, createStore: options => new PostgresTokenStore(connect, { ...options, timeout }) })
})

describe('PostgresTokenStore through PgBouncer in transaction mode', () => {
  test('leaves nothing of its settings in the sessions that others get', async t => {
    const store = new PostgresTokenStore(bouncer.url, { timeout })
    t.after(() => store.close())
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.compareAndSet(`key ${n}`, undefined, 'a', soon())))
    const pool = new pg.Pool({ connectionString: bouncer.url })
    t.after(() => pool.end())
    const settings = "('statement_timeout', 'lock_timeout', 'transaction_isolation', 'row_security')"
    const seen = await Promise.all(
      Array.from({ length: 20 }, () =>
        pool.query(`SELECT setting FROM pg_settings WHERE name IN ${settings} ORDER BY 1`),
      ),
    )
    for (const { rows } of seen) {
      assert.deepEqual(rows.map(row => row.setting).sort(), ['0', '0', 'on', 'read committed'])
    }
  })

  test('a write that waits in its queue for too long is not written later', async t => {
    const pool = new pg.Pool({ connectionString: bouncer.url })
    const store = new PostgresTokenStore(bouncer.url, { timeout: 300 })
    t.after(async () => {
      await store.close()
      await pool.end()
    })
    await until(async () => {
      await store.get(['key'])
    })
    // Both sessions that PgBouncer has.
    const clients = [await pool.connect(), await pool.connect()]
    for (const client of clients) await client.query('BEGIN')
    await assert.rejects(store.compareAndSet('late key', undefined, 'given up', soon()), /no answer within 300 ms/)
    for (const client of clients) {
      await client.query('ROLLBACK')
      client.release()
    }
    await until(async () => {
      await store.compareAndSet(`other ${Math.random()}`, undefined, 'a', soon())
    })
    assert.deepEqual(await store.get(['late key']), [undefined])
  })

  test('a refusal of PgBouncer is told as one', async t => {
    const full = await startPgBouncer(server, { max_client_conn: '1' })
    t.after(() => full.stop())
    let only = new pg.Client(full.url)
    t.after(() => only.end())
    // The connection of the start may still be counted.
    await until(() => {
      only = new pg.Client(full.url)
      only.on('error', () => {})
      return only.connect()
    })
    const store = new PostgresTokenStore(full.url, { timeout })
    t.after(() => store.close())
    await assert.rejects(store.get(['key']), /PgBouncer or another pooler refuses|too many connections/)
  })

  test('a database that is killed and restarted behind it is found again', async t => {
    const other = await startPostgres()
    t.after(() => other.stop())
    const before = await startPgBouncer(other, { server_login_retry: '1' })
    t.after(() => before.stop())
    const store = new PostgresTokenStore(before.url, { timeout: 500 })
    t.after(() => store.close())
    await until(() => store.compareAndSet('key', undefined, 'a', soon()))
    await other.kill()
    await assert.rejects(store.get(['key']), /PostgreSQL/)
    await assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /PostgreSQL/)
    await other.restart()
    await until(async () => assert.deepEqual(await store.get(['key']), ['a']))
  })
})
