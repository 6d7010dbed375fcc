import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { startPostgres } from '../support/postgres.js'
import { until } from '../support/until.js'

const server = await startPostgres()
after(() => server.stop())
const soon = () => new Date(Date.now() + 3_600_000)

test('a purge keeps live records that are in other partitions', async t => {
  const columns = 'key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, expires timestamptz NOT NULL'
  await server.query(`CREATE TABLE parts (${columns}) PARTITION BY HASH (key)`)
  for (const n of [0, 1, 2, 3]) {
    await server.query(
      `CREATE TABLE part${n} PARTITION OF parts FOR VALUES WITH (MODULUS 4, REMAINDER ${n}); CREATE INDEX ON part${n} (expires)`,
    )
  }
  const store = new PostgresTokenStore(server.url, { table: 'parts', timeout: 60_000 })
  t.after(() => store.close())
  const keys = Array.from({ length: 200 }, (_, n) => `live ${n}`)
  // Each partition gets live and expired records in turn, so that rows of two partitions have the same place in them.
  for (const key of keys) {
    await store.compareAndSet(key, undefined, 'a', soon())
    await server.query(`INSERT INTO parts VALUES ('expired ${key}', 'a', now() - interval '1 hour')`)
  }
  await until(async () => {
    const [row] = await server.query('SELECT count(*)::int AS count FROM parts WHERE expires < now()')
    return row?.count === 0
  }, 60_000)
  const values = await store.get(keys)
  assert.equal(values.filter(value => value === 'a').length, keys.length)
})
