import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { inspect } from 'node:util'
import KeyvRedis, { createClient } from '@keyv/redis'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { Keyv } from 'keyv'
import { testTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { inProcesses } from '../support/processes.js'
import { startRedis } from '../support/redis.js'
import type { SharedBackend } from '../support/store-kinds.js'
import { until } from '../support/until.js'

const own = process.env.TEST_REDIS_URL ? undefined : await startRedis()
const url = process.env.TEST_REDIS_URL ?? (own?.url as string)
after(() => own?.stop())
const soon = () => new Date(Date.now() + 60_000)
/** What is said is at issue here, not how soon: other tests keep the processors busy. */
const timeout = 20_000
const newKey = () => `test:${randomUUID()}`

const OF_IOREDIS = {
  'ioredis 6': () => new Redis(url),
  'ioredis 6, RESP 2, with auto pipelining and a prefix': () =>
    new Redis(url, { protocol: 2, enableAutoPipelining: true, keyPrefix: 'app:' }),
  'ioredis 5': () => new Redis5(url),
  'ioredis 5, with auto pipelining and a prefix': () =>
    new Redis5(url, { enableAutoPipelining: true, keyPrefix: 'app5:', stringNumbers: true, lazyConnect: true }),
}

// Most of the time of the suite is spent waiting for records to expire.
describe('RedisTokenStore meets the contract', { concurrency: 4 }, () => {
  describe('with a url', { concurrency: true }, async () => {
    const client = createClient({ url })
    await client.connect()
    after(() => client.destroy())
    const expiryOf = async (key: string) => {
      const left = await client.pTTL(`authx:${key}`)
      return left < 0 ? undefined : new Date(Date.now() + left)
    }
    testTokenStore({ test, createStore: options => new RedisTokenStore(url, { ...options, timeout }), expiryOf })
  })

  describe('with a client of the caller', { concurrency: true }, async () => {
    const client = createClient({ url })
    await client.connect()
    after(() => client.destroy())
    testTokenStore({ test, createStore: options => new RedisTokenStore(client, { ...options, timeout }) })
  })

  for (const [what, create] of Object.entries(OF_IOREDIS)) {
    describe(`with a client of ${what}`, { concurrency: true }, () => {
      const client = create()
      after(() => client.disconnect())
      const expiryOf = async (key: string) => {
        const left = await client.pttl(`authx:${key}`)
        return left < 0 ? undefined : new Date(Date.now() + Number(left))
      }
      testTokenStore({ test, createStore: options => new RedisTokenStore(client, { ...options, timeout }), expiryOf })
    })
  }

  describe('with client options and RESP 3', { concurrency: true }, () => {
    testTokenStore({ test, createStore: options => new RedisTokenStore({ url, RESP: 3 }, { ...options, timeout }) })
  })
})

describe('RedisTokenStore, four processes at one server, two with a url and two with ioredis', () => {
  const ways: [SharedBackend, SharedBackend] = [
    { kind: 'redis', at: url },
    { kind: 'ioredis', at: url },
  ]

  test('each meets the contract while the others do the same', async () => {
    const reports = await inProcesses(4, ways, { suite: true })
    for (const { failures } of reports) assert.deepEqual(failures, [])
  })

  test('of all that claim a key exactly one gets it, and nobody loses a count', async () => {
    const claim = Array.from({ length: 500 }, newKey)
    const key = newKey()
    const reports = await inProcesses(4, ways, { claim, count: { key, times: 200 } })
    for (const { failures } of reports) assert.deepEqual(failures, [])
    assert.deepEqual(reports.flatMap(report => report.claimed).sort(), [...claim].sort())
    const store = new RedisTokenStore(url)
    assert.deepEqual(await store.get([key]), ['800'])
    await store.close()
  })
})

describe('RedisTokenStore', () => {
  test('the value is kept as it is, under prefix and key, with a time to live', async () => {
    const client = createClient({ url })
    await client.connect()
    const store = new RedisTokenStore(url, { prefix: 'app-1:' })
    const key = newKey()
    await store.compareAndSet(key, undefined, 'the value', soon())
    assert.equal(await client.get(`app-1:${key}`), 'the value')
    const left = await client.pTTL(`app-1:${key}`)
    assert.ok(left > 30_000 && left <= 60_000, `${left} ms are left`)
    await store.close()
    client.destroy()
  })

  test('a key that holds something else than a string rejects both verbs', async () => {
    const client = createClient({ url })
    await client.connect()
    const store = new RedisTokenStore(url)
    const key = newKey()
    await client.lPush(`authx:${key}`, 'a')
    await client.expire(`authx:${key}`, 60)
    await assert.rejects(store.get([newKey(), key]), /WRONGTYPE/)
    await assert.rejects(store.compareAndSet(key, undefined, 'a', soon()), /WRONGTYPE|ERR/)
    await store.close()
    client.destroy()
  })

  test('the script is sent again after Redis has forgotten it', async () => {
    const client = createClient({ url })
    await client.connect()
    const store = new RedisTokenStore(url)
    const key = newKey()
    await store.compareAndSet(key, undefined, 'a', soon())
    await client.scriptFlush()
    assert.equal(await store.compareAndSet(key, 'a', 'b', soon()), true)
    assert.deepEqual(await store.get([key]), ['b'])
    await store.close()
    client.destroy()
  })

  test('a client of the caller is left open, and is never connected for the caller', async () => {
    const client = createClient({ url })
    const store = new RedisTokenStore(client)
    await assert.rejects(store.get(['key']), /connect\(\)/)
    await client.connect()
    const key = newKey()
    assert.equal(await store.compareAndSet(key, undefined, 'a', soon()), true)
    await store.close()
    await assert.rejects(store.get([key]), /closed/)
    assert.equal(await client.get(`authx:${key}`), 'a')
    client.destroy()
  })

  test('an event loop that was busy for longer than the timeout does not turn an answer into a failure', async () => {
    const store = new RedisTokenStore(url, { timeout: 100 })
    const key = newKey()
    await until(() => store.compareAndSet(key, undefined, 'a', soon()))
    const answer = store.get([key])
    // node-redis writes with setImmediate, too.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    const end = performance.now() + 400
    while (performance.now() < end);
    assert.deepEqual(await answer, ['a'])
    await store.close()
  })

  test('ten thousand calls at once are answered, however many keys they have, and one more is refused', async () => {
    const store = new RedisTokenStore(url, { timeout: 60_000 })
    await store.get(['key'])
    const calls = Array.from({ length: 10_000 }, () => store.get(['key', 'other']))
    await assert.rejects(store.get(['key', 'other']), /too many calls wait/)
    for (const values of await Promise.all(calls)) assert.deepEqual(values, [undefined, undefined])
    await store.close()
  })

  test('calls under way when it is closed come to their end', async () => {
    const store = new RedisTokenStore(url)
    const key = newKey()
    const write = store.compareAndSet(key, undefined, 'a', soon())
    await store.close()
    assert.equal(await write, true)
  })

  test('the process ends after close, and after close while Redis is away', () => {
    for (const at of [url, 'redis://127.0.0.1:1']) {
      const program = `
        import { RedisTokenStore } from './stores/redis.js'
        const store = new RedisTokenStore(${JSON.stringify(at)})
        await store.get(['key']).catch(() => {})
        await store.close()`
      const node = ['--import', 'tsx', '--input-type=module', '-e', program]
      const { status, stderr } = spawnSync(process.execPath, node, { timeout: 50_000, encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      assert.equal(stderr, '')
    }
  })

  test('the process ends when the store is closed before it has connected', () => {
    const program = `
      import { RedisTokenStore } from './stores/redis.js'
      await new RedisTokenStore(${JSON.stringify(url)}).close()`
    const node = ['--import', 'tsx', '--input-type=module', '-e', program]
    const { status, stderr } = spawnSync(process.execPath, node, { timeout: 50_000, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })

  test('a date that is not in the future rejects', async () => {
    const store = new RedisTokenStore(url)
    for (const date of [new Date(), new Date(0), new Date(Number.NaN)]) {
      await assert.rejects(store.compareAndSet('key', undefined, 'a', date), RangeError)
    }
    await store.close()
  })

  test('neither the store nor its errors show the url or the password', async () => {
    const secret = 'redis://user:secret-password@127.0.0.1:1/5'
    const store = new RedisTokenStore(secret)
    const errors = [
      await store.get(['key']).catch(error => error),
      await store.compareAndSet('secret-key', undefined, 'secret-value', soon()).catch(error => error),
    ]
    for (const shown of [store, ...errors]) {
      assert.doesNotMatch(inspect(shown, { depth: 10, showHidden: true }), /secret|127\.0\.0\.1/)
    }
    assert.doesNotMatch(JSON.stringify(store), /secret/)
    await store.close()
    for (const wrong of [
      'redis//:secret@host',
      'http://user:secret@host',
      'redis://user:secret@host:port:5',
      'redis://h/x-secret',
    ]) {
      assert.throws(
        () => new RedisTokenStore(wrong),
        error =>
          error instanceof TypeError && !inspect(error, { showHidden: true }).split('\n    at ')[0]?.includes('secret'),
      )
    }
  })

  test('wrong arguments are a TypeError that names the option', () => {
    const ofNobody = { connect: async () => {}, get: async () => null, evalsha: async () => null }
    const others = [new Keyv(), new KeyvRedis(url), new URL(url), new MemoryTokenStore(), ofNobody, Redis]
    for (const wrong of [undefined, null, '', 5, ...others]) {
      assert.throws(() => new RedisTokenStore(wrong as never), {
        name: 'TypeError',
        message: /a client of node-redis 5 or of ioredis 5 or 6$/,
      })
    }
    assert.throws(() => new RedisTokenStore(url, { prefix: 'a b' }), { name: 'TypeError', message: /prefix/ })
    assert.throws(() => new RedisTokenStore(url, { timeout: 0 }), { name: 'TypeError', message: /timeout/ })
    assert.throws(() => new RedisTokenStore(url, { tmeout: 5 } as never), { name: 'TypeError', message: /tmeout/ })
  })

  const MEANT: readonly (readonly [given: object, message: RegExp])[] = [
    [{ host: '10.0.0.5', port: 6380 }, /"host".*\{ socket: \{ host, port \} \}/],
    [{ port: 6380 }, /"port".*socket/],
    [{ hostname: 'redis' }, /"hostname".*socket/],
    [{ path: '/run/redis.sock' }, /"path".*\{ socket: \{ path \} \}/],
    [{ nodes: [{ host: 'a' }] }, /"nodes".*createCluster/],
    [{ rootNodes: [] }, /"rootNodes".*createCluster/],
    [{ sentinels: [], name: 'mymaster' }, /"sentinels".*createSentinel/],
    [{ sentinelRootNodes: [], name: 'mymaster' }, /"sentinelRootNodes".*createSentinel/],
    [[{ host: 'a', port: 1 }], /createCluster/],
    [{ uri: 'redis://a' }, /"uri".*url/],
    [{ URL: 'redis://a' }, /"URL".*url/],
    [{ db: 3 }, /"db".*database/],
    [{ user: 'a', password: 'b' }, /"user".*username/],
    [{ passwort: 'b' }, /"passwort".*password/],
    [{ tls: true }, /"tls".*socket/],
    [{ url: 'redis://a', prefix: 'x:' }, /"prefix".*second/],
    [{ url: 'redis://a', timeout: 5 }, /"timeout".*second/],
    [{ url: 'redis://a', keyPrefix: 'x:' }, /"keyPrefix".*prefix/],
    [{ lazyConnect: true }, /"lazyConnect".*new Redis\(options\)/],
    [{ url: 'redis://a', maxRetriesPerRequest: null }, /"maxRetriesPerRequest".*new Redis\(options\)/],
    [{ host: 'redis', keyPrefix: 'x:' }, /"host".*a client of ioredis: new Redis/],
    [{ toString: 1 }, /"toString"/],
    [{ url: undefined }, /url/],
    [{ url: '' }, /url/],
    [{ url: new URL('redis://a') }, /url/],
    [{ socket: 'redis:6379' }, /socket/],
    [{ socket: { host: undefined } }, /socket\.host/],
    [{ socket: { port: 'x' } }, /socket\.port/],
    [{ socket: { hostname: 'redis' } }, /"hostname".*host/],
    [{ socket: { hosts: 'redis' } }, /"hosts".*host/],
    [{ socket: { Host: 'redis' } }, /"Host".*host/],
    ...['ip', 'addr', 'uri', 'URL', 'socketPath', 'url', 'toString'].map(
      name => [{ socket: { [name]: 'redis' } }, new RegExp(`"${name}" is not an option of socket`)] as const,
    ),
    [{ socket: { hots: 'redis' } }, /"hots".*did you mean host\?/],
    [{ socket: { host: 'redis', prot: 6380 } }, /"prot".*did you mean port\?/],
    [{ socket: { host: 'redis', tsl: true } }, /"tsl".*did you mean tls\?/],
    [{ socket: { host: 'redis', ssl: true } }, /"ssl".*tls: true/],
    [{ socket: { host: 'redis', password: 'x' } }, /password belongs next to socket/],
    [{ socket: { host: 'redis', Database: 3 } }, /database belongs next to socket/],
    [{ socket: { host: 'redis', timeout: 5 } }, /"timeout".*connectTimeout or socketTimeout/],
    [{ socket: { host: 'redis', connectTimeout: '5' } }, /socket\.connectTimeout.*milliseconds/],
    [{ socket: { host: 'redis', tls: {} } }, /socket\.tls must be true or false/],
    [{ socket: { host: 'redis', tls: 'true' } }, /socket\.tls must be true or false/],
    [{ socket: { host: 'redis', ca: 'PEM' } }, /socket\.ca.*tls: true/],
    [{ url: 'redis://a', socket: { rejectUnauthorized: false } }, /rejectUnauthorized.*rediss/],
    [{ url: 'redis://a', socket: { host: 'b' } }, /two addresses/],
    [{ url: 'redis://a', socket: { path: '/run/redis.sock' } }, /two addresses/],
    [{ Url: 'redis://a' }, /"Url".*url/],
    [{ HOST: 'redis' }, /"HOST".*\{ socket: \{ host, port \} \}/],
    [{ Db: 3 }, /"Db".*database/],
    [{ ssl: true }, /"ssl".*socket: \{ tls: true \}/],
    [{ cluster: true }, /"cluster".*createCluster/],
    [{ redisOptions: {} }, /"redisOptions".*createCluster/],
    [{ client: {} }, /"client".*itself/],
    [{ url: 'redis://a', pingInterval: '1s' }, /pingInterval.*milliseconds/],
    [{ url: 'redis://a', pingInterval: -1 }, /pingInterval.*milliseconds/],
    [{ url: 'redis://a', database: 'sessions' }, /database must be a whole number/],
    [{ url: 'redis://a', database: 1.5 }, /database must be a whole number/],
    [{ url: 'redis://a', database: null }, /database must be a whole number/],
    [{ url: 'redis://a', password: 12345 }, /password must be a string/],
    [{ url: 'redis://a', username: 5 }, /username must be a string/],
    [{ url: 'redis://a', commandsQueueMaxLength: 0 }, /commandsQueueMaxLength must be/],
    [{ url: 'redis://a', RESP: '3' }, /RESP must be 2 or 3/],
    [{ url: 'redis:6379' }, /names no host/],
    [{ url: 'redis:///3' }, /names no host/],
  ]
  for (const [given, message] of MEANT) {
    test(`${inspect(given)} is no way to Redis, and the right one is named`, () => {
      assert.throws(() => new RedisTokenStore(given as never), { name: 'TypeError', message })
    })
  }

  test('the options that node-redis takes are taken', async () => {
    const { hostname: host, port } = new URL(url)
    for (const options of [
      { socket: { host, port: Number(port), keepAlive: true, noDelay: true, family: 4 } },
      { socket: { host, port: port as never } },
      { url, name: 'authx', database: 0, RESP: 3, disableClientInfo: true, commandsQueueMaxLength: 5 },
    ] as const) {
      const store = new RedisTokenStore(options)
      await until(async () => assert.deepEqual(await store.get(['none']), [undefined]))
      await store.close()
    }
    const { rejectUnauthorized } = { rejectUnauthorized: false }
    for (const options of [
      { url: 'rediss://a', socket: { rejectUnauthorized } },
      { socket: { host, tls: true, rejectUnauthorized } },
      { url, database: '0', socket: { keepAlive: false, connectTimeout: 0 } },
      { password: 'x' },
      { username: 'a', password: 'x' },
      { socket: { host, tls: true } },
    ]) {
      await new RedisTokenStore(options as never).close()
    }
  })

  test('a url without a host is refused: it would be this machine', () => {
    for (const wrong of ['redis:6379', 'redis:', 'redis://', 'rediss:///0', 'redis:host:6379']) {
      assert.throws(() => new RedisTokenStore(wrong), { name: 'TypeError', message: /names no host/ })
    }
  })

  test('no value of an option is shown in an error', () => {
    for (const wrong of [
      { pasword: 'secret' },
      { url: ['secret'] },
      { socket: { host: ['secret'] } },
      { db: 'secret' },
      { database: 'secret' },
      { socket: { tls: 'secret' } },
      { socket: { pasword: 'secret' } },
      { url: 'redis://secret', socket: { host: 'secret' } },
    ]) {
      assert.throws(
        () => new RedisTokenStore(wrong as never),
        error => error instanceof TypeError && !error.message.includes('secret'),
      )
    }
  })
})
