import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@keyv/redis'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { type StoreOutage, testTokenStore } from '../../src/testing/index.js'
import { Deadline } from '../../src/time/deadline.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { freePort } from '../support/free-port.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { failsWithin, healsWithin, learnsTheClock } from '../support/store-faults.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'

const timeout = 250
const soon = () => new Date(Date.now() + 60_000)

type Connect = ConstructorParameters<typeof RedisTokenStore>[0]

/** Options of ioredis that keep a dead connection for a second, and try again soon. */
const LIVELY = { socketTimeout: 1000, retryStrategy: () => 50 }
const QUEUES = { maxRetriesPerRequest: null, enableAutoPipelining: true, commandTimeout: 20, stringNumbers: true }
const REFUSES = { enableOfflineQueue: false, lazyConnect: true, maxRetriesPerRequest: 0, keyPrefix: 'app:' }

/** Each way to Redis, with the options of ioredis that would do the most harm. */
const WAYS: Readonly<Record<string, (url: string) => Connect>> = {
  'a url': url => url,
  'a client of ioredis 6 that queues': url => new Redis(url, { ...LIVELY, ...QUEUES }).on('error', () => {}),
  'a client of ioredis 5 that does not queue': url => new Redis5(url, { ...LIVELY, ...REFUSES }).on('error', () => {}),
}

for (const [way, to] of Object.entries(WAYS)) {
  describe(`RedisTokenStore with ${way}`, () => {
    describe('while Redis is away', () => {
      test('calls fail at once when nothing listens at the start, and succeed when it does', async t => {
        const port = await freePort()
        const store = open(t, to(`redis://127.0.0.1:${port}`))
        await fails(store, 150)
        await server(t, { port })
        await heals(store)
      })

      test('calls fail at once after Redis was killed, and succeed when it is back', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url))
        await heals(store)
        await redis.kill()
        await sleep(20)
        await fails(store, 100)
        await redis.restart()
        await heals(store)
      })

      test('a call that is under way when Redis is killed rejects', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url))
        await heals(store)
        redis.pause()
        const rejected = Promise.all([
          assert.rejects(store.get(['key']), /Redis/),
          assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /Redis/),
        ])
        await sleep(20)
        await redis.kill()
        await rejected
      })
    })

    describe('keeps its contract', async () => {
      const redis = await startRedis()
      const proxy = await tcpProxy(redis.port)
      after(async () => {
        proxy.close()
        await redis.stop()
      })
      const outages: Record<string, StoreOutage> = {
        'Redis is frozen': { start: redis.pause, end: redis.resume },
        'nothing comes through the network': { start: proxy.isolate, end: proxy.heal },
      }
      for (const [what, outage] of Object.entries(outages)) {
        describe(`when ${what}`, () => {
          const connect = to(proxy.url)
          after(() => hangUp(connect))
          testTokenStore({
            test: (name, run) => /the backend fails/.test(name) && test(name, run),
            createStore: options => new RedisTokenStore(connect, { ...options, timeout: 1000 }),
            outage,
          })
        })
      }
    })

    describe('while Redis stands still', () => {
      test('calls reject in time, what was given up is not written later, and it heals', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url))
        await store.compareAndSet('key', undefined, 'before', soon())
        redis.pause()
        await fails(store, timeout + 100)
        await assert.rejects(store.compareAndSet('key', 'before', 'given up', soon()))
        await assert.rejects(store.compareAndSet('new key', undefined, 'given up', soon()))
        await sleep(500)
        redis.resume()
        await heals(store)
        await sleep(200)
        // The client may replace its connection at any moment.
        await until(async () => assert.deepEqual(await store.get(['key', 'new key']), ['before', undefined]))
      })

      test('after a long standstill it fails at once and heals', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url))
        await heals(store)
        redis.pause()
        let isLong = false
        new Deadline(2000).wait(() => {
          isLong = true
        })
        for (; !isLong; await sleep(1)) await assert.rejects(store.get(['key']))
        await fails(store, 100)
        redis.resume()
        await heals(store)
      })

      test('a write that is given up is not applied by a Redis that wakes at that very moment', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url), 20)
        for (let round = 0; round < 100; round++) {
          await heals(store)
          redis.pause()
          await assert.rejects(store.compareAndSet('key', undefined, 'given up', soon()), /no answer/)
          redis.resume()
        }
        await heals(store)
        assert.deepEqual(await store.get(['key']), [undefined])
      })

      test('a connection that carries nothing any more is replaced, in spite of steady traffic', async t => {
        const redis = await server(t)
        const proxy = await tcpProxy(redis.port)
        t.after(() => proxy.close())
        const store = open(t, to(proxy.url))
        await heals(store)
        proxy.blackhole()
        const calls: Promise<unknown>[] = []
        const traffic = setInterval(() => calls.push(store.get(['key']).catch(() => {})), 20)
        t.after(() => clearInterval(traffic))
        await assert.rejects(store.get(['key']), /no answer/)
        await heals(store, 2500)
        clearInterval(traffic)
        await Promise.all(calls)
      })
    })

    describe('and clocks', () => {
      test('the clock of the machine that answers is learnt, however far it is off', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url))
        await learnsTheClock(t, store)
      })
    })

    describe('and a Redis that refuses', () => {
      test('a wrong password rejects, and the reason is told', async t => {
        const redis = await server(t, { args: ['--requirepass', 'right'] })
        const store = open(t, to(`redis://:wrong@127.0.0.1:${redis.port}`))
        await fails(store, timeout + 100, /WRONGPASS/)
        const none = open(t, to(redis.url))
        await fails(none, timeout + 100, /NOAUTH/)
        await heals(open(t, to(`redis://:right@127.0.0.1:${redis.port}`)))
      })

      test('a replica that may only be read rejects writes', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url))
        await store.compareAndSet('key', undefined, 'a', soon())
        await redis.command('REPLICAOF', '127.0.0.1', String(await freePort()))
        await assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /READONLY/)
        await assert.rejects(store.compareAndSet('new', undefined, 'b', soon()), /READONLY/)
        assert.deepEqual(await store.get(['key', 'new']), ['a', undefined])
        await redis.command('CONFIG', 'SET', 'replica-serve-stale-data', 'no')
        await assert.rejects(store.get(['key']), /MASTERDOWN/)
        await redis.command('REPLICAOF', 'NO', 'ONE')
        assert.equal(await store.compareAndSet('key', 'a', 'b', soon()), true)
      })

      test('a Redis without memory left rejects writes and answers reads', async t => {
        const redis = await server(t, { args: ['--maxmemory-policy', 'noeviction'] })
        const store = open(t, to(redis.url))
        await store.compareAndSet('key', undefined, 'a', soon())
        await redis.command('CONFIG', 'SET', 'maxmemory', '1')
        await assert.rejects(store.compareAndSet('new', undefined, 'a', soon()), /OOM/)
        assert.deepEqual(await store.get(['key', 'new']), ['a', undefined])
        await redis.command('CONFIG', 'SET', 'maxmemory', '0')
        assert.equal(await store.compareAndSet('new', undefined, 'a', soon()), true)
      })

      test('a Redis that may not run scripts rejects writes', async t => {
        const redis = await server(t)
        const store = open(t, to(redis.url))
        await heals(store)
        await redis.command('ACL', 'SETUSER', 'default', '-@scripting')
        await assert.rejects(store.compareAndSet('secret-key', undefined, 'secret-value', soon()), error => {
          assert.match(String(error), /NOPERM/)
          assert.doesNotMatch(String(error), /secret/)
          return true
        })
      })
    })
  })
}

describe('RedisTokenStore with a client of node-redis', () => {
  test('a given-up write of a client of the caller, with its offline queue, is not applied later either', async t => {
    const redis = await server(t)
    const client = createClient({ url: redis.url })
    client.on('error', () => {})
    await client.connect()
    const store = open(t, client)
    await store.compareAndSet('key', undefined, 'before', soon())
    redis.pause()
    await assert.rejects(store.compareAndSet('key', 'before', 'given up', soon()), /no answer/)
    redis.resume()
    await until(() => client.ping())
    assert.equal(await client.get('authx:key'), 'before')
    client.destroy()
  })
})

function open(t: TestContext, connect: Connect, milliseconds = timeout): RedisTokenStore {
  const store = new RedisTokenStore(connect, { timeout: milliseconds })
  t.after(async () => {
    await store.close()
    hangUp(connect)
  })
  return store
}

function hangUp(connect: Connect): void {
  if (connect instanceof Redis || connect instanceof Redis5) connect.disconnect()
}

async function server(t: TestContext, options?: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
  const redis = await startRedis(options)
  t.after(() => redis.stop())
  return redis
}

function fails(store: RedisTokenStore, milliseconds: number, message = /Redis/): Promise<void> {
  return failsWithin(store, milliseconds, message)
}

function heals(store: RedisTokenStore, milliseconds = 5000): Promise<void> {
  return healsWithin(store, milliseconds)
}
