import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { AuthX } from '../../src/index.js'
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

const redis = (fault: (server: RedisServer) => Fault) => async (): Promise<Stage> => {
  const server = await startRedis()
  return { backend: { kind: 'redis', at: server.url }, cleanUp: () => server.stop(), ...fault(server) }
}

const postgres = (fault: (server: PostgresServer) => Fault) => async (): Promise<Stage> => {
  const server = await startPostgres()
  return { backend: { kind: 'postgres', at: server.url }, cleanUp: () => server.stop(), ...fault(server) }
}

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

const FAULTS: Record<string, () => Promise<Stage>> = {
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

  test('starts all the same, and serves when Redis comes up', async () => {
    const port = await freePort()
    let server: RedisServer | undefined
    try {
      await served({ kind: 'redis', at: `redis://127.0.0.1:${port}` }, async () => {
        server = await startRedis({ port })
      })
    } finally {
      await server?.stop()
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

  test('answers 503 to everybody when Redis wants another password, and goes on', async () => {
    const server = await startRedis({ args: ['--requirepass', 'test-password'] })
    try {
      const right: SharedBackend = { kind: 'redis', at: server.url.replace('//', '//:test-password@') }
      const wrong: SharedBackend = { kind: 'redis', at: server.url.replace('//', '//:wrong@') }
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
