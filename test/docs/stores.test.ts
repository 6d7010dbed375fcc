import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { blocksOf, complaints, projectFor, readPage } from '../support/markdown.js'
import { startPostgres } from '../support/postgres.js'
import { until } from '../support/until.js'

describe('the page of stores', () => {
  test('shows a table and permissions that are enough for a role that may do nothing else', async t => {
    const server = await startPostgres()
    t.after(() => server.stop())
    const [ddl] = blocksOf(readPage('docs/stores.md')).filter(({ language }) => language === 'sql')
    await server.query('CREATE ROLE app LOGIN')
    await server.query(String(ddl?.code))
    const store = new PostgresTokenStore(server.urlOf('app'), { timeout: 10_000 })
    const own = new PostgresTokenStore(server.url, { table: 'made by the store', timeout: 10_000 })
    t.after(() => Promise.all([store.close(), own.close()]))
    const soon = new Date(Date.now() + 60_000)
    for (const each of [store, own]) {
      assert.equal(await each.compareAndSet('key', undefined, 'a', soon), true)
      assert.equal(await each.compareAndSet('key', 'a', 'b', soon), true)
      assert.deepEqual(await each.get(['key']), ['b'])
    }
    await server.query("INSERT INTO koa_authx VALUES ('app:old', 'a', now() - interval '1 day')")
    await until(async () => {
      assert.deepEqual(await server.query("SELECT FROM koa_authx WHERE key = 'app:old'"), [])
    }, 60_000)
    const shape = (table: string) =>
      server.query(`SELECT attname, atttypid::regtype::text, attnotnull, attcollation, NULL AS kind FROM pg_attribute
        WHERE attrelid = '${table}'::regclass AND attnum > 0 UNION ALL
        SELECT pg_get_indexdef(indexrelid, 1, true), '', indisunique, NULL, indisprimary FROM pg_index
        WHERE indrelid = '${table}'::regclass ORDER BY 1`)
    assert.deepEqual(await shape('koa_authx'), await shape('"made by the store"'))
  })

  test('shows the interface TokenStore as it is', async t => {
    const folder = await projectFor(t)
    const shown = blocksOf(readPage('docs/stores.md')).find(({ code }) => code.startsWith('interface TokenStore'))
    assert.ok(shown)
    const both = `import type { TokenStore as Real } from 'koa-authx'\n${shown.code}
      export const there = (store: Real): TokenStore => store
      export const back = (store: TokenStore): Real => store`
    writeFileSync(join(folder, 'both.mts'), both)
    assert.equal(await complaints(folder, ['both.mts']), '')
  })
})
