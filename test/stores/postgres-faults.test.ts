import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { setImmediate as endOfTurn, setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type StoreOutage, testTokenStore } from '../../src/testing/index.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { within } from '../support/counted.js'
import { type PostgresServer, startPostgres } from '../support/postgres.js'
import { failsWithin, healsWithin } from '../support/store-faults.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'

const timeout = 250
const soon = () => new Date(Date.now() + 60_000)

/** One server for the tests that do not hurt it. */
const shared = await startPostgres()
after(() => shared.stop())

describe('PostgresTokenStore and a server that is away', () => {
  test('calls fail at once while nothing listens, and say why', async t => {
    const store = open(t, 'postgres://somebody:secret-password@127.0.0.1:1/secret')
    await fails(store, timeout, /cannot be reached: ECONNREFUSED/)
  })

  test('a server that is killed and restarted is found again, with what it had', async t => {
    const server = await own(t)
    const store = open(t, server.url)
    await until(() => store.compareAndSet('key', undefined, 'a', soon()))
    await server.kill()
    await fails(store, timeout + 100)
    await server.restart()
    await heals(store)
    assert.deepEqual(await store.get(['key']), ['a'])
  })

  test('a pool of the caller survives a server that is killed, also without a listener for errors', async t => {
    const server = await own(t)
    const pool = new pg.Pool({ connectionString: server.url })
    t.after(() => pool.end())
    const store = open(t, pool)
    await heals(store)
    await server.kill()
    await fails(store, timeout + 100)
    await server.restart()
    await heals(store)
  })

  test('a frozen server makes calls end at their timeout, and what was given up is not written when it goes on', async t => {
    const server = await own(t)
    const store = open(t, server.url)
    await until(() => store.compareAndSet('key', undefined, 'a', soon()))
    for (let round = 0; round < 10; round++) {
      await heals(store)
      server.pause()
      const calls = [
        store.compareAndSet('key', 'a', 'given up', soon()),
        store.compareAndSet(`new ${round}`, undefined, 'given up', soon()),
        store.get(['key']),
      ]
      for (const call of calls) await assert.rejects(call, /no answer within|no connection/)
      server.resume()
    }
    await heals(store)
    const keys = Array.from({ length: 10 }, (_, round) => `new ${round}`)
    assert.deepEqual(await store.get(['key', ...keys]), ['a', ...keys.map(() => undefined)])
  })

  test('a store is closed within seconds while the server is frozen', async t => {
    const server = await own(t)
    const store = open(t, server.url)
    await heals(store)
    server.pause()
    t.after(() => server.resume())
    const call = assert.rejects(store.get(['key']), /no answer/)
    await within(3000, () => store.close())
    await call
  })

  test('connections that carry nothing any more are replaced', async t => {
    const proxy = await tcpProxy(shared.port)
    t.after(() => proxy.close())
    const store = open(t, urlAt(proxy.port))
    await Promise.all([heals(store), store.get(['a']), store.get(['b'])])
    proxy.blackhole()
    const calls: Promise<unknown>[] = []
    const traffic = setInterval(() => calls.push(store.get(['key']).catch(() => {})), 20)
    t.after(() => clearInterval(traffic))
    await assert.rejects(store.get(['key']), /no answer/)
    await heals(store, 4000)
    clearInterval(traffic)
    await Promise.all(calls)
  })

  test('an idle connection that an administrator ends does no harm', async t => {
    const store = open(t, shared.url)
    await heals(store)
    await shared.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'koa-authx'")
    await heals(store)
  })
})

describe('PostgresTokenStore keeps its contract', async () => {
  const server = await startPostgres({ settings: { max_connections: '200' } })
  const proxy = await tcpProxy(server.port)
  after(async () => {
    proxy.close()
    await server.stop()
  })
  const outages: Record<string, StoreOutage> = {
    'PostgreSQL is frozen': { start: server.pause, end: server.resume },
    'PostgreSQL is killed': { start: server.kill, end: server.restart },
    'nothing comes through the network': { start: proxy.isolate, end: proxy.heal },
  }
  for (const [what, outage] of Object.entries(outages)) {
    describe(`when ${what}`, () => {
      testTokenStore({
        test: (name, run) => /the backend fails/.test(name) && test(name, run),
        createStore: options => new PostgresTokenStore(urlAt(proxy.port), { ...options, timeout: 1000 }),
        outage,
      })
    })
  }
})

describe('PostgresTokenStore and a standby', () => {
  test('refuses to read and to write there, says why, and works as soon as it is the primary', async t => {
    const primary = await own(t)
    const writer = open(t, primary.url)
    await until(() => writer.compareAndSet('key', undefined, 'a', soon()))
    const standby = await primary.standby()
    t.after(() => standby.stop())
    const store = open(t, standby.url)
    await until(() => assert.rejects(store.get(['key']), /is a standby/))
    await fails(store, timeout + 100, /this server is a standby, which may be behind; connect to the primary/)
    await assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /is a standby/)
    await assert.rejects(store.get([]), /is a standby/)
    await primary.kill()
    await standby.query('SELECT pg_promote()')
    await heals(store)
    assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
  })

  test('that has no table says that it is a standby, not that it lacks something', async t => {
    const primary = await own(t)
    const standby = await primary.standby()
    t.after(() => standby.stop())
    const store = open(t, standby.url)
    await until(() => assert.rejects(store.get(['key']), /is a standby/))
    await assert.rejects(store.compareAndSet('key', undefined, 'b', soon()), /is a standby/)
  })
})

describe('PostgresTokenStore and a server that waits for a synchronous standby', () => {
  for (const [max, most] of [
    [10, 4],
    [2, 1],
  ] as const) {
    test(`with a pool of ${max}, writes end in time, at most ${most} connections are stuck, and reads go on`, async t => {
      const server = await own(t)
      const store = open(t, { connectionString: server.url, max })
      await until(() => store.compareAndSet('key', undefined, 'a', soon()))
      await server.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
      await server.query('SELECT pg_reload_conf()')
      const reasons: string[] = []
      await until(async () => {
        const write = store.compareAndSet(`key ${reasons.length}`, undefined, 'a', soon())
        reasons.push(await write.then(String, (error: Error) => error.message))
        assert.match(String(reasons.at(-1)), /writes have no answer.*synchronous_standby_names/)
      })
      assert.ok(reasons.some(reason => /no answer within 250 ms/.test(reason)))
      assert.deepEqual(await store.get(['key']), ['a'])
      const stuck = await server.query("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
      assert.ok(stuck.length <= most, `${stuck.length} sessions wait`)
      await server.query('ALTER SYSTEM RESET synchronous_standby_names')
      await server.query('SELECT pg_reload_conf()')
      await heals(store)
    })
  }
})

describe('PostgresTokenStore and many writes that wait for a synchronous standby', () => {
  for (const [max, forWrites] of [
    [10, 7],
    [2, 1],
  ] as const) {
    test(`with a pool of ${max}, writes of two stores that begin together leave connections to reads`, async t => {
      const server = await own(t)
      const pool = new pg.Pool({ connectionString: server.url, max })
      t.after(() => pool.end())
      const stores = ['one:', 'two:'].map(prefix => {
        const store = new PostgresTokenStore(pool, { prefix, timeout: 1000 })
        t.after(() => store.close())
        return store
      })
      for (const store of stores) await until(() => store.compareAndSet('key', undefined, 'a', soon()))
      await waitForNobody(server)
      const write = (store: PostgresTokenStore, n: number) => store.compareAndSet(`key ${n}`, undefined, 'a', soon())
      const writes = Promise.allSettled(
        stores.flatMap(store => Array.from({ length: 2 * max }, (_, n) => write(store, n))),
      )
      let isOver = false
      writes.then(() => {
        isOver = true
      })
      let stuck = 0
      while (!isOver) {
        for (const store of stores) assert.deepEqual(await store.get(['key']), ['a'])
        stuck = Math.max(stuck, await countStuck(server))
      }
      assert.equal(stuck, forWrites)
      const reasons = (await writes).map(each => (each.status === 'rejected' ? each.reason.message : 'written'))
      const inSlots = reasons.filter(reason => /gave no answer within 1000 ms/.test(reason))
      const waited = reasons.filter(reason =>
        /earlier writes were not done within 1000 ms.*synchronous_standby_names/.test(reason),
      )
      assert.deepEqual([inSlots.length, waited.length], [forWrites, 4 * max - forWrites], reasons.join('\n'))
      await waitForNone(server)
      for (const store of stores) await heals(store)
    })
  }

  test('a purge that waits for it counts as a write, and leaves a connection to reads', async t => {
    const server = await own(t)
    const store = open(t, { connectionString: server.url, max: 2 }, 1000)
    await until(() => store.compareAndSet('key', undefined, 'a', soon()))
    await server.query("INSERT INTO koa_authx VALUES ('app:old', 'a', now() - interval '1 hour')")
    await waitForNobody(server)
    await until(async () => assert.equal(await countStuck(server), 1), 30_000)
    const write = assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /synchronous_standby_names/)
    let isOver = false
    const end = () => {
      isOver = true
    }
    write.then(end, end)
    while (!isOver) assert.deepEqual(await store.get(['key']), ['a'])
    await write
    await waitForNone(server)
    await heals(store)
  })
})

describe('PostgresTokenStore and locks', () => {
  test('a lock on the table makes calls end in time and name it, and nothing is left waiting on the server', async t => {
    const { store, table, locker } = await withLocker(t)
    await store.compareAndSet('key', undefined, 'a', soon())
    await locker.query(`BEGIN; LOCK TABLE ${table}`)
    const calls = Array.from({ length: 50 }, (_, n) => [
      store.get(['key']),
      store.compareAndSet('key', 'a', `given up ${n}`, soon()),
      store.compareAndSet(`key ${n}`, undefined, 'given up', soon()),
    ]).flat()
    const reasons = await Promise.all(calls.map(call => call.then(String, (error: Error) => error.message)))
    assert.ok(reasons.some(reason => /another transaction keeps the table .* locked/.test(reason)))
    for (const reason of reasons)
      assert.match(reason, /locked|no connection of the pool|gave no answer within|not done within .* a lock/)
    await until(async () => {
      const waiting = await shared.query(`SELECT FROM pg_locks WHERE NOT granted AND relation = '${table}'::regclass`)
      assert.equal(waiting.length, 0)
    })
    await locker.query('ROLLBACK')
    await heals(store)
    assert.deepEqual(await store.get(['key', 'key 1']), ['a', undefined])
  })

  for (const end of ['ROLLBACK', 'COMMIT'] as const) {
    test(`a row that a transaction keeps is not written after its ${end}`, async t => {
      const { store, table, locker } = await withLocker(t)
      await store.compareAndSet('key', undefined, 'a', soon())
      await locker.query(`BEGIN; SELECT * FROM ${table} FOR UPDATE`)
      await assert.rejects(store.compareAndSet('key', 'a', 'given up', soon()), /locked|no answer/)
      assert.deepEqual(await store.get(['key']), ['a'])
      await locker.query(end)
      await heals(store)
      assert.deepEqual(await store.get(['key']), ['a'])
      assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
    })

    test(`a new key that a transaction has written is not written after its ${end}`, async t => {
      const { store, table, locker } = await withLocker(t)
      await heals(store)
      await locker.query(`BEGIN; INSERT INTO ${table} VALUES ('authx:key', 'theirs', now() + interval '1 minute')`)
      await assert.rejects(store.compareAndSet('key', undefined, 'given up', soon()), /locked|no answer/)
      await locker.query(end)
      await heals(store)
      assert.deepEqual(await store.get(['key']), [end === 'COMMIT' ? 'theirs' : undefined])
    })

    test(`a write that waits for a transaction decides after its ${end}`, async t => {
      const { store, table, locker } = await withLocker(t, 10_000)
      await store.compareAndSet('key', undefined, 'a', soon())
      await locker.query(`BEGIN; UPDATE ${table} SET value = 'theirs' WHERE key = 'authx:key'`)
      const write = store.compareAndSet('key', 'a', 'b', soon())
      await waiters(table)
      await locker.query(end)
      assert.equal(await write, end === 'ROLLBACK')
    })
  }

  test('a write that arrives late, and then gets its lock too late, is undone', async t => {
    const server = await own(t)
    const store = open(t, server.url, 1000)
    const locker = await clientOf(t, server.url)
    // A machine that is busy may be so late that the write is not even tried.
    await until(async () => {
      await until(() => store.compareAndSet('key', undefined, 'a', soon()).then(() => true))
      await locker.query('BEGIN; SELECT * FROM koa_authx FOR UPDATE')
      server.pause()
      const write = assert.rejects(store.compareAndSet('key', 'a', 'given up', soon()))
      await sleep(500)
      server.resume()
      await write
      await locker.query('ROLLBACK')
      await heals(store)
      assert.deepEqual(await store.get(['key']), ['a'])
      assert.match(server.log(), /koa-authx: the write came too late and is undone/)
    }, 60_000)
  })
})

describe('PostgresTokenStore and connections', () => {
  test('a pool that the application has exhausted fails in time, says so, and works when it has room', async t => {
    const pool = poolOf(t, { max: 2 })
    const store = open(t, pool)
    await heals(store)
    const taken = [await pool.connect(), await pool.connect()]
    await fails(store, timeout + 100, /no connection of the pool was free within 250 ms \(in use or being opened: 2,/)
    for (const client of taken) client.release()
    await heals(store)
    await until(() => assert.equal(pool.waitingCount, 0))
    assert.equal(pool.idleCount, pool.totalCount)
  })

  test('ten thousand calls wait for a connection, one more is refused at once, and all that wait are answered', async t => {
    const pool = poolOf(t, { max: 1 })
    const store = open(t, pool, 60_000)
    await heals(store)
    const client = await pool.connect()
    const numbers = Array.from({ length: 5000 }, (_, n) => n)
    const reads = numbers.map(() => store.get(['heals']))
    const writes = numbers.map(n => store.compareAndSet(`waits ${n}`, undefined, 'a', soon()))
    const more = [store.get(['heals']), store.compareAndSet('one more', undefined, 'a', soon())]
    const refused = more.map(call => assert.rejects(call, /too many calls wait/))
    client.release()
    await Promise.all(refused)
    for (const values of await Promise.all(reads)) assert.deepEqual(values, ['well'])
    assert.deepEqual(new Set(await Promise.all(writes)), new Set([true]))
    assert.deepEqual(await store.get(['one more', 'waits 0', 'waits 4999']), [undefined, 'a', 'a'])
  })

  test('reads that were given up count as long as they wait in the pool', async t => {
    const pool = poolOf(t, { max: 1 })
    const store = open(t, pool)
    await heals(store)
    const client = await pool.connect()
    const calls: Promise<void>[] = []
    // Reads of one turn of the event loop share a connection.
    for (; calls.length < 10_000; await endOfTurn())
      calls.push(assert.rejects(store.get(['key']), /no connection of the pool was free/))
    await Promise.all(calls)
    const more = [store.get(['heals']), store.compareAndSet('one more', undefined, 'a', soon())]
    const refused = more.map(call => assert.rejects(call, /too many calls wait/))
    client.release()
    await Promise.all(refused)
    await heals(store)
  })

  test('writes that were given up leave the queue, and are not written when the pool has room', async t => {
    const pool = poolOf(t, { max: 1 })
    const store = open(t, pool)
    await heals(store)
    const client = await pool.connect()
    const write = (_: unknown, n: number) => store.compareAndSet(`gives up ${n}`, undefined, 'a', soon())
    const writes = Array.from({ length: 10_000 }, write)
    const givenUp = await Promise.allSettled(writes)
    const [more] = await Promise.allSettled([store.get(['key'])])
    client.release()
    const reasons = [...givenUp, more].map(each => String(each.status === 'rejected' && each.reason))
    const inPool = reasons.filter(reason => /no connection of the pool was free/.test(reason))
    const behind = reasons.filter(reason => /earlier writes were not done.*application keep connections/.test(reason))
    assert.equal(inPool.length + behind.length, 10_001)
    assert.ok(inPool.length > 0 && behind.length > 0)
    await heals(store)
    assert.deepEqual(await store.get(['gives up 0', 'gives up 9999']), [undefined, undefined])
  })

  test('a write that cannot be made, because its date has passed, gives its connection back', async t => {
    const pool = poolOf(t, { max: 1 })
    const store = open(t, pool, 60_000)
    await heals(store)
    const taken = await pool.connect()
    const date = new Date(Date.now() + 1000)
    const late = assert.rejects(store.compareAndSet('key', undefined, 'a', date), RangeError)
    await until(() => Date.now() > date.getTime())
    taken.release()
    await late
    assert.deepEqual([pool.totalCount, pool.idleCount], [1, 1])
    await heals(store)
  })

  test('a store that is closed while its purge waits leaves the connections to other stores at the pool', async t => {
    const pool = poolOf(t, { max: 1 })
    const store = new PostgresTokenStore(pool, { table: 'closing', timeout: 60_000 })
    await store.compareAndSet('key', undefined, 'a', soon())
    const locker = await clientOf(t)
    await locker.query('BEGIN; LOCK TABLE closing')
    const call = store.get(['key'])
    await until(() => pool.waitingCount === 1, 30_000)
    const closed = store.close()
    await locker.query('ROLLBACK')
    assert.deepEqual(await call, ['a'])
    await closed
    await heals(open(t, pool))
  })

  test('a pool without a limit is used for writes and reads', async t => {
    const store = open(t, poolOf(t, { max: Number.POSITIVE_INFINITY }))
    const write = (_: unknown, n: number) => store.compareAndSet(`no limit ${n}`, undefined, 'a', soon())
    assert.deepEqual(await Promise.all(Array.from({ length: 5 }, write)), Array(5).fill(true))
    assert.deepEqual(await store.get(['no limit 4']), ['a'])
  })

  test('a key that cannot be written is refused at once, while the only connection is in use', async t => {
    const pool = poolOf(t, { max: 1 })
    const store = open(t, pool, 60_000)
    const taken = await pool.connect()
    await assert.rejects(store.compareAndSet('é', undefined, 'a', soon()), /printable ASCII/)
    await assert.rejects(store.get(['é']), /printable ASCII/)
    taken.release()
  })

  test('an attempt to connect that gets no answer is given up, and the next calls are answered', async t => {
    const proxy = await tcpProxy(shared.port)
    t.after(() => proxy.close())
    proxy.isolate()
    const store = open(t, { connectionString: urlAt(proxy.port), max: 1 }, 20_000)
    await assert.rejects(store.get(['key']), /no connection within 3000 ms/)
    proxy.heal()
    await heals(store)
  })

  test('a server that accepts no more connections is named, and calls share those that there are', async t => {
    const server = await own(t, { max_connections: '8', superuser_reserved_connections: '0' })
    const store = open(t, server.url, 5000)
    await heals(store)
    const others = await fill(t, server)
    const answers = await Promise.all(Array.from({ length: 30 }, () => store.get(['heals'])))
    assert.deepEqual(new Set(answers.flat()), new Set(['well']))
    const late = open(t, server.url)
    await assert.rejects(late.get(['key']), /too many connections; max_connections/)
    for (const other of others) await other.end()
    await heals(late)
  })

  test('the limit of the role is named', async t => {
    await shared.query('CREATE ROLE limited LOGIN SUPERUSER CONNECTION LIMIT 0; ALTER ROLE limited NOSUPERUSER')
    await assert.rejects(open(t, shared.urlOf('limited')).get(['key']), /CONNECTION LIMIT/)
  })

  test('a transaction of the caller on another connection is left alone', async t => {
    const pool = poolOf(t, { max: 2 })
    const store = open(t, pool)
    await heals(store)
    const client = await pool.connect()
    await client.query('BEGIN; CREATE TEMPORARY TABLE mine (a int)')
    assert.equal(await store.compareAndSet('during a transaction', undefined, 'a', soon()), true)
    await client.query('ROLLBACK')
    client.release()
    assert.deepEqual(await store.get(['during a transaction']), ['a'])
  })

  for (const [what, sql] of [
    ['an open transaction', 'BEGIN; SELECT 1'],
    ['an open transaction that has read nothing', 'BEGIN'],
    ['an open transaction that reads a snapshot', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1'],
    ['a failed transaction', 'BEGIN; SELECT 1/0'],
  ] as const) {
    test(`a connection that the application gave back with ${what} is neither used nor kept`, async t => {
      const pool = poolOf(t, { max: 1 })
      const store = open(t, pool, 5000)
      await heals(store)
      for (const call of [
        () => store.get(['heals']),
        () => store.compareAndSet(`in ${what}`, undefined, 'a', soon()),
        () => store.compareAndSet('heals', 'well', 'worse', soon()),
      ]) {
        const client = await pool.connect()
        await client.query(sql).catch(() => {})
        client.release()
        await assert.rejects(call(), /open transaction; the application released it/)
        assert.deepEqual(await store.get(['heals', `in ${what}`]), ['well', undefined])
      }
    })
  }

  test('what the application sets in a session does not change answers', async t => {
    const pool = poolOf(t, { max: 1 })
    const store = open(t, pool, 5000)
    await heals(store)
    const client = await pool.connect()
    await client.query(`SET default_transaction_isolation = 'serializable'; SET bytea_output = 'escape';
      SET DateStyle = 'German'; SET TimeZone = 'Asia/Kolkata'; SET standard_conforming_strings = off;
      SET extra_float_digits = -15; SET statement_timeout = 1; SET lock_timeout = 1`)
    client.release()
    const value = `\\ ' " \u0000 \u{1F600}`
    assert.equal(await store.compareAndSet(`odd \\' "key"`, undefined, value, soon()), true)
    assert.deepEqual(await store.get([`odd \\' "key"`]), [value])
    assert.equal(await store.compareAndSet(`odd \\' "key"`, value, 'b', soon()), true)
  })

  test('type parsers of the application do not change answers', async t => {
    const types = { getTypeParser: () => () => 'parsed' } as never
    const store = open(t, poolOf(t, { types }), 5000)
    assert.equal(await store.compareAndSet('parsed', undefined, 'a', soon()), true)
    assert.deepEqual(await store.get(['parsed']), ['a'])
  })

  test('sessions that the server ends when they are idle are replaced', async t => {
    await shared.query("CREATE ROLE idle LOGIN SUPERUSER; ALTER ROLE idle SET idle_session_timeout = '50ms'")
    const store = open(t, shared.urlOf('idle'), 5000)
    for (let round = 0; round < 3; round++) {
      await heals(store)
      await until(async () => {
        const rows = await shared.query("SELECT FROM pg_stat_activity WHERE usename = 'idle'")
        assert.equal(rows.length, 0)
      })
    }
  })
})

type Connect = ConstructorParameters<typeof PostgresTokenStore>[0]

function open(t: TestContext, connect: Connect, milliseconds = timeout): PostgresTokenStore {
  const store = new PostgresTokenStore(connect, { timeout: milliseconds })
  t.after(() => store.close())
  return store
}

function poolOf(t: TestContext, options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ connectionString: shared.url, ...options })
  t.after(() => pool.end())
  return pool
}

async function own(t: TestContext, settings?: Record<string, string>): Promise<PostgresServer> {
  const server = await startPostgres(settings && { settings })
  t.after(() => server.stop())
  return server
}

/** Lets commits wait for a standby that there is not. */
async function waitForNobody(server: PostgresServer): Promise<void> {
  await server.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
  await server.query('SELECT pg_reload_conf()')
  await until(async () => {
    const [names] = await server.query("SELECT current_setting('synchronous_standby_names') AS now")
    assert.equal(names?.now, 'nobody')
  })
}

async function waitForNone(server: PostgresServer): Promise<void> {
  await server.query('ALTER SYSTEM RESET synchronous_standby_names')
  await server.query('SELECT pg_reload_conf()')
}

/** How many commits wait for a standby. */
async function countStuck(server: PostgresServer): Promise<number> {
  const [row] = await server.query("SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
  return Number(row?.count)
}

async function clientOf(t: TestContext, url = shared.url): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  t.after(() => client.end())
  return client
}

let tables = 0

/** A store at a table of its own, and a client that can lock it. */
async function withLocker(
  t: TestContext,
  milliseconds = timeout,
): Promise<{ store: PostgresTokenStore; table: string; locker: pg.Client }> {
  const table = `locked_${++tables}`
  const store = new PostgresTokenStore(shared.url, { table, timeout: milliseconds })
  const locker = await clientOf(t)
  t.after(() => store.close())
  await heals(store)
  return { store, table, locker }
}

/** Resolves when a statement on this table waits for a row. */
async function waiters(table: string): Promise<void> {
  await until(async () => {
    const sql = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${table}%'`
    return (await shared.query(sql)).length > 0
  })
}

/** Takes all connections that are left. */
async function fill(t: TestContext, server: PostgresServer): Promise<pg.Client[]> {
  const clients: pg.Client[] = []
  for (;;) {
    const client = new pg.Client(server.url)
    client.on('error', () => {})
    try {
      await client.connect()
    } catch {
      return clients
    }
    clients.push(client)
    t.after(() => client.end().catch(() => {}))
  }
}

function urlAt(port: number): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}

function fails(store: PostgresTokenStore, milliseconds: number, message = /PostgreSQL/): Promise<void> {
  return failsWithin(store, milliseconds, message)
}

function heals(store: PostgresTokenStore, milliseconds = 10_000): Promise<void> {
  return healsWithin(store, milliseconds)
}
