import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import pg from 'pg'
import { testTokenStore } from '../../src/testing/index.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { PostgresClock } from '../../stores/postgres-clock.js'
import { startPgBouncer } from '../support/pgbouncer.js'
import { type PostgresServer, startPostgres } from '../support/postgres.js'
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

  describe('that is led to a promoted standby by RELOAD', () => {
    test('goes on with what the standby has, and refuses it before it is promoted', async t => {
      const { primary, standby, store, before } = await withStandby(t)
      assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
      await caughtUp(primary, standby)
      await primary.kill()
      await assert.rejects(store.compareAndSet('key', 'b', 'given up', soon()), /PostgreSQL/)
      await before.lead(standby)
      await until(() => assert.rejects(store.get(['key']), /is a standby/))
      await assert.rejects(store.compareAndSet('key', 'b', 'given up', soon()), /is a standby/)
      await standby.promote()
      await until(async () => assert.deepEqual(await store.get(['key']), ['b']))
      assert.equal(await store.compareAndSet('key', 'a', 'wrong', soon()), false)
      assert.equal(await store.compareAndSet('key', 'b', 'c', soon()), true)
      assert.equal(await store.compareAndSet('new', undefined, 'a', soon()), true)
      assert.deepEqual(await store.get(['key', 'new']), ['c', 'a'])
    })

    test('what is known of the clock of the former server does not hold for the next', () => {
      const clock = new PostgresClock()
      clock.learn(1, 1000, 0, 10)
      assert.deepEqual([clock.server, clock.at(0)], [1, 990])
      // 990 would agree with this answer, and be up to 90 milliseconds too late.
      clock.learn(2, 1000, 0, 100)
      assert.deepEqual([clock.server, clock.at(0)], [2, 900])
    })

    test('a write that is given up is not written later, though the clock of that machine is an hour behind', async t => {
      const { primary, standby, store, before } = await withStandby(t)
      await caughtUp(primary, standby)
      await primary.kill()
      await standby.promote()
      await before.lead(standby)
      // Ours is ahead instead of its being behind: it is the difference that counts.
      const { now } = performance
      t.mock.method(performance, 'now', () => now.call(performance) + 3_600_000)
      standby.pause()
      await assert.rejects(store.compareAndSet('key', 'a', 'given up', soon()), /no answer within 500 ms/)
      standby.resume()
      await until(async () => assert.deepEqual(await store.get(['key']), ['a']))
      assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
    })
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

/** A primary behind a PgBouncer of its own, with a standby, and a store that has one connection and the record `key: a`. */
async function withStandby(t: TestContext) {
  const primary = await startPostgres()
  t.after(() => primary.stop())
  const standby = await primary.standby()
  t.after(() => standby.stop())
  const before = await startPgBouncer(primary, { server_login_retry: '1' })
  t.after(() => before.stop())
  const store = new PostgresTokenStore({ connectionString: before.url, max: 1 }, { timeout: 500 })
  t.after(() => store.close())
  await until(() => store.compareAndSet('key', undefined, 'a', soon()))
  return { primary, standby, before, store }
}

/** Resolves when the standby has all that the primary has written. */
async function caughtUp(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  const [row] = await primary.query('SELECT pg_current_wal_lsn()::text AS lsn')
  await until(async () => {
    const [at] = await standby.query(`SELECT pg_last_wal_replay_lsn() >= '${row?.lsn}'::pg_lsn AS "isThere"`)
    return at?.isThere === true
  })
}
