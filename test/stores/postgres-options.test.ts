import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import pg from 'pg'
import { MemoryTokenStore } from '../../stores/memory.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { isRefusal } from '../../stores/postgres-reason.js'

const URL_OF_NOBODY = 'postgres://user:secret-password@127.0.0.1:1/database'
const make = (connect: unknown, options?: object) => new PostgresTokenStore(connect as string, options)

describe('what PostgresTokenStore takes to connect', () => {
  test('is a url, options of a Pool, or a Pool of pg; anything else is a TypeError that says so', () => {
    const others = [
      undefined,
      null,
      '',
      5,
      true,
      [],
      new Map(),
      new URL(URL_OF_NOBODY),
      new MemoryTokenStore(),
      () => {},
    ]
    for (const wrong of others) {
      assert.throws(() => make(wrong), { name: 'TypeError', message: /takes a url .*, or a Pool of pg 8/ })
    }
  })

  test('is not a single Client, whose transactions would contain the writes of the store', () => {
    const message = /a Pool of pg 8\. With a single Client, transactions of the application/
    assert.throws(() => make(new pg.Client(URL_OF_NOBODY)), { name: 'TypeError', message })
  })

  test('is not a pool that has been ended', async () => {
    const pool = new pg.Pool({ connectionString: URL_OF_NOBODY })
    await pool.end()
    assert.throws(() => make(pool), { name: 'TypeError', message: /the pool has been ended/ })
  })

  const WRONG: readonly (readonly [given: object, message: RegExp])[] = [
    [{ url: URL_OF_NOBODY }, /"url".*connectionString/],
    [{ uri: URL_OF_NOBODY }, /"uri".*connectionString/],
    [{ hostname: 'a' }, /"hostname".*host/],
    [{ username: 'a' }, /"username".*user/],
    [{ db: 'a' }, /"db".*database/],
    [{ pass: 'a' }, /"pass".*password/],
    [{ passwort: 'a' }, /"passwort".*password/],
    [{ tls: true }, /"tls".*ssl/],
    [{ pool: {} }, /"pool".*the pool itself/],
    [{ table: 'a' }, /"table".*second/],
    [{ schema: 'a' }, /"schema".*second/],
    [{ prefix: 'a' }, /"prefix".*second/],
    [{ timeout: 5 }, /"timeout".*second/],
    [{ createTable: false }, /"createTable".*second/],
    [{ client_encoding: 'GBK' }, /"client_encoding".*UTF-8/],
    [{ toString: 1 }, /"toString"/],
    [{ connectionString: undefined }, /connectionString must be a non-empty string/],
    [{ connectionString: 'mysql://a' }, /must begin with postgres/],
    [{ host: undefined }, /host must be a non-empty string/],
    [{ database: '' }, /database must be a non-empty string/],
    [{ user: undefined }, /user must be a non-empty string/],
  ]
  for (const [given, message] of WRONG) {
    test(`refuses ${inspect(given)}`, () => assert.throws(() => make(given), { name: 'TypeError', message }))
  }

  test('names no part of a url that is wrong', () => {
    for (const wrong of [
      'postgres:/secret',
      'http://user:secret@host/db',
      'postgres://user:secret@host:port:5/db',
      'postgres://user:secret@h/db?sslrootcert=/secret/file',
    ]) {
      assert.throws(
        () => make(wrong),
        error =>
          error instanceof TypeError && !inspect(error, { showHidden: true }).split('\n    at ')[0]?.includes('secret'),
        wrong,
      )
    }
  })
})

describe('the options of PostgresTokenStore', () => {
  test('are checked', () => {
    for (const [options, message] of [
      [{ prefix: 'a b' }, /prefix/],
      [{ timeout: 0 }, /timeout/],
      [{ tabel: 'a' }, /"tabel" is not an option; did you mean table/],
      [{ table: '' }, /table must be a name of 1 to 63 bytes/],
      [{ table: 'é'.repeat(32) }, /table must be a name/],
      [{ table: 'a\0' }, /table must be a name/],
      [{ table: 5 }, /table must be a name/],
      [{ schema: '' }, /schema must be a name/],
      [{ schema: 'x'.repeat(64) }, /schema must be a name/],
      [{ table: 'auth.tokens' }, /write \{ schema: "auth", table: "tokens" \}/],
      [{ createTable: 'no' }, /createTable must be true or false/],
    ] as const) {
      assert.throws(() => make(URL_OF_NOBODY, options), { name: 'TypeError', message })
    }
  })

  test('may be undefined', async () => {
    const none = { prefix: undefined, timeout: undefined, table: undefined, schema: undefined, createTable: undefined }
    await make(URL_OF_NOBODY, none).close()
  })
})

test('neither PostgresTokenStore nor its errors show the url or the password', async () => {
  const soon = new Date(Date.now() + 60_000)
  const { port, ...parts } = { host: '127.0.0.1', port: 1, user: 'secret-user', password: 'secret-password' }
  const pool = new pg.Pool({ connectionString: URL_OF_NOBODY })
  for (const connect of [URL_OF_NOBODY, { ...parts, port }, pool]) {
    const store = make(connect)
    const errors = [
      await store.get(['secret-key']).catch(error => error),
      await store.compareAndSet('secret-key', undefined, 'secret-value', soon).catch(error => error),
    ]
    for (const shown of [store, ...errors]) {
      assert.doesNotMatch(inspect(shown, { depth: 10, showHidden: true }), /secret|127\.0\.0\.1/)
    }
    assert.doesNotMatch(JSON.stringify(store), /secret/)
    await store.close()
  }
  await pool.end()
})

test('a connection stays in use after a refusal of the server, whatever language it speaks, and not after its end', () => {
  for (const severity of ['ERROR', 'FEHLER', 'エラー']) assert.ok(isRefusal({ code: '55P03', severity }))
  for (const code of ['57P01', '08006', '25P02', '25001', '53300']) assert.ok(!isRefusal({ code, severity: 'FATAL' }))
  for (const other of [undefined, new Error('lost'), { code: 'ECONNRESET' }]) assert.ok(!isRefusal(other))
})

test('a date that is not in the future rejects', async () => {
  const store = make(URL_OF_NOBODY)
  for (const date of [new Date(), new Date(0), new Date(Number.NaN)]) {
    await assert.rejects(store.compareAndSet('key', undefined, 'a', date), RangeError)
  }
  await store.close()
})
