import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, describe, mock, type TestContext, test } from 'node:test'
import pg from 'pg'
import type { StoreFinding } from '../../src/index.js'
import { type PostgresPool, PostgresTokenStore, type PostgresTokenStoreOptions } from '../../stores/postgres.js'
import { findingsOf, type PostgresSight } from '../../stores/postgres-findings.js'
import { freePort } from '../support/free-port.js'
import { startPostgres } from '../support/postgres.js'
import { findPostgres } from '../support/postgres-binary.js'
import { until } from '../support/until.js'

const server = await startPostgres({ settings: { fsync: 'on' } })
after(() => server.stop())
const timeout = 60_000
const soon = () => new Date(Date.now() + 60_000)

function opened(t: TestContext, connect: string | PostgresPool, options: PostgresTokenStoreOptions = {}) {
  const store = new PostgresTokenStore(connect, { timeout, ...options })
  t.after(() => store.close())
  return store
}

/** A role with a password, which may use a table of its own, made by the store; and its url. */
async function roleWith(name: string, setting = ''): Promise<string> {
  await server.query(`CREATE ROLE "${name}" LOGIN PASSWORD 'secret-word'; GRANT CREATE ON SCHEMA public TO "${name}"`)
  if (setting !== '') await server.query(`ALTER ROLE "${name}" SET ${setting}`)
  return server.urlOf(name, 'secret-word')
}

const codesOf = (findings: readonly StoreFinding[]) => findings.map(({ code }) => code)

/** The only finding that is there. */
function onlyIn(findings: readonly StoreFinding[], code: string): string {
  assert.deepEqual(codesOf(findings), [code])
  const message = String(findings[0]?.message)
  assert.doesNotMatch(message, /secret-word/)
  return message
}

/** Runs what a message tells to run. */
async function follow(message: string): Promise<void> {
  const [, statements = ''] = /Run(?: as a superuser)?: (.*)$/.exec(message) ?? []
  for (const each of statements.split('; ')) await server.query(each)
}

describe('check of a PostgreSQL', () => {
  test('finds nothing with its default settings, whether the table exists or not, and does not create it', async t => {
    const store = opened(t, server.url, { table: 'not yet' })
    assert.deepEqual(await store.check(), [])
    assert.deepEqual(await server.query("SELECT FROM pg_tables WHERE tablename = 'not yet'"), [])
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    assert.deepEqual(await store.check(), [])
    assert.deepEqual(await store.get(['key']), ['a'])
  })

  test('finds nothing with the permissions of the page about stores, and names that need quoting', async t => {
    await server.query(`CREATE SCHEMA "it's"; CREATE ROLE few LOGIN; CREATE TABLE "it's"."a""b\\é" (
      key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, expires timestamptz NOT NULL);
      GRANT USAGE ON SCHEMA "it's" TO few; GRANT SELECT, INSERT, UPDATE, DELETE ON "it's"."a""b\\é" TO few`)
    const store = opened(t, server.urlOf('few'), { schema: "it's", table: 'a"b\\é' })
    assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
    assert.deepEqual(await store.check(), [])
  })

  const OF_ROLES: readonly (readonly [setting: string, code: string, said: RegExp])[] = [
    ['synchronous_commit = off', 'postgres-synchronous-commit', /loses the last writes/],
    ['default_transaction_read_only = on', 'postgres-read-only', /answered with 503/],
    ["log_statement = 'all'", 'postgres-log', /log_statement is all, so .*subjects and IP addresses/],
    ['log_min_duration_statement = 0', 'postgres-log', /log_min_duration_statement is 0/],
  ]
  for (const [setting, code, said] of OF_ROLES) {
    test(`finds ${setting} of the role, and what it tells to run ends it`, async t => {
      const role = `Role ${setting}`
      const store = opened(t, await roleWith(role, setting), { table: role })
      const message = onlyIn(await store.check(), code)
      assert.match(message, said)
      await follow(message)
      assert.deepEqual(await opened(t, server.urlOf(role), { table: role }).check(), [])
    })
  }

  test('takes log_statement = mod for harmless, because the statements of the store are not logged then', async t => {
    const url = await roleWith('modest', 'log_statement = mod')
    const store = opened(t, url, { table: 'modest' })
    assert.deepEqual(await store.check(), [])
    // A statement that fails is logged anyway: the first one, before the table exists.
    await store.compareAndSet('first', undefined, 'a', soon())
    const written = async (value: string) => {
      await store.compareAndSet(value, undefined, value, soon())
      return server.log().includes(Buffer.from(value).toString('hex'))
    }
    assert.equal(await written('a modest value'), false)
    await server.query("ALTER ROLE modest SET log_statement = 'all'")
    const other = opened(t, url, { table: 'modest' })
    await other.compareAndSet('key', undefined, 'another value', soon())
    await until(() => server.log().includes(Buffer.from('another value').toString('hex')))
  })

  test('finds an UNLOGGED table', async t => {
    const store = opened(t, server.url, { table: 'unlogged' })
    await store.compareAndSet('key', undefined, 'a', soon())
    await server.query('ALTER TABLE unlogged SET UNLOGGED')
    await follow(onlyIn(await store.check(), 'postgres-unlogged'))
    assert.deepEqual(await store.check(), [])
  })

  test('finds fsync and full_page_writes off', async t => {
    const careless = await startPostgres({ settings: { fsync: 'off', full_page_writes: 'off' } })
    t.after(() => careless.stop())
    const codes = codesOf(await opened(t, careless.url).check())
    assert.deepEqual(codes, ['postgres-fsync', 'postgres-full-page-writes'])
  })

  test('finds a standby, and that none is synchronous', async t => {
    const standby = await server.standby()
    t.after(() => standby.stop())
    await until(async () => (await server.query('SELECT FROM pg_stat_replication')).length === 1, 60_000)
    assert.match(onlyIn(await opened(t, standby.url).check(), 'postgres-standby'), /Connect to the primary/)
    const message = onlyIn(await opened(t, server.url).check(), 'postgres-replication')
    assert.match(message, /synchronous_standby_names = 'ANY 1 \(a, b\)'/)
    await server.query("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (walreceiver)'")
    await server.query('SELECT pg_reload_conf()')
    const store = opened(t, server.url)
    await until(async () => (await store.check()).length === 0)
    const url = await roleWith('local', 'synchronous_commit = local')
    const waitsForNone = onlyIn(await opened(t, url, { table: 'local' }).check(), 'postgres-replication')
    assert.match(waitsForNone, /synchronous_commit is local/)
    await follow(waitsForNone)
    assert.deepEqual(await opened(t, url, { table: 'local' }).check(), [])
    await server.query('ALTER SYSTEM RESET synchronous_standby_names')
    await server.query('SELECT pg_reload_conf()')
  })

  test('finds a commit that does not wait for the synchronous standby, and writes that wait for a missing one', async t => {
    const table = 'replicated'
    await opened(t, server.url, { table }).compareAndSet('key', undefined, 'a', soon())
    const url = await roleWith('alone', 'synchronous_commit = local')
    await server.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO alone`)
    const standby = await server.standby()
    t.after(() => standby.stop())
    await until(async () => (await server.query('SELECT FROM pg_stat_replication')).length === 1, 60_000)
    const names = async (change: string) => {
      await server.query(`ALTER SYSTEM ${change}`)
      await server.query('SELECT pg_reload_conf()')
    }
    t.after(() => names('RESET synchronous_standby_names'))
    await names("SET synchronous_standby_names = 'ANY 1 (walreceiver)'")
    const local = opened(t, url, { table })
    let message = ''
    await until(async () => {
      message = onlyIn(await local.check(), 'postgres-replication')
      assert.match(message, /synchronous_commit is local/)
    }, 60_000)
    await follow(message)
    assert.deepEqual(await opened(t, server.urlOf('alone'), { table }).check(), [])
    await names("SET synchronous_standby_names = 'ANY 1 (nobody)'")
    const waiting = new PostgresTokenStore(server.urlOf('alone'), { table, timeout: 250 })
    await until(async () => {
      assert.match(onlyIn(await waiting.check(), 'postgres-writes'), /gave no answer within 5000 ms/)
    }, 60_000)
    await names('RESET synchronous_standby_names')
    await waiting.close()
  })

  test('takes a subscriber of logical replication for no standby', async t => {
    const publisher = await startPostgres({ settings: { fsync: 'on', wal_level: 'logical' } })
    t.after(() => publisher.stop())
    await publisher.query("SELECT pg_create_logical_replication_slot('changes', 'test_decoding')")
    const recvlogical = findPostgres()?.program('pg_recvlogical') ?? 'pg_recvlogical'
    const place = ['-h', '127.0.0.1', '-p', String(publisher.port), '-U', 'postgres', '-d', 'postgres']
    const subscriber = spawn(recvlogical, [...place, '--slot', 'changes', '--start', '-f', '-'], { stdio: 'ignore' })
    t.after(() => subscriber.kill())
    await until(async () => (await publisher.query('SELECT FROM pg_stat_replication')).length === 1, 60_000)
    assert.deepEqual(await opened(t, publisher.url).check(), [])
  })

  for (const [words, ahead] of [
    ['behind', 60_000],
    ['ahead of', -60_000],
  ] as const) {
    test(`finds that its clock is ${words} that of this process`, async t => {
      const store = opened(t, server.url)
      await store.get(['key'])
      const { now } = Date
      mock.method(Date, 'now', () => now() + ahead)
      t.after(() => mock.restoreAll())
      const message = onlyIn(await store.check(), 'postgres-clock')
      assert.match(message, new RegExp(`\\d\\d seconds ${words} the clock of this process`))
    })
  }

  test('looks through a pool of the application, and gives the connection back', async t => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 })
    t.after(() => pool.end())
    const store = opened(t, pool)
    assert.deepEqual(await store.check(), [])
    assert.deepEqual([pool.totalCount, pool.idleCount], [1, 1])
  })

  test('rejects as calls do if nothing answers or the login is wrong, and after close', async t => {
    const away = opened(t, `postgres://postgres:secret-word@127.0.0.1:${await freePort()}/postgres`)
    await assert.rejects(away.check(), /^Error: PostgreSQL cannot be reached: ECONNREFUSED$/)
    await assert.rejects(opened(t, server.urlOf('nobody')).check(), /SQLSTATE 28000/)
    const closed = opened(t, server.url)
    await closed.close()
    await assert.rejects(closed.check(), /closed/)
  })

  test('ends if the server is frozen', async t => {
    const frozen = await startPostgres()
    t.after(() => frozen.stop())
    const store = opened(t, frozen.url, { timeout: 100 })
    await until(() => store.get(['key']))
    frozen.pause()
    await assert.rejects(store.check(), /no answer within 5000 ms/)
    frozen.resume()
  })
})

describe('check of the permissions and the table of a PostgreSQL', () => {
  for (const missing of ['SELECT', 'INSERT', 'UPDATE', 'DELETE']) {
    test(`names ${missing} if it is missing, and what it tells to run is enough`, async t => {
      const table = `no ${missing}`
      await opened(t, server.url, { table }).compareAndSet('key', undefined, 'a', soon())
      await server.query(`CREATE ROLE "${table}" LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON "${table}" TO "${table}";
        REVOKE ${missing} ON "${table}" FROM "${table}"`)
      const store = opened(t, server.urlOf(table), { table })
      const message = onlyIn(await store.check(), 'postgres-permission')
      assert.ok(message.includes(`Run: GRANT ${missing} ON "${table}" TO "${table}"`), message)
      await follow(message)
      assert.deepEqual(await store.check(), [])
    })
  }

  test('names USAGE on the schema', async t => {
    await server.query('CREATE SCHEMA shut; CREATE ROLE outside LOGIN')
    await opened(t, server.url, { schema: 'shut' }).compareAndSet('key', undefined, 'a', soon())
    const store = opened(t, server.urlOf('outside'), { schema: 'shut' })
    await follow(onlyIn(await store.check(), 'postgres-permission'))
    await store.get(['key'])
    assert.deepEqual(await store.check(), [])
  })

  test('finds row-level security that applies to the role, and not that of its own table', async t => {
    const owner = opened(t, await roleWith('owner'), { table: 'secured' })
    await owner.compareAndSet('key', undefined, 'a', soon())
    await server.query(`CREATE ROLE watched LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON secured TO watched;
      ALTER TABLE secured ENABLE ROW LEVEL SECURITY`)
    assert.deepEqual(await owner.check(), [])
    assert.deepEqual(await owner.get(['key']), ['a'])
    const store = opened(t, server.urlOf('watched'), { table: 'secured' })
    const message = onlyIn(await store.check(), 'postgres-permission')
    await server.query(String(message.split('run: ')[1]))
    assert.deepEqual(await store.check(), [])
    assert.deepEqual(await store.get(['key']), ['a'])
  })

  test('finds a table that is missing and that the store will not create', async t => {
    await server.query('CREATE ROLE poor LOGIN')
    const poor = onlyIn(await opened(t, server.urlOf('poor'), { table: 'absent' }).check(), 'postgres-no-table')
    assert.match(poor, /the role poor may not create it.*GRANT CREATE ON SCHEMA public TO poor/)
    const told = opened(t, server.url, { table: 'absent', createTable: false })
    assert.match(onlyIn(await told.check(), 'postgres-no-table'), /createTable is false/)
    const lost = opened(t, server.url, { schema: 'nowhere' })
    assert.match(onlyIn(await lost.check(), 'postgres-no-table'), /its schema does not exist either/)
  })

  test('finds a table that is not one of the store', async t => {
    await server.query(
      'CREATE TABLE theirs (id int); CREATE TABLE typed (key int PRIMARY KEY, value text, expires int)',
    )
    await server.query('CREATE TABLE keyless (key text, value bytea NOT NULL, expires timestamptz NOT NULL)')
    for (const table of ['theirs', 'typed']) {
      assert.match(onlyIn(await opened(t, server.url, { table }).check(), 'postgres-other-table'), /is not one of this/)
    }
    const keyless = opened(t, server.url, { table: 'keyless' })
    assert.match(onlyIn(await keyless.check(), 'postgres-other-table'), /has no PRIMARY KEY/)
  })

  const COLUMNS = 'key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, expires timestamptz NOT NULL'
  const UNFIT: Readonly<Record<string, readonly [ddl: string, code: string, said: RegExp]>> = {
    column: [`CREATE TABLE "column" (${COLUMNS}, tenant text NOT NULL)`, 'postgres-writes', /another column .* needs/],
    deferrable: [
      `CREATE TABLE "deferrable" (${COLUMNS.replace('PRIMARY KEY', 'PRIMARY KEY DEFERRABLE')})`,
      'postgres-writes',
      /must not be DEFERRABLE/,
    ],
    partitions: [
      `CREATE TABLE "partitions" (${COLUMNS}) PARTITION BY HASH (key)`,
      'postgres-writes',
      /no partition takes it/,
    ],
    trigger: [
      `CREATE TABLE "trigger" (${COLUMNS}); CREATE FUNCTION ignore() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER ignore BEFORE DELETE ON "trigger" FOR EACH ROW EXECUTE FUNCTION ignore()`,
      'postgres-writes',
      /A trigger or a rule/,
    ],
    view: [
      `CREATE TABLE base (${COLUMNS}); CREATE VIEW view AS SELECT * FROM base`,
      'postgres-other-table',
      /is a view/,
    ],
    unlogged_part: [
      `CREATE TABLE unlogged_part (${COLUMNS}) PARTITION BY HASH (key);
        CREATE UNLOGGED TABLE "Only part" PARTITION OF unlogged_part FOR VALUES WITH (MODULUS 1, REMAINDER 0)`,
      'postgres-unlogged',
      /UNLOGGED: "Only part"\. .*ALTER TABLE "Only part" SET LOGGED$/,
    ],
  }
  for (const [table, [ddl, code, said]] of Object.entries(UNFIT)) {
    test(`finds a table that does not do what the store needs, and leaves nothing in it: ${table}`, async t => {
      await server.query(ddl)
      assert.match(onlyIn(await opened(t, server.url, { table }).check(), code), said)
      assert.deepEqual(await server.query(`SELECT FROM "${table}"`), [])
    })
  }

  test('leaves no record behind', async t => {
    const store = opened(t, server.url, { table: 'untouched' })
    await store.compareAndSet('key', undefined, 'a', soon())
    assert.deepEqual(await store.check(), [])
    assert.deepEqual(await server.query('SELECT key FROM untouched'), [{ key: 'authx:key' }])
  })
})

test('check finds a server that is older than 13', () => {
  const seen = {
    isStandby: false,
    settings: {
      synchronous_commit: 'on',
      synchronous_standby_names: '',
      fsync: 'on',
      full_page_writes: 'on',
      default_transaction_read_only: 'off',
      log_statement: 'none',
      log_min_duration_statement: '-1',
    },
    receivers: 0,
    role: 'app',
    schema: 'public',
    mayUse: true,
    mayCreate: true,
    table: null,
  }
  const clock = { now: 0, sent: 0, received: 0 }
  const found = (version: number) => {
    const sight: PostgresSight = { ...seen, version }
    return codesOf(findingsOf({ seen: sight, clock, table: '"koa_authx"', createsTable: true }))
  }
  assert.deepEqual([found(120_022), found(130_000)], [['postgres-version'], []])
})
