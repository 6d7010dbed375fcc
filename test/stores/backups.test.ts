import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { AuthX } from '../../src/index.js'
import type { TokenStore } from '../../src/store.js'
import { PostgresTokenStore } from '../../stores/postgres.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { sqliteDriver } from '../../stores/sqlite-driver.js'
import { runLines } from '../examples/programs.js'
import { claimsOf, flowApi, verdict } from '../flows/api.js'
import { blocksOf, readPage } from '../support/markdown.js'
import { type PostgresServer, startPostgres } from '../support/postgres.js'
import { findPostgres } from '../support/postgres-binary.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

// These tests do what docs/stores.md says about backups.

const OK = [200, undefined]
const REVOKED = [401, 'RevokedTokenError']
/** What is said is at issue here, not how soon. */
const timeout = 60_000

/** Users of a store that is backed up, goes on, and is set back. */
async function usersOf(t: TestContext, store: TokenStore) {
  const api = await flowApi(t, { store, now: () => Date.now(), storeTimeout: timeout })
  const state = async ({ json }: Awaited<ReturnType<typeof api.login>>) =>
    verdict(await api.protected(json.access_token))
  const [kept, loggedOut] = [await api.login(), await api.login()]
  const everybody = [kept, loggedOut]
  return {
    api,
    /** After the backup: a logout, a refresh and a login, all of which will be lost. */
    async goOn() {
      await api.logout(loggedOut.json.access_token)
      everybody.push(await api.refresh(kept.json.refresh_token), await api.login())
      assert.deepEqual(await Promise.all(everybody.map(state)), [OK, REVOKED, OK, OK])
    },
    /** After the restore. */
    async areSetBack() {
      const [, , refreshed, later] = everybody
      assert.deepEqual(await Promise.all(everybody.map(state)), [OK, OK, OK, REVOKED])
      assert.equal((await api.refresh(loggedOut.json.refresh_token)).status, 200)
      assert.equal((await api.refresh(refreshed?.json.refresh_token)).status, 200)
      assert.deepEqual(verdict(await api.refresh(later?.json.refresh_token)), REVOKED)

      const rekeyed = new AuthX({ secretKey: 'another secret of 32 bytes or more', store, storeTimeout: timeout })
      for (const { json } of everybody) {
        await assert.rejects(rekeyed.verifyToken(String(json.access_token)), { name: 'TokenInvalidSignatureError' })
      }
      assert.ok(await rekeyed.verifyToken((await rekeyed.createTokenPair('ada')).access_token))

      await api.authx.revokeAllSessions(String(claimsOf(kept.json.access_token).sub))
      assert.deepEqual(await Promise.all(everybody.map(state)), [REVOKED, REVOKED, REVOKED, REVOKED])
      assert.deepEqual(await state(await api.login()), OK)
    },
    /** After the restore of a backup that has no sessions. */
    async areGone() {
      assert.deepEqual(
        await Promise.all(everybody.map(state)),
        everybody.map(() => REVOKED),
      )
      assert.deepEqual(await state(await api.login()), OK)
    },
  }
}

/** A store behind which another one can take its place, as in a process that was started again. */
function swappedStore(
  t: TestContext,
  first: TokenStore,
): TokenStore & { to(next: TokenStore | undefined): Promise<void> } {
  let store: TokenStore | undefined = first
  const now = () => store ?? Promise.reject(new Error('The process is not running'))
  const to = async (next: TokenStore | undefined) => {
    await store?.close?.()
    store = next
  }
  t.after(() => to(undefined))
  return {
    get: async keys => (await now()).get(keys),
    compareAndSet: async (...write) => (await now()).compareAndSet(...write),
    to,
  }
}

async function folderFor(t: TestContext): Promise<string> {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  return folder
}

describe('a backup of SQLite, restored as the page says', () => {
  test('sets sessions back, until they are ended again', async t => {
    const folder = await folderFor(t)
    const [file, backup] = [join(folder, 'tokens.sqlite'), join(folder, 'backup.sqlite')]
    const swapped = swappedStore(t, new SqliteTokenStore(file, { timeout }))
    const users = await usersOf(t, swapped)
    const database = sqliteDriver()(file)
    database.exec(`VACUUM INTO '${backup}'`)
    database.close()
    await users.goOn()
    await swapped.to(undefined)
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.former${suffix}`)
    }
    copyFileSync(backup, file)
    await swapped.to(new SqliteTokenStore(file, { timeout }))
    await users.areSetBack()
  })
})

describe('a backup of Redis, restored as the page says', () => {
  const DUMP = 'dump.rdb'
  const LOG = 'appendonlydir'
  const shows = (redis: RedisServer, ...lines: string[]) =>
    until(async () => {
      const info = await redis.command('INFO', 'persistence')
      return lines.every(line => info.includes(`\r\n${line}\r\n`))
    }, timeout)

  /** A Redis that keeps its files in `folder`, on one port whenever it is started. */
  async function redisIn(
    t: TestContext,
    folder: string,
    appendonly: 'yes' | 'no',
    port?: number,
  ): Promise<RedisServer> {
    const redis = await startRedis({ args: ['--dir', folder, '--appendonly', appendonly], ...(port && { port }) })
    t.after(() => redis.stop())
    return redis
  }

  /** Users whose sessions are in the dump of a Redis with both kinds of files, and what they did after it. */
  async function dumped(t: TestContext) {
    const [folder, backup] = [await folderFor(t), await folderFor(t)]
    const redis = await redisIn(t, folder, 'yes')
    const store = new RedisTokenStore(redis.url, { timeout })
    t.after(() => store.close())
    const scene = await usersOf(t, store)
    assert.match(await redis.command('BGSAVE'), /started/)
    await shows(redis, 'rdb_bgsave_in_progress:0', 'rdb_last_bgsave_status:ok')
    copyFileSync(join(folder, DUMP), join(backup, DUMP))
    await scene.goOn()
    await redis.stop()
    for (const name of [DUMP, LOG]) renameSync(join(folder, name), join(backup, `former ${name}`))
    copyFileSync(join(backup, DUMP), join(folder, DUMP))
    return { ...scene, folder, port: redis.port }
  }

  test('from dump.rdb sets sessions back, until they are ended again, and is in the log from then on', async t => {
    const { folder, port, api, areSetBack } = await dumped(t)
    const restored = await redisIn(t, folder, 'no', port)
    await until(async () => (await api.login()).status === 200, timeout)
    await restored.command('CONFIG', 'SET', 'appendonly', 'yes')
    await shows(restored, 'aof_enabled:1', 'aof_rewrite_in_progress:0', 'aof_last_bgrewrite_status:ok')
    await restored.kill()
    await redisIn(t, folder, 'yes', port)
    await until(async () => (await api.login()).status === 200, timeout)
    await areSetBack()
  })

  test('from dump.rdb with appendonly yes is ignored: everybody has to log in again', async t => {
    const { folder, port, api, areGone } = await dumped(t)
    await redisIn(t, folder, 'yes', port)
    await until(async () => (await api.login()).status === 200, timeout)
    await areGone()
  })

  test('from appendonlydir sets sessions back, until they are ended again', async t => {
    const [folder, backup] = [await folderFor(t), await folderFor(t)]
    const redis = await redisIn(t, folder, 'yes')
    const store = new RedisTokenStore(redis.url, { timeout })
    t.after(() => store.close())
    const { api, goOn, areSetBack } = await usersOf(t, store)
    const percentage = await redis.command('CONFIG', 'GET', 'auto-aof-rewrite-percentage')
    assert.match(percentage, /\r\n100\r\n/)
    await redis.command('CONFIG', 'SET', 'auto-aof-rewrite-percentage', '0')
    await shows(redis, 'aof_rewrite_in_progress:0')
    cpSync(join(folder, LOG), join(backup, LOG), { recursive: true })
    await redis.command('CONFIG', 'SET', 'auto-aof-rewrite-percentage', '100')
    await goOn()
    await redis.stop()
    assert.equal(existsSync(join(folder, DUMP)), false)
    renameSync(join(folder, LOG), join(backup, 'former'))
    cpSync(join(backup, LOG), join(folder, LOG), { recursive: true })
    await redisIn(t, folder, 'yes', redis.port)
    await until(async () => (await api.login()).status === 200, timeout)
    await areSetBack()
  })
})

describe('a backup of PostgreSQL, restored as the page says', () => {
  const lines = blocksOf(readPage('docs/stores.md'))
    .filter(({ language, code }) => language === 'sh' && code.includes('pg_dump'))
    .flatMap(({ code }) => code.trim().split('\n'))
  const [dump = '', restore = '', dumpWithoutSessions = ''] = lines

  async function serverOf(t: TestContext, settings: Record<string, string> = {}): Promise<PostgresServer> {
    const server = await startPostgres({ settings })
    t.after(() => server.stop())
    return server
  }
  function storeOf(t: TestContext, url: string): PostgresTokenStore {
    const store = new PostgresTokenStore(url, { timeout })
    t.after(() => store.close())
    return store
  }
  /** Runs a line of the page for `server`, in `folder`. */
  async function run(line: string, server: PostgresServer, folder: string): Promise<void> {
    const path = dirname(String(findPostgres()?.program('pg_dump')))
    const here = line.replace('postgres://127.0.0.1/app', server.url)
    assert.notEqual(here, line)
    await runLines([here], folder, `${path}:${process.env.PATH}`)
  }

  test('with pg_restore sets sessions back in processes that run on, until they are ended again', async t => {
    const [server, folder] = [await serverOf(t), await folderFor(t)]
    const { goOn, areSetBack } = await usersOf(t, storeOf(t, server.url))
    await run(dump, server, folder)
    await goOn()
    await run(restore, server, folder)
    await areSetBack()
  })

  test('with pg_restore is never seen without the sessions that it has, while it is restored', async t => {
    const [server, folder] = [await serverOf(t), await folderFor(t)]
    const { api } = await usersOf(t, storeOf(t, server.url))
    // Bulk, so that the restore takes its time.
    await server.query(
      "INSERT INTO koa_authx SELECT 'more:' || n, 'a', now() + interval '1 day' FROM generate_series(1, 50000) AS n",
    )
    const { json } = await api.login()
    await run(dump, server, folder)
    let isOver = false
    const restored = run(restore, server, folder).finally(() => {
      isOver = true
    })
    const seen = new Set<number>()
    while (!isOver) seen.add((await api.protected(json.access_token)).status)
    await restored
    assert.deepEqual(
      [...seen].filter(status => status !== 503),
      [200],
    )
  })

  test('without sessions, everybody has to log in again, and only tokens without a session are valid again', async t => {
    const [server, folder] = [await serverOf(t), await folderFor(t)]
    const { api, goOn, areGone } = await usersOf(t, storeOf(t, server.url))
    await run(dumpWithoutSessions, server, folder)
    await goOn()
    const lone = api.authx.createAccessToken('ada')
    await api.authx.revoke(lone)
    assert.deepEqual(verdict(await api.protected(lone)), REVOKED)
    await run(restore, server, folder)
    assert.deepEqual(verdict(await api.protected(lone)), OK)
    await areGone()
  })

  test('as a base backup and its log, to a point in time: sets sessions back to then, and is refused until it is over', async t => {
    const archive = join(await folderFor(t), 'archive')
    mkdirSync(archive)
    // The user that PostgreSQL runs as has to find it.
    for (const folder of [dirname(archive), archive]) chmodSync(folder, 0o777)
    const server = await serverOf(t, { archive_mode: 'on', archive_command: `cp %p ${archive}/%f` })
    const swapped = swappedStore(t, new PostgresTokenStore(server.url, { timeout }))
    const backup = await server.baseBackup()
    const { api, goOn, areSetBack } = await usersOf(t, swapped)
    const [{ moment } = {}] = await server.query('SELECT clock_timestamp()::text AS moment')
    await goOn()
    const [{ segment } = {}] = await server.query('SELECT pg_walfile_name(pg_switch_wal()) AS segment')
    await until(() => existsSync(join(archive, String(segment))), timeout)
    const restored = await backup.restore({
      restore_command: `cp ${archive}/%f %p`,
      recovery_target_time: String(moment),
      recovery_target_action: 'pause',
      archive_mode: 'off',
    })
    t.after(() => restored.stop())
    await swapped.to(new PostgresTokenStore(restored.url, { timeout }))
    await until(async () => {
      const [row] = await restored.query('SELECT pg_get_wal_replay_pause_state() AS state')
      return row?.state === 'paused'
    }, timeout)
    assert.equal((await api.login()).status, 503)
    await restored.query('SELECT pg_wal_replay_resume()')
    await until(async () => (await api.login()).status === 200, timeout)
    await areSetBack()
  })
})
