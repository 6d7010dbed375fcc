import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { after, describe, type TestContext, test } from 'node:test'
import { createClient } from '@keyv/redis'
import { testTokenStore } from '../../src/testing/index.js'
import { type RedisClient, RedisTokenStore } from '../../stores/redis.js'
import { startRedis } from '../support/redis.js'
import { tcpProxy } from '../support/tcp-proxy.js'

const redis = await startRedis()
after(() => redis.stop())
const url = redis.url
const timeout = 500
const soon = () => new Date(Date.now() + 60_000)

/** node-redis's RESP_TYPES.BLOB_STRING and SIMPLE_STRING, which @keyv/redis does not export. */
const AS_BUFFERS = { 36: Buffer, 43: Buffer }
const CACHING = { RESP: 3, clientSideCache: { ttl: 0, maxEntries: 100 } } as const

const SCRIPT = 'return "from a script"'
const namedGet = {
  SCRIPT,
  SHA1: createHash('sha1').update(SCRIPT).digest('hex'),
  NUMBER_OF_KEYS: 1,
  parseCommand: (parser: { pushKey(key: string): void }, key: string) => parser.pushKey(key),
  transformReply: undefined,
}

const CLIENTS: Readonly<Record<string, () => unknown>> = {
  'a cache of its own (clientSideCache)': () => createClient({ url, ...CACHING }),
  'Buffers as replies (commandOptions)': () => createClient({ url, commandOptions: { typeMapping: AS_BUFFERS } }),
  'Buffers as replies (withTypeMapping)': () => createClient({ url }).withTypeMapping(AS_BUFFERS),
  'a script that is called get': () => createClient({ url, scripts: { get: namedGet } as never }),
}

for (const [what, create] of Object.entries(CLIENTS)) {
  describe(`RedisTokenStore with a client that has ${what}`, { concurrency: true }, async () => {
    const client = create() as RedisClient
    await client.connect()
    after(() => client.destroy())
    testTokenStore({ test, createStore: options => new RedisTokenStore(client, { ...options, timeout: 5000 }) })
  })
}

describe('RedisTokenStore and caches', () => {
  const caching: Readonly<Record<string, (at: string) => Promise<RedisClient | object>>> = {
    'a client that has one': async at => await createClient({ url: at, ...CACHING }).connect(),
    'options that ask for one': async at => ({ url: at, ...CACHING }),
    'a client whose get is wrapped by the application': async at => {
      const client = await createClient({ url: at }).connect()
      return Object.assign(Object.create(client), { get: async () => 'before' })
    },
  }
  for (const [what, open] of Object.entries(caching)) {
    test(`with ${what}, a connection that carries nothing any more is no answer, and never the former one`, async t => {
      const proxy = await tcpProxy(redis.port)
      t.after(() => proxy.close())
      const key = `of ${what}`
      const given = (await open(proxy.url)) as RedisClient
      const store = new RedisTokenStore(given, { timeout })
      const other = opened(t, url)
      assert.equal(await other.compareAndSet(key, undefined, 'before', soon()), true)
      for (let turn = 0; turn < 3; turn++) assert.deepEqual(await store.get([key]), ['before'])
      proxy.isolate()
      assert.equal(await other.compareAndSet(key, 'before', 'revoked', soon()), true)
      for (let turn = 0; turn < 3; turn++) await assert.rejects(store.get([key]), /Redis/)
      proxy.heal()
      await store.close()
      if (typeof given.destroy === 'function') await given.destroy()
    })
  }

  test('a cache of the client is neither asked nor filled', async t => {
    const client = createClient({ url, ...CACHING })
    await client.connect()
    t.after(() => client.destroy())
    const store = opened(t, client as unknown as RedisClient)
    for (let turn = 0; turn < 3; turn++) await store.get(['cached', 'or not'])
    assert.deepEqual([client.clientSideCache?.size(), client.clientSideCache?.stats().hitCount], [0, 0])
  })
})

describe('RedisTokenStore refuses', () => {
  const refused = async (client: unknown, message: RegExp) =>
    assert.throws(() => new RedisTokenStore(client as RedisClient), { name: 'TypeError', message })

  test('a pool of node-redis, and names what to give instead', () =>
    refused(createClient({ url }).createPool(), /pool.*createClient/))

  test('a client that lets replicas answer', () => refused(createClient({ url, readonly: true }), /readonly.*replica/))

  test('options that let replicas answer', () => refused({ url, readonly: true }, /readonly.*replica/))

  test('to take no reply for nothing there, as from a client with callbacks', async t => {
    const client = Object.assign(new EventEmitter(), {
      isOpen: true,
      connect: async () => {},
      evalSha: async () => undefined,
      sendCommand: async () => undefined,
    })
    const store = opened(t, client as unknown as RedisClient)
    await assert.rejects(store.get(['key']), /not a string/)
    await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /answer of Redis .* is invalid/)
  })
})

function opened(t: TestContext, connect: string | RedisClient): RedisTokenStore {
  const store = new RedisTokenStore(connect, { timeout })
  t.after(() => store.close())
  return store
}
