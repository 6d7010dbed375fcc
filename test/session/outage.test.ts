import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AuthX } from '../../src/index.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { type Answer, type Api, startApi } from '../support/api.js'
import { TEST_SECRET } from '../support/api-server.js'
import { freePort } from '../support/free-port.js'
import { type PostgresServer, startPostgres } from '../support/postgres.js'
import { startRedis } from '../support/redis.js'
import type { SharedBackend } from '../support/store-kinds.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

const LOCKER = fileURLToPath(new URL('../support/sqlite-locker.ts', import.meta.url))

/** The promise is an answer within this and a hundred milliseconds. */
const storeTimeout = 250
const promised = storeTimeout + 100

/** A store under a running server, and something that happens to it. */
interface Stage {
  backend: SharedBackend
  begin(): unknown
  end(): unknown
  /** The fault empties the store: sessions from before are over. */
  forgets?: boolean
  /** Only writing fails: what needs no writing goes on. */
  readsGoOn?: boolean
  cleanUp(): unknown
}

type RedisServer = Awaited<ReturnType<typeof startRedis>>
type Fault = Pick<Stage, 'begin' | 'end' | 'forgets' | 'readsGoOn'>

type RedisKind = 'redis' | 'ioredis'

/** The kinds of stores in Redis, by the client. */
const CLIENTS: Readonly<Record<string, RedisKind>> = { 'node-redis': 'redis', ioredis: 'ioredis' }

const redis = (fault: (server: RedisServer) => Fault) => async (kind: RedisKind) => {
  const server = await startRedis()
  return { backend: { kind, at: server.url }, cleanUp: () => server.stop(), ...fault(server) } satisfies Stage
}

const postgres = (fault: (server: PostgresServer) => Fault) => async (): Promise<Stage> => {
  const server = await startPostgres()
  return { backend: { kind: 'postgres', at: server.url }, cleanUp: () => server.stop(), ...fault(server) }
}

/** A role of the application, which has the permissions that it needs and no others, and its password. */
const postgresOfRole = (fault: (server: PostgresServer) => Fault) => async (): Promise<Stage> => {
  const server = await startPostgres({ hba: ['host all app all scram-sha-256'] })
  await server.query("CREATE ROLE app LOGIN PASSWORD 'right'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
  await makeTable(server)
  const at = server.urlOf('app', 'right')
  return { backend: { kind: 'postgres', at }, cleanUp: () => server.stop(), ...fault(server) }
}

const GRANT = 'GRANT SELECT, INSERT, UPDATE, DELETE ON koa_authx TO app'

/** The owner creates the table, and lets the role use it. */
async function makeTable(server: PostgresServer): Promise<void> {
  const owner = new PostgresTokenStore(server.url, { timeout: 20_000 })
  await owner.get([])
  await owner.close()
  await server.query(GRANT)
}

/** From now on the role has this password, and those who have said the former one are asked again. */
const demand = (password: string) => `ALTER ROLE app PASSWORD '${password}';
  SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`

/** Changes a setting of the server, for transactions that begin from then on. */
async function setOf(server: PostgresServer, setting: string): Promise<void> {
  await server.query(`ALTER SYSTEM SET ${setting}`)
  await server.query('SELECT pg_reload_conf()')
}

async function lockedSqlite(): Promise<Stage> {
  const { folder, remove } = await temporaryFolder()
  const path = join(folder, 'tokens.sqlite')
  let locker: ChildProcess | undefined
  const begin = async () => {
    locker = fork(LOCKER, [path, 'BEGIN IMMEDIATE'], { execArgv: ['--import', 'tsx'] })
    await once(locker, 'message')
  }
  const end = async () => {
    if (locker?.kill('SIGKILL')) await once(locker, 'exit')
  }
  return {
    backend: { kind: 'sqlite', at: path },
    begin,
    end,
    readsGoOn: true,
    cleanUp: () => end().then(remove),
  }
}

const REDIS_FAULTS: Record<string, (kind: RedisKind) => Promise<Stage>> = {
  'Redis is killed, and comes back empty': redis(server => ({
    begin: () => server.kill(),
    end: () => server.restart(),
    forgets: true,
  })),
  'Redis is frozen': redis(server => ({ begin: () => server.pause(), end: () => server.resume() })),
  'Redis is out of memory': redis(server => ({
    begin: () => server.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: () => server.command('CONFIG', 'SET', 'maxmemory', '0'),
    readsGoOn: true,
  })),
  'Redis has become a read-only replica': redis(server => ({
    begin: async () => server.command('REPLICAOF', '127.0.0.1', String(await freePort())),
    end: () => server.command('REPLICAOF', 'NO', 'ONE'),
    readsGoOn: true,
  })),
}

const ofEachClient = Object.entries(CLIENTS).flatMap(([client, kind]) =>
  Object.entries(REDIS_FAULTS).map(([name, prepare]) => [`${name}, with ${client}`, () => prepare(kind)] as const),
)

const FAULTS: Record<string, () => Promise<Stage>> = {
  ...Object.fromEntries(ofEachClient),
  'PostgreSQL is killed, and comes back': postgres(server => ({
    begin: () => server.kill(),
    end: () => server.restart(),
  })),
  'PostgreSQL is frozen': postgres(server => ({ begin: () => server.pause(), end: () => server.resume() })),
  'PostgreSQL is read-only': postgres(server => ({
    begin: () => setOf(server, 'default_transaction_read_only = on'),
    end: () => setOf(server, 'default_transaction_read_only = off'),
    readsGoOn: true,
  })),
  'the role has lost its permissions in PostgreSQL': postgresOfRole(server => ({
    begin: () => server.query('REVOKE ALL ON koa_authx FROM app'),
    end: () => server.query(GRANT),
  })),
  'the role may only read in PostgreSQL': postgresOfRole(server => ({
    begin: () => server.query('REVOKE INSERT, UPDATE, DELETE ON koa_authx FROM app'),
    end: () => server.query(GRANT),
    readsGoOn: true,
  })),
  'the role has another password in PostgreSQL': postgresOfRole(server => ({
    begin: () => server.query(demand('another')),
    end: () => server.query(demand('right')),
  })),
  'the table of PostgreSQL is dropped, and the role may not create it': postgresOfRole(server => ({
    begin: () => server.query('DROP TABLE koa_authx'),
    end: () => makeTable(server),
    forgets: true,
  })),
  'another process holds the lock of the SQLite file': lockedSqlite,
}

for (const [name, prepare] of Object.entries(FAULTS)) {
  describe(`while ${name}`, () => {
    let stage: Stage
    let api: Api
    let login: Answer
    before(async () => {
      stage = await prepare()
      api = await startApi({ backend: stage.backend, options: { storeTimeout } })
      await until(async () => {
        login = await api.call('POST', '/login/ada')
        assert.equal(login.status, 200)
      })
      await stage.begin()
    })
    after(async () => {
      api.stop()
      await stage.cleanUp()
    })

    test('guards, refresh, logout and login answer 503 in time, or go on if they need not write', async () => {
      const written = [
        () => api.call('POST', '/refresh', login.body.refresh_token),
        () => api.call('POST', '/logout', login.body.access_token),
        () => api.call('POST', '/login/ada'),
      ]
      for (const call of written) await unavailable(call)
      const read = () => api.call('GET', '/protected', login.body.access_token)
      if (stage.readsGoOn) assert.equal((await read()).status, 200)
      else await unavailable(read)
    })

    test('a page without a guard is served, to somebody with a token too', async () => {
      assert.equal((await api.call('GET', '/public')).status, 200)
      assert.equal((await api.call('GET', '/public', login.body.access_token)).status, 200)
    })

    test('many requests at once all get their answer', async () => {
      const calls = Array.from({ length: 50 }, () => api.call('POST', '/refresh', login.body.refresh_token))
      assert.deepEqual(new Set((await Promise.all(calls)).map(({ status }) => status)), new Set([503]))
    })

    test('service resumes by itself, and what was answered with 503 has not been done', async () => {
      await stage.end()
      await until(async () => assert.equal((await api.call('POST', '/login/grace')).status, 200))
      const expected = stage.forgets ? [401, 401] : [200, 200]
      const access = await api.call('GET', '/protected', login.body.access_token)
      const refresh = await api.call('POST', '/refresh', login.body.refresh_token)
      assert.deepEqual([access.status, refresh.status], expected)
      if (!stage.forgets) assert.equal((await api.call('POST', '/logout', refresh.body.access_token)).status, 204)
    })
  })
}

describe('a server whose sessions in PostgreSQL are deleted by somebody else', () => {
  for (const [what, sql] of [
    ['with the table', 'DROP TABLE koa_authx'],
    ['by TRUNCATE', 'TRUNCATE koa_authx'],
  ] as const) {
    test(`${what}: they are over, and new ones begin`, async t => {
      const server = await startPostgres()
      const api = await startApi({ backend: { kind: 'postgres', at: server.url }, options: { storeTimeout } })
      t.after(async () => {
        api.stop()
        await server.stop()
      })
      const loggedIn = async () => {
        let body: Answer['body'] = {}
        await until(async () => {
          const login = await api.call('POST', '/login/ada')
          body = login.body
          return login.status === 200
        })
        return body
      }
      const before = await loggedIn()
      assert.equal((await api.call('GET', '/protected', before.access_token)).status, 200)
      await server.query(sql)
      for (const [method, path, token] of [
        ['GET', '/protected', before.access_token],
        ['POST', '/refresh', before.refresh_token],
      ] as const) {
        const statuses = new Set<number>()
        await until(async () => {
          const { status } = await api.call(method, path, token)
          statuses.add(status)
          return status === 401
        })
        statuses.delete(503)
        assert.deepEqual([...statuses], [401], path)
      }
      const after = await loggedIn()
      assert.equal((await api.call('GET', '/protected', after.access_token)).status, 200)
      assert.equal((await api.call('POST', '/refresh', after.refresh_token)).status, 200)
    })
  }
})

describe('a server whose store is not there when it starts', () => {
  const issuer = new AuthX({ secretKey: TEST_SECRET, now: Date.now })
  const token = issuer.createAccessToken('ada')

  const served = async (backend: SharedBackend, arrive: () => Promise<unknown>) => {
    const api = await startApi({ backend, options: { storeTimeout } })
    try {
      assert.equal((await api.call('GET', '/public')).status, 200)
      await unavailable(() => api.call('GET', '/protected', token))
      await unavailable(() => api.call('POST', '/login/ada'))
      await arrive()
      await until(async () => assert.equal((await api.call('GET', '/protected', token)).status, 200))
      assert.equal((await api.call('POST', '/login/ada')).status, 200)
    } finally {
      api.stop()
    }
  }

  test('starts all the same, and serves when Redis comes up', async t => {
    for (const [client, kind] of Object.entries(CLIENTS)) {
      await t.test(`with ${client}`, async () => {
        const port = await freePort()
        let server: RedisServer | undefined
        try {
          await served({ kind, at: `redis://127.0.0.1:${port}` }, async () => {
            server = await startRedis({ port })
          })
        } finally {
          await server?.stop()
        }
      })
    }
  })

  test('starts all the same, and serves when PostgreSQL comes up', async () => {
    const server = await startPostgres()
    try {
      await server.kill()
      await served({ kind: 'postgres', at: server.url }, () => server.restart())
    } finally {
      await server.stop()
    }
  })

  test('starts all the same, and serves when the folder of its SQLite file is there', async () => {
    const { folder, remove } = await temporaryFolder()
    try {
      const missing = join(folder, 'later')
      await served({ kind: 'sqlite', at: join(missing, 'tokens.sqlite') }, () => mkdir(missing))
    } finally {
      await remove()
    }
  })

  for (const [client, kind] of Object.entries(CLIENTS)) {
    test(`answers 503 to everybody when Redis wants another password, and goes on, with ${client}`, async () => {
      const server = await startRedis({ args: ['--requirepass', 'test-password'] })
      try {
        const right: SharedBackend = { kind, at: server.url.replace('//', '//:test-password@') }
        const wrong: SharedBackend = { kind, at: server.url.replace('//', '//:wrong@') }
        const [good, bad] = await Promise.all(
          [right, wrong].map(backend => startApi({ backend, options: { storeTimeout } })),
        )
        try {
          await until(async () => assert.equal((await good?.call('POST', '/login/ada'))?.status, 200))
          await unavailable(() => (bad as Api).call('GET', '/protected', token))
          assert.equal((await bad?.call('GET', '/public'))?.status, 200)
        } finally {
          good?.stop()
          bad?.stop()
        }
      } finally {
        await server.stop()
      }
    })
  }
})

/** Every answer is an honest 503, in time. */
async function unavailable(call: () => Promise<Answer>): Promise<void> {
  const answers = [await call(), await call(), await call()]
  for (const { status, headers, body, took } of answers) {
    assert.equal(status, 503)
    assert.equal(body.error_type, 'StoreUnavailableError')
    assert.equal(headers.get('retry-after'), '1')
    assert.equal(headers.get('set-cookie'), null)
    assert.ok(took < promised, `it took ${took} ms`)
  }
}
