import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { Redis, type RedisOptions } from 'ioredis'
import * as five from 'ioredis-5'
import { RedisTokenStore } from '../../stores/redis.js'
import { within } from '../support/counted.js'
import { freePort } from '../support/free-port.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { tcpProxy } from '../support/tcp-proxy.js'
import { until } from '../support/until.js'

const soon = () => new Date(Date.now() + 60_000)
/** Long: what is not bounded by it ends at once. */
const timeout = 10_000
const AT_ONCE = 1000

type Client = Redis | five.Redis
const MAKERS: Readonly<Record<string, (url: string, options?: RedisOptions) => Client>> = {
  'ioredis 6': (url, options = {}) => new Redis(url, options),
  'ioredis 5': (url, options = {}) => new five.Redis(url, options as five.RedisOptions),
}

const redis = await startRedis()
after(() => redis.stop())

for (const [version, make] of Object.entries(MAKERS)) {
  const client = (t: TestContext, url: string, options: RedisOptions = {}) => {
    const made = make(url, { retryStrategy: () => 50, ...options }).on('error', () => {})
    t.after(() => made.disconnect())
    return made
  }
  const opened = (t: TestContext, given: Client, milliseconds = timeout) => {
    const store = new RedisTokenStore(given, { timeout: milliseconds })
    t.after(() => store.close())
    return store
  }

  describe(`RedisTokenStore with a client of ${version}`, () => {
    test('leaves the client open, and no listener on it', async t => {
      const own = client(t, redis.url)
      const before = listenersOf(own)
      const store = opened(t, own)
      assert.equal(await store.compareAndSet(`left open ${version}`, undefined, 'a', soon()), true)
      await store.close()
      await assert.rejects(store.get(['key']), /closed/)
      assert.equal(await own.get(`authx:left open ${version}`), 'a')
      assert.deepEqual(listenersOf(own), before)
    })

    test('connects a lazy client with its first call', async t => {
      const own = client(t, redis.url, { lazyConnect: true })
      const store = opened(t, own)
      assert.equal(own.status, 'wait')
      assert.deepEqual(await store.get(['none']), [undefined])
    })

    test('puts the keyPrefix of the client before its own, also in what it says about permissions', async t => {
      const own = client(t, redis.url, { keyPrefix: `shop:${version}:` })
      const store = opened(t, own)
      assert.equal(await store.compareAndSet('key', undefined, 'a', soon()), true)
      assert.equal(await client(t, redis.url).get(`shop:${version}:authx:key`), 'a')
      await redis.command('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', '~other:*', '+@all')
      const limited = client(t, redis.url, { keyPrefix: 'shop:', username: 'limited', password: 'secret' })
      await assert.rejects(opened(t, limited).get(['key']), /add ~shop:authx:\* to its ACL rules/)
    })

    for (const enableOfflineQueue of [true, false]) {
      for (const lazyConnect of [true, false]) {
        const options = { enableOfflineQueue, lazyConnect, maxRetriesPerRequest: null }
        test(`fails at once while nothing listens, and heals, with ${JSON.stringify(options)}`, async t => {
          const port = await freePort()
          const store = opened(t, client(t, `redis://127.0.0.1:${port}`, options))
          for (let turn = 0; turn < 3; turn++) {
            await within(AT_ONCE, () => assert.rejects(store.get(['key']), /Redis cannot be reached: .*ECONNREFUSED/))
            await within(AT_ONCE, () => assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /Redis/))
          }
          const late = await startRedis({ port })
          t.after(() => late.stop())
          await until(async () => assert.deepEqual(await store.get(['key']), [undefined]))
        })
      }
    }

    test('says so when the client has given up, and works when the caller connects it again', async t => {
      const port = await freePort()
      const own = client(t, `redis://127.0.0.1:${port}`, { retryStrategy: () => null })
      const store = opened(t, own)
      await assert.rejects(store.get(['key']), /Redis cannot be reached/)
      await until(() => assert.rejects(store.get(['key']), /not connected; call connect\(\) of the client/))
      const late = await startRedis({ port })
      t.after(() => late.stop())
      await own.connect()
      assert.deepEqual(await store.get(['key']), [undefined])
    })

    test('a write whose connection was lost fails at once, and is not sent again', async t => {
      const proxy = await tcpProxy(redis.port)
      t.after(() => proxy.close())
      const store = opened(t, client(t, proxy.url, { maxRetriesPerRequest: null }))
      const key = `cut ${version}`
      assert.equal(await store.compareAndSet(key, undefined, 'before', soon()), true)
      proxy.isolate()
      const writes = [
        assert.rejects(store.compareAndSet(key, 'before', 'given up', soon()), /Redis cannot be reached/),
        assert.rejects(store.compareAndSet(`new ${key}`, undefined, 'given up', soon()), /Redis cannot be reached/),
        assert.rejects(store.get([key]), /Redis cannot be reached/),
      ]
      await within(AT_ONCE, async () => {
        proxy.heal()
        await Promise.all(writes)
      })
      await until(async () => assert.deepEqual(await store.get([key, `new ${key}`]), ['before', undefined]))
    })

    test('a write that was applied is never answered as if another had been faster', async t => {
      const proxy = await tcpProxy(redis.port)
      t.after(() => proxy.close())
      const store = opened(t, client(t, proxy.url, { maxRetriesPerRequest: null }))
      const key = `applied ${version}`
      await until(() => store.get([key]))
      assert.equal(await store.compareAndSet(key, undefined, '1', soon()), true)
      proxy.swallowReplies()
      const write = assert.rejects(store.compareAndSet(key, '1', '2', soon()), /Redis cannot be reached/)
      const other = client(t, redis.url)
      await until(async () => assert.equal(await other.get(`authx:${key}`), '2'))
      proxy.heal()
      await write
    })

    test('calls end by the time of the store, not by commandTimeout of the client', async t => {
      const proxy = await tcpProxy(redis.port)
      t.after(() => proxy.close())
      const store = opened(t, client(t, proxy.url, { commandTimeout: 20 }))
      await until(() => store.get(['key']))
      proxy.delayReplies(150)
      assert.equal(await store.compareAndSet(`slow ${version}`, undefined, 'a', soon()), true)
      assert.deepEqual(await store.get([`slow ${version}`]), ['a'])
    })

    test('a script of the application that is called get, and transformers of replies, do not matter', async t => {
      const own = client(t, redis.url, { scripts: { get: { lua: 'return "from a script"', numberOfKeys: 1 } } })
      const store = opened(t, own)
      const key = `script ${version}`
      assert.equal(await store.compareAndSet(key, undefined, 'a', soon()), true)
      assert.deepEqual(await store.get([key]), ['a'])
      const { Command } = version === 'ioredis 6' ? await import('ioredis') : five
      Command.setReplyTransformer('get', () => 'transformed')
      t.after(() => Command.setReplyTransformer('get', (reply: unknown) => reply))
      assert.deepEqual(await store.get([key]), ['a'])
    })

    test('a client that subscribes or monitors is named as the cause', async t => {
      const own = client(t, redis.url, { protocol: 2 })
      const store = opened(t, own)
      await own.subscribe('channel')
      await assert.rejects(store.get(['key']), /in subscriber mode; give the store a client of its own/)
      await own.unsubscribe('channel')
      assert.deepEqual(await store.get(['key']), [undefined])
    })

    test('calls that have no answer do not pile up: beyond ten thousand they reject at once, until Redis answers', async t => {
      const still = await server(t)
      const store = opened(t, client(t, still.url), 500)
      await store.get(['key'])
      still.pause()
      await Promise.all(Array.from({ length: 10_000 }, () => assert.rejects(store.get(['key']), /no answer/)))
      await assert.rejects(store.get(['key']), /too many calls wait/)
      still.resume()
      await until(async () => assert.deepEqual(await store.get(['key']), [undefined]))
    })

    test('a wrong password and a missing one are told', async t => {
      const locked = await server(t, { args: ['--requirepass', 'right'] })
      for (const [password, said] of [
        ['wrong', /WRONGPASS/],
        [undefined, /NOAUTH/],
      ] as const) {
        const store = opened(t, client(t, locked.url, password === undefined ? {} : { password }))
        await until(() => assert.rejects(store.get(['key']), said))
      }
      assert.deepEqual(await opened(t, client(t, locked.url, { password: 'right' })).get(['key']), [undefined])
    })

    test('options that let replicas answer are refused', t => {
      const refused = (options: RedisOptions, message: RegExp) =>
        assert.throws(() => new RedisTokenStore(client(t, redis.url, { lazyConnect: true, ...options })), {
          name: 'TypeError',
          message,
        })
      refused({ readOnly: true }, /readOnly.*replica/)
      refused({ sentinels: [{ host: '127.0.0.1', port: 1 }], name: 'tokens', role: 'slave' }, /role.*replica/)
    })

    test('neither errors nor their causes show keys, values, addresses or passwords', async t => {
      const own = client(t, `redis://user:secret-password@127.0.0.1:${await freePort()}`)
      const store = opened(t, own)
      for (const call of [
        () => store.get(['secret-key']),
        () => store.compareAndSet('secret-key', undefined, 'secret-value', soon()),
      ]) {
        await assert.rejects(call, error => {
          const { message, cause } = error as Error
          assert.doesNotMatch(`${message} ${cause}`, /secret|127\.0\.0\.1/)
          return true
        })
      }
    })
  })
}

function listenersOf(client: Client): number[] {
  return ['ready', 'error', 'close', 'end'].map(event => client.listenerCount(event))
}

async function server(t: TestContext, options?: Parameters<typeof startRedis>[0]): Promise<RedisServer> {
  const own = await startRedis(options)
  t.after(() => own.stop())
  return own
}
