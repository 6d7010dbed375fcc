import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Keyv } from 'keyv'
import type { TokenStore } from '../../src/store.js'
import { KeyvTokenStore } from '../../stores/keyv.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { block, blockInBursts, farService } from '../support/busy.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { openShared } from '../support/store-kinds.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'

const LOCKER = fileURLToPath(new URL('../support/sqlite-locker.ts', import.meta.url))
const BUSY = 400
const soon = () => new Date(Date.now() + 60_000)
const CLIENTS = [
  ['node-redis', 'redis'],
  ['ioredis', 'ioredis'],
] as const

for (const [client, kind] of CLIENTS) {
  describe(`RedisTokenStore in a process that is busy, with ${client}`, () => {
    test('reads and writes that wait meanwhile succeed, at whatever moment it becomes busy', async t => {
      const { store } = await farRedis(t, kind, { timeout: 100 })
      for (let turns = 0; turns < 6; turns++) {
        const calls = [
          store.get(['key', 'other']),
          store.compareAndSet(`key ${turns}`, undefined, 'a', soon()),
          store.compareAndSet('key', 'something else', 'b', soon()),
        ]
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
        block(BUSY)
        assert.deepEqual(await Promise.all(calls), [[undefined, undefined], true, false], `after ${turns} turns`)
      }
    })

    test('a write that leaves the process late is tried again, also by a Redis that has forgotten the script', async t => {
      const { store, redis } = await farRedis(t, kind, { timeout: 100 })
      await redis.command('SCRIPT', 'FLUSH')
      const written = store.compareAndSet('key', undefined, 'a', soon())
      block(BUSY)
      assert.equal(await written, true)
      assert.deepEqual(await store.get(['key']), ['a'])
    })

    test('calls succeed while it is busy in bursts', async t => {
      const { store } = await farRedis(t, kind, { timeout: 250 })
      assert.equal(await store.compareAndSet('first', undefined, 'a', soon()), true)
      const stop = blockInBursts(t, 60)
      const written = Array.from({ length: 50 }, (_, n) => store.compareAndSet(`key ${n}`, undefined, 'a', soon()))
      assert.deepEqual(new Set(await Promise.all(written)), new Set([true]))
      stop()
    })

    test('a connection whose answers lie unread is not replaced', async t => {
      const { store, redis } = await farRedis(t, kind, { timeout: 100 })
      const id = () => redis.command('CLIENT', 'LIST').then(list => /id=(\d+)[^\n]* cmd=(?!client)/.exec(list)?.[1])
      const before = await id()
      for (let round = 0; round < 3; round++) {
        const call = store.get(['key'])
        block(1200)
        assert.deepEqual(await call, [undefined])
      }
      assert.equal(await id(), before)
    })

    test('a write that was given up meanwhile is not applied when Redis wakes', async t => {
      const { store, redis } = await farRedis(t, kind, { timeout: 20 })
      const stop = blockInBursts(t, 15)
      for (let round = 0; round < 20; round++) {
        await until(async () => assert.equal((await store.get(['key'])).length, 1))
        redis.pause()
        await assert.rejects(store.compareAndSet('key', undefined, 'given up', soon()))
        redis.resume()
      }
      stop()
      await until(async () => assert.deepEqual(await store.get(['key']), [undefined]))
    })

    test('a Redis that is frozen rejects', async t => {
      const { store, redis } = await farRedis(t, kind, { timeout: 100 })
      redis.pause()
      blockInBursts(t, 40)
      await assert.rejects(store.get(['key']), /no answer within 100 ms/)
      await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /no answer within 100 ms/)
    })
  })
}

describe('SqliteTokenStore in a process that is busy', () => {
  test('waits for a lock for all its time, and only for that', async t => {
    const { folder, remove } = await temporaryFolder()
    const path = join(folder, 'tokens.sqlite')
    // Long enough for the other process to let go, on a machine that is busy too.
    const store = new SqliteTokenStore(path, { timeout: 1000 })
    t.after(() => store.close().then(remove))
    await store.compareAndSet('key', undefined, 'a', soon())
    const locker = fork(LOCKER, [path, 'BEGIN IMMEDIATE'], { execArgv: ['--import', 'tsx'] })
    t.after(() => locker.kill())
    await once(locker, 'message')
    await assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /locked/)
    const written = store.compareAndSet('key', 'a', 'b', soon())
    block(1000 + BUSY)
    // It looks at least once more before the lock is let go.
    await sleep(30)
    locker.send('let go')
    assert.equal(await written, true)
  })
})

describe('KeyvTokenStore in a process that is busy', () => {
  test('hears its backend; a backend that has no answer rejects', async t => {
    const service = await farService(t)
    const map = new Map<string, unknown>()
    const adapter = {
      opts: {},
      get: (key: string) => service.ask().then(() => map.get(key)),
      set: (key: string, value: unknown) => service.ask().then(() => map.set(key, value) === map),
      delete() {},
      clear() {},
    }
    const store = new KeyvTokenStore(new Keyv({ store: adapter as never }), { timeout: 100 })
    const written = store.compareAndSet('key', undefined, 'a', soon())
    block(BUSY)
    assert.equal(await written, true)
    const read = store.get(['key', 'other'])
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    block(BUSY)
    assert.deepEqual(await read, ['a', undefined])
    service.fallSilent()
    await assert.rejects(store.get(['key']), /no answer within 100 ms/)
  })
})

async function farRedis(
  t: TestContext,
  kind: 'redis' | 'ioredis',
  { timeout }: { timeout: number },
): Promise<{ store: TokenStore; redis: RedisServer }> {
  const redis = await startRedis()
  const proxy = await tcpProxy(redis.port)
  const store = openShared({ kind, at: proxy.url }, { timeout })
  t.after(async () => {
    await store.close?.()
    proxy.close()
    await redis.stop()
  })
  await until(() => store.get(['key']))
  proxy.delayReplies(6)
  return { store, redis }
}
