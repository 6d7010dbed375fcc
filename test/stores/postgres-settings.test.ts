import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import pg from 'pg'
import { testTokenStore } from '../../src/testing/index.js'
import { PostgresTokenStore, type PostgresTokenStoreOptions } from '../../stores/postgres.js'
import { startPostgres } from '../support/postgres.js'
import { until } from '../support/until.js'

const server = await startPostgres({ settings: { max_connections: '100' } })
after(() => server.stop())
const soon = () => new Date(Date.now() + 60_000)
const timeout = 60_000

for (const isolation of ['repeatable read', 'serializable'] as const) {
  describe(`PostgresTokenStore meets the contract where transactions are ${isolation}`, { concurrency: 4 }, () => {
    const role = isolation.replace(' ', '_')
    const ready = server.query(
      `CREATE ROLE ${role} LOGIN SUPERUSER; ALTER ROLE ${role} SET default_transaction_isolation = '${isolation}'`,
    )
    const connect = { connectionString: server.urlOf(role), max: 4 }
    const createStore = async (options?: { prefix?: string }) => {
      await ready
      return new PostgresTokenStore(connect, { ...options, table: role, timeout })
    }
    testTokenStore({ test, createStore })
  })
}

describe('PostgresTokenStore and its table', () => {
  test('many stores that start at once create it once', async t => {
    const stores = Array.from({ length: 20 }, () => open(t, server.url, { table: 'at_once' }))
    const told = await Promise.all(stores.map(store => store.compareAndSet('key', undefined, 'a', soon())))
    assert.equal(told.filter(Boolean).length, 1)
    const indexes = await server.query("SELECT indexname FROM pg_indexes WHERE tablename = 'at_once'")
    assert.equal(indexes.length, 2)
  })

  const NAMES = ['Sessions', 'select', 'my table', 'a"b', "a'b", 'a\\b', 'a;b', 'é', '$1', '%s', '--', 'x'.repeat(63)]
  for (const name of NAMES) {
    test(`may be called ${name}, and its schema too`, async t => {
      await server.query(`CREATE SCHEMA "${name.replaceAll('"', '""')}"`)
      const [store, inSchema] = [
        open(t, server.url, { table: name }),
        open(t, server.url, { schema: name, table: name }),
      ]
      for (const [each, value] of [
        [store, 'a'],
        [inSchema, 'b'],
      ] as const) {
        assert.equal(await each.compareAndSet('key', undefined, value, soon()), true)
      }
      assert.deepEqual([await store.get(['key']), await inSchema.get(['key'])], [['a'], ['b']])
    })
  }

  test('that exists is used by a role that may not create anything', async t => {
    await server.query(`CREATE ROLE reader LOGIN; CREATE TABLE granted (key text COLLATE "C" PRIMARY KEY,
      value bytea NOT NULL, expires timestamptz NOT NULL);
      GRANT SELECT, INSERT, UPDATE, DELETE ON granted TO reader`)
    const store = open(t, server.urlOf('reader'), { table: 'granted' })
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
    assert.deepEqual(await store.get(['key']), ['b'])
  })

  test('that is missing is named, if the role may not create it', async t => {
    await server.query('CREATE ROLE poor LOGIN')
    const store = open(t, server.urlOf('poor'), { table: 'missing' })
    const message = /the table "missing" does not exist, and the role may not create it.*GRANT CREATE ON SCHEMA/
    await rejectBoth(store, message)
  })

  test('that is missing is named with createTable: false, and not created', async t => {
    const store = open(t, server.url, { table: 'not created', createTable: false })
    await rejectBoth(store, /the table "not created" does not exist; create it .*createTable: false/)
    assert.deepEqual(await server.query("SELECT FROM pg_tables WHERE tablename = 'not created'"), [])
  })

  test('that is created while the process runs is used from then on', async t => {
    const store = open(t, server.url, { table: 'later', createTable: false })
    await rejectBoth(store, /does not exist/)
    const other = open(t, server.url, { table: 'later' })
    assert.equal(await other.compareAndSet('key', undefined, 'a', soon()), true)
    assert.deepEqual(await store.get(['key']), ['a'])
  })

  test('that is dropped while the process runs is created again', async t => {
    const store = open(t, server.url, { table: 'dropped' })
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    await server.query('DROP TABLE dropped')
    assert.deepEqual(await store.get(['key']), [undefined])
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
  })

  test('that is not one of the store is refused', async t => {
    await server.query('CREATE TABLE theirs (id int); CREATE TABLE typed (key int, value text, expires int)')
    await server.query('CREATE TABLE keyless (key text, value bytea NOT NULL, expires timestamptz NOT NULL)')
    for (const table of ['theirs', 'typed']) {
      const store = open(t, server.url, { table })
      await rejectBoth(store, new RegExp(`the table "${table}" exists, but is not one of this store`))
    }
    const store = open(t, server.url, { table: 'keyless' })
    await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /needs PRIMARY KEY/)
  })

  for (const [missing, granted] of [
    ['SELECT', 'INSERT, UPDATE, DELETE'],
    ['UPDATE', 'SELECT, INSERT, DELETE'],
    ['INSERT', 'SELECT, UPDATE, DELETE'],
  ] as const) {
    test(`says which permissions the role needs, if it has no ${missing}`, async t => {
      const role = `no_${missing.toLowerCase()}`
      const owner = open(t, server.url, { table: role })
      await owner.compareAndSet('key', undefined, 'a', soon())
      await server.query(`CREATE ROLE ${role} LOGIN; GRANT ${granted} ON ${role} TO ${role}`)
      const store = open(t, server.urlOf(role), { table: role })
      const calls = {
        SELECT: () => store.get(['key']),
        UPDATE: () => store.compareAndSet('key', 'a', 'b', soon()),
        INSERT: () => store.compareAndSet('new', undefined, 'b', soon()),
      }
      const message = new RegExp(`needs SELECT, INSERT, UPDATE and DELETE on the table "${role}"`)
      await assert.rejects(calls[missing](), message)
    })
  }

  test('is refused if row-level security applies to the role, and never reads as nothing', async t => {
    const owner = open(t, server.url, { table: 'secured' })
    await owner.compareAndSet('key', undefined, 'a', soon())
    await server.query(`CREATE ROLE secured LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON secured TO secured;
      ALTER TABLE secured ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON secured USING (key = 'authx:own')`)
    await rejectBoth(open(t, server.urlOf('secured'), { table: 'secured' }), /"secured", without row-level security/)
    assert.deepEqual(await owner.get(['key']), ['a'])
  })

  test('is looked for in the search_path of the role, and in the schema of the option', async t => {
    await server.query(`CREATE ROLE pathed LOGIN SUPERUSER; CREATE SCHEMA mine; CREATE SCHEMA yours;
      ALTER ROLE pathed SET search_path = mine; CREATE ROLE lost LOGIN SUPERUSER;
      ALTER ROLE lost SET search_path = nowhere`)
    const store = open(t, server.urlOf('pathed'))
    const inSchema = open(t, server.urlOf('pathed'), { schema: 'yours' })
    await store.compareAndSet('key', undefined, 'mine', soon())
    await inSchema.compareAndSet('key', undefined, 'yours', soon())
    const rows = await server.query(
      "SELECT convert_from(value, 'UTF8') AS value FROM mine.koa_authx UNION SELECT convert_from(value, 'UTF8') FROM yours.koa_authx ORDER BY 1",
    )
    assert.deepEqual(rows, [{ value: 'mine' }, { value: 'yours' }])
    for (const lost of [open(t, server.urlOf('lost')), open(t, server.url, { schema: 'no such schema' })]) {
      await rejectBoth(lost, /the schema of the table .* does not exist; create it, or set the option schema/)
    }
  })

  test('keeps each value as bytes under prefix and key, until its end by the clock of the server', async t => {
    const store = open(t, server.url, { table: 'kept', prefix: 'app-1:' })
    const { now } = Date
    for (const [n, ahead] of [0, 3600, -3600].entries()) {
      t.mock.method(Date, 'now', () => now() + ahead * 1000)
      const [lifetime, longer] = [1000, 2000].map(seconds => new Date(Date.now() + seconds * 1000)) as [Date, Date]
      const kept = async () => {
        const [row] = await server.query(
          `SELECT convert_from(value, 'UTF8') AS value, extract(epoch FROM expires - now())::float8 AS seconds
            FROM kept WHERE key = 'app-1:key ${n}'`,
        )
        return { value: row?.value, seconds: Number(row?.seconds) }
      }
      await store.compareAndSet(`key ${n}`, undefined, 'the välue', lifetime)
      const written = await kept()
      assert.equal(written.value, 'the välue')
      assert.ok(written.seconds > 900 && written.seconds <= 1000, `${written.seconds} s are left`)
      await store.compareAndSet(`key ${n}`, 'the välue', 'the next välue', longer)
      const changed = await kept()
      assert.equal(changed.value, 'the next välue')
      assert.ok(changed.seconds > 1900 && changed.seconds <= 2000, `${changed.seconds} s are left`)
      assert.deepEqual(await store.get([`key ${n}`]), ['the next välue'])
    }
  })

  test('is not reached by keys that look like SQL, and other characters than the contract allows are refused', async t => {
    const store = open(t, server.url, { table: 'literal' })
    const keys = [
      "'); DROP TABLE literal; --",
      "\\'); DROP TABLE literal; --",
      '$1',
      "E'a'",
      '/*',
      '\\',
      "'",
      "''",
      "\\''",
    ]
    for (const key of keys) assert.equal(await store.compareAndSet(key, undefined, key, soon()), true)
    assert.deepEqual(await store.get(keys), keys)
    for (const key of ['é', 'a\0', 'a\n', '\u{bf27}']) {
      await assert.rejects(store.get([key]), /printable ASCII/)
      await assert.rejects(store.compareAndSet(key, undefined, 'a', soon()), /printable ASCII/)
    }
  })

  test('that holds a value of somebody else never reads as nothing, and neither hides other keys nor is overwritten', async t => {
    const store = open(t, server.url, { table: 'foreign' })
    await store.compareAndSet('other', undefined, 'ours', soon())
    await server.query("INSERT INTO \"foreign\" VALUES ('authx:key', '\\xff', now() + interval '1 day')")
    const [other, value] = await store.get(['other', 'key'])
    assert.equal(other, 'ours')
    assert.equal(typeof value, 'string')
    for (const expected of [undefined, value]) {
      assert.equal(await store.compareAndSet('key', expected, 'ours', soon()), false)
    }
    const rows = await server.query("SELECT encode(value, 'hex') AS value FROM \"foreign\" WHERE key = 'authx:key'")
    assert.deepEqual(rows, [{ value: 'ff' }])
  })

  test('loses what has expired within a minute, also if nobody reads it and a row is locked', async t => {
    const store = open(t, server.url, { table: 'purged' })
    const other = open(t, server.url, { table: 'purged' })
    await store.compareAndSet('kept', undefined, '0', soon())
    await other.get(['kept'])
    await server.query(`CREATE TABLE batches (size int);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO batches SELECT count(*) FROM gone; RETURN NULL; END';
      CREATE TRIGGER note AFTER DELETE ON purged REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note();
      INSERT INTO purged SELECT 'app:' || n, 'a', now() - interval '1 hour' FROM generate_series(1, 3000) AS n;
      INSERT INTO purged VALUES ('app:locked', 'a', now() - interval '2 hours')`)
    const locker = new pg.Client({ connectionString: server.url })
    await locker.connect()
    t.after(() => locker.end())
    await locker.query("BEGIN; SELECT FROM purged WHERE key = 'app:locked' FOR UPDATE")
    let writes = 0
    await untilMinute(async () => {
      assert.equal(await store.compareAndSet('kept', String(writes), String(++writes), soon()), true)
      const rows = await server.query('SELECT key FROM purged ORDER BY key')
      assert.deepEqual(rows, [{ key: 'app:locked' }, { key: 'authx:kept' }])
    })
    const sizes = (await server.query('SELECT size FROM batches WHERE size > 0')).map(({ size }) => Number(size))
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      3000,
    )
    assert.ok(Math.max(...sizes) <= 500, `batches of ${sizes}`)
    assert.deepEqual(await store.get(['kept']), [String(writes)])
  })

  test('loses what has expired also if calls wait for a connection all the time', async t => {
    const store = new PostgresTokenStore({ connectionString: server.url, max: 1 }, { table: 'busy', timeout })
    t.after(() => store.close())
    await store.get(['key'])
    await server.query(
      "INSERT INTO busy SELECT 'app:' || n, 'a', now() - interval '1 hour' FROM generate_series(1, 3000) AS n",
    )
    let isOver = false
    const keepAsking = async () => {
      while (!isOver) await store.get(['key'])
    }
    const callers = Promise.all(Array.from({ length: 20 }, keepAsking))
    try {
      await untilMinute(async () => {
        const [row] = await server.query('SELECT count(*)::int AS count FROM busy')
        assert.equal(row?.count, 0)
      })
    } finally {
      isOver = true
      await callers
    }
  })
})

describe('PostgresTokenStore and settings of the server', () => {
  test('a role whose transactions are read-only is told which setting it is, and reads', async t => {
    const owner = open(t, server.url)
    await owner.compareAndSet('read only', undefined, 'a', soon())
    await server.query(
      'CREATE ROLE only_reads LOGIN SUPERUSER; ALTER ROLE only_reads SET default_transaction_read_only = on',
    )
    const store = open(t, server.urlOf('only_reads'))
    assert.deepEqual(await store.get(['read only']), ['a'])
    await assert.rejects(store.compareAndSet('read only', 'a', 'b', soon()), /default_transaction_read_only is on/)
    const another = open(t, server.urlOf('only_reads'), { table: 'never' })
    await assert.rejects(another.get(['key']), /default_transaction_read_only is on/)
  })

  test('time-outs of the role neither end a call earlier nor stay changed', async t => {
    await server.query(`CREATE ROLE hurried LOGIN SUPERUSER; ALTER ROLE hurried SET statement_timeout = 1;
      ALTER ROLE hurried SET lock_timeout = 1; ALTER ROLE hurried SET idle_in_transaction_session_timeout = 1`)
    const store = open(t, server.urlOf('hurried'))
    for (let n = 0; n < 20; n++) {
      assert.equal(await store.compareAndSet(`hurried ${n}`, undefined, 'a'.repeat(60_000), soon()), true)
    }

    // Long enough for a session to be asked for them.
    const settings = { statement_timeout: '71s', lock_timeout: '72s', idle_in_transaction_session_timeout: '73s' }
    const changes = Object.entries(settings).map(([name, value]) => `ALTER ROLE unhurried SET ${name} = '${value}'`)
    await server.query(`CREATE ROLE unhurried LOGIN SUPERUSER; ${changes.join('; ')}`)
    const pool = new pg.Pool({ connectionString: server.urlOf('unhurried'), max: 1 })
    t.after(() => pool.end())
    const inSession = async () => {
      const names = ['transaction_isolation', 'row_security', ...Object.keys(settings)]
      const columns = names.map(name => `current_setting('${name}') AS ${name}`)
      const { rows } = await pool.query(`SELECT pg_backend_pid(), ${columns.join(', ')}`)
      return rows[0]
    }
    const before = await inSession()
    const own = new PostgresTokenStore(pool, { timeout })
    t.after(() => own.close())
    assert.equal(await own.compareAndSet('unhurried', undefined, 'a', soon()), true)
    assert.equal(await own.compareAndSet('unhurried', 'a', 'b', soon()), true)
    assert.deepEqual(await own.get(['unhurried']), ['b'])
    await own.check()
    assert.deepEqual(await inSession(), before)
    assert.deepEqual({ ...before, ...settings }, before)
  })

  test('a database in another encoding keeps every character', async t => {
    await server.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    await server.query("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    for (const name of ['latin', 'ascii']) {
      const store = open(t, server.url.replace(/postgres$/, name))
      assert.equal(await store.compareAndSet('key', undefined, 'ż\u0000\u{1F600}', soon()), true)
      assert.deepEqual(await store.get(['key']), ['ż\u0000\u{1F600}'])
    }
  })

  test('what is missing before there is a connection is told in words, and without what is secret', async t => {
    await server.query("CREATE ROLE secret_role LOGIN PASSWORD 'right'")
    const cases: readonly (readonly [url: string, message: RegExp])[] = [
      [server.url.replace(/postgres$/, 'secret_database'), /the database does not exist/],
      [server.urlOf('secret_nobody'), /pg_hba.conf|the user or the password is wrong/],
      [`${server.url}?ssl=true`, /the server does not support TLS/],
    ]
    for (const [url, message] of cases) {
      await assert.rejects(open(t, url).get(['key']), (error: Error) => {
        assert.match(error.message, message)
        assert.doesNotMatch(error.message, /secret|127\.0\.0\.1/)
        return true
      })
    }
  })
})

describe('PostgresTokenStore and the way to the server', () => {
  const { cert, key } = certificate()
  const hba = [
    'hostssl all tls_only all scram-sha-256',
    'host all tls_only all reject',
    'host all app all scram-sha-256',
  ]
  const guarded = startPostgres({ hba, tls: { cert, key } })
  after(async () => (await guarded).stop())

  test('logs in with a password, also one of a function, and tells why it may not', async t => {
    const there = await guarded
    await there.query("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'a secret: /@?'")
    const url = (password: string) => there.urlOf('app', encodeURIComponent(password))
    assert.deepEqual(await open(t, url('a secret: /@?')).get(['key']), [undefined])
    const { port } = there
    const parts = { host: '127.0.0.1', port, user: 'app', database: 'postgres' }
    for (const [password, message] of [
      ['a secret: /@?', undefined],
      [async () => 'a secret: /@?', undefined],
      ['another secret', /the user or the password is wrong/],
      [() => 'another secret', /the user or the password is wrong/],
      [undefined, /requires a password, and none is given/],
      [() => Promise.reject(new Error('the vault says secret')), /cannot be reached/],
    ] as const) {
      const store = new PostgresTokenStore({ ...parts, password }, { timeout })
      t.after(() => store.close())
      if (!message) assert.deepEqual(await store.get(['key']), [undefined])
      else {
        await assert.rejects(store.get(['key']), (error: Error) => {
          assert.match(error.message, message)
          assert.doesNotMatch(error.message, /secret/)
          return true
        })
      }
    }
  })

  test('uses TLS, checks the certificate, and tells if the server requires it', async t => {
    const there = await guarded
    await there.query("CREATE ROLE tls_only LOGIN SUPERUSER PASSWORD 'a'")
    const parts = { host: 'localhost', port: there.port, user: 'tls_only', password: 'a', database: 'postgres' }
    const openWith = (ssl: boolean | object) => {
      const store = new PostgresTokenStore({ ...parts, ssl }, { timeout })
      t.after(() => store.close())
      return store
    }
    assert.deepEqual(await openWith({ ca: cert }).get(['key']), [undefined])
    const [row] = await there.query(
      "SELECT count(*)::int AS n FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND usename = 'tls_only'",
    )
    assert.equal(row?.n, 1)
    await assert.rejects(openWith(true).get(['key']), /cannot be reached: DEPTH_ZERO_SELF_SIGNED_CERT/)
    await assert.rejects(openWith(false).get(['key']), /pg_hba.conf does not allow this role.*or requires TLS/)
  })
})

/** A certificate for localhost that signs itself. */
function certificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'koa-authx-'))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  const { status, stderr } = spawnSync('openssl', [...args, ...subject, '-keyout', key, '-out', cert], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const texts = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  rmSync(folder, { recursive: true })
  return texts
}

function open(t: TestContext, url: string, options: PostgresTokenStoreOptions = {}): PostgresTokenStore {
  const store = new PostgresTokenStore({ connectionString: url, max: 4 }, { timeout, ...options })
  t.after(() => store.close())
  return store
}

async function rejectBoth(store: PostgresTokenStore, message: RegExp): Promise<void> {
  await assert.rejects(store.get(['key']), message)
  await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), message)
}

function untilMinute(check: () => Promise<void>): Promise<void> {
  return until(check, 60_000)
}
