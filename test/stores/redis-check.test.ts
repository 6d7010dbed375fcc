import assert from 'node:assert/strict'
import { after, describe, mock, type TestContext, test } from 'node:test'
import { createClient, createCluster, createSentinel } from '@keyv/redis'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5'
import type { StoreFinding } from '../../src/index.js'
import { type RedisClient, type RedisClientOptions, RedisTokenStore } from '../../stores/redis.js'
import { freePort } from '../support/free-port.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { type RedisCluster, startCluster } from '../support/redis-cluster.js'
import { startSentinels } from '../support/redis-sentinel.js'
import { until } from '../support/until.js'

const LOGIN = { username: 'authx', password: 'a-long-password' }
const RULES = ['~authx:*', '+get', '+set', '+eval', '+evalsha', '+time', '+ping']
const soon = () => new Date(Date.now() + 60_000)

/** A server with the settings of the page about deploying, on which nothing is found. */
const redis = await startRedis({ args: ['--appendonly', 'yes'] })
// Not stop(): a server that writes its first AOF does not end then.
after(() => redis.kill())

type Connect = string | RedisClientOptions | RedisClient

function opened(t: TestContext, connect: Connect, options: { prefix?: string; timeout?: number } = {}) {
  const store = new RedisTokenStore(connect, { timeout: 5000, ...options })
  t.after(() => store.close())
  return store
}

const codesOf = (findings: readonly StoreFinding[]) => findings.map(({ code }) => code)

/** The only finding that is there. */
function onlyIn(findings: readonly StoreFinding[], code: string): string {
  assert.deepEqual(codesOf(findings), [code])
  return String(findings[0]?.message)
}

/** A setting of the server until the test ends. */
async function setting(t: TestContext, name: string, value: string, server: RedisServer = redis): Promise<void> {
  const before = /\$\d+\r\n[^\r]*\r\n\$\d+\r\n([^\r]*)\r\n/.exec(await server.command('CONFIG', 'GET', name))?.[1] ?? ''
  assert.match(await server.command('CONFIG', 'SET', name, value), /^\+OK/)
  t.after(() => server.command('CONFIG', 'SET', name, before))
}

describe('check of a Redis', () => {
  test('finds nothing with the settings of the page about deploying, and leaves nothing in it', async t => {
    const store = opened(t, redis.url)
    await store.compareAndSet('key', undefined, 'a', soon())
    const size = await redis.command('DBSIZE')
    assert.deepEqual(await store.check(), [])
    assert.deepEqual(await store.get(['key']), ['a'])
    assert.equal(await redis.command('DBSIZE'), size)
  })

  const SETTINGS: readonly (readonly [name: string, value: string, code: string, said: RegExp])[] = [
    [
      'maxmemory-policy',
      'allkeys-lru',
      'redis-eviction',
      /as soon as maxmemory is set.*CONFIG SET maxmemory-policy noev/,
    ],
    ['maxmemory-policy', 'volatile-ttl', 'redis-eviction', /is volatile-ttl/],
    ['appendonly', 'no', 'redis-persistence', /nothing on disk.*CONFIG SET appendonly yes/],
    ['appendfsync', 'no', 'redis-fsync', /power cut.*CONFIG SET appendfsync everysec/],
  ]
  for (const [name, value, code, said] of SETTINGS) {
    test(`finds ${name} ${value}: ${code}`, async t => {
      await setting(t, name, value)
      assert.match(onlyIn(await opened(t, redis.url).check(), code), said)
    })
  }

  test('finds that it evicts now, if maxmemory is set', async t => {
    await setting(t, 'maxmemory', '100mb')
    const store = opened(t, redis.url)
    assert.deepEqual(await store.check(), [])
    await setting(t, 'maxmemory-policy', 'allkeys-lfu')
    assert.match(onlyIn(await store.check(), 'redis-eviction'), /when its memory is full/)
  })

  test('finds that only snapshots are kept', async t => {
    await setting(t, 'appendonly', 'no')
    await setting(t, 'save', '3600 1')
    assert.match(onlyIn(await opened(t, redis.url).check(), 'redis-snapshots'), /after the last snapshot/)
  })

  test('finds that it is full, and refuses writes', async t => {
    const store = opened(t, redis.url)
    await setting(t, 'maxmemory', '1')
    assert.match(onlyIn(await store.check(), 'redis-writes'), /OOM.*503/)
  })

  test('finds that it has lost its replicas, and refuses writes', async t => {
    const store = opened(t, redis.url)
    await setting(t, 'min-replicas-to-write', '1')
    assert.match(onlyIn(await store.check(), 'redis-writes'), /NOREPLICAS/)
  })

  for (const [words, ahead] of [
    ['behind', 60_000],
    ['ahead of', -60_000],
  ] as const) {
    test(`finds that its clock is ${words} that of this process`, async t => {
      const store = opened(t, redis.url)
      await store.get(['key'])
      const { now } = Date
      mock.method(Date, 'now', () => now() + ahead)
      t.after(() => mock.restoreAll())
      const message = onlyIn(await store.check(), 'redis-clock')
      assert.match(message, new RegExp(`(59|60) seconds ${words} the clock of this process`))
    })
  }

  test('finds a replica, and a master whose replicas it may lose unnoticed', async t => {
    const replica = await startRedis({ args: ['--appendonly', 'yes'] })
    t.after(() => replica.kill())
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port))
    await until(async () => (await redis.command('INFO', 'replication')).includes('state=online'))
    assert.match(onlyIn(await opened(t, replica.url).check(), 'redis-replica'), /Connect to the master/)
    const ofMaster = onlyIn(await opened(t, redis.url).check(), 'redis-replication')
    assert.match(ofMaster, /CONFIG SET min-replicas-to-write 1/)
    await setting(t, 'min-replicas-to-write', '1')
    assert.deepEqual(await opened(t, redis.url).check(), [])
  })

  test('finds a replica without the right to ask what it is', async t => {
    const replica = await startRedis({ args: ['--appendonly', 'yes'] })
    t.after(() => replica.kill())
    await replica.command('REPLICAOF', '127.0.0.1', String(redis.port))
    await until(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'))
    await allow(replica, RULES)
    const codes = codesOf(await opened(t, { url: replica.url, ...LOGIN }).check())
    assert.deepEqual(codes, ['redis-replica', 'redis-unseen'])
  })

  test('rejects as calls do if nothing answers, or the server loads its data, and after close', async t => {
    const away = opened(t, `redis://:secret-word@127.0.0.1:${await freePort()}`)
    await assert.rejects(away.check(), /^Error: Redis cannot be reached: [\w, ]*ECONNREFUSED$/)
    const locked = await startRedis({ args: ['--requirepass', 'x'] })
    t.after(() => locked.stop())
    await assert.rejects(opened(t, locked.url).check(), /NOAUTH/)
    const closed = opened(t, redis.url)
    await closed.close()
    await assert.rejects(closed.check(), /closed/)
  })

  test('ends if the server is frozen', async t => {
    const frozen = await startRedis()
    const store = opened(t, frozen.url, { timeout: 100 })
    await until(() => store.get(['key']))
    frozen.pause()
    t.after(() => frozen.stop())
    await assert.rejects(store.check(), /no answer within 5000 ms|cannot be reached/)
  })
})

async function allow(server: RedisServer, rules: readonly string[]): Promise<void> {
  const words = [LOGIN.username, 'reset', 'on', `>${LOGIN.password}`, ...rules]
  assert.match(await server.command('ACL', 'SETUSER', ...words), /OK/)
}

describe('check of the permissions of a Redis user', () => {
  const user = { url: redis.url, ...LOGIN }

  test('finds that the settings cannot be read with those that the store needs, and nothing else', async t => {
    await allow(redis, RULES)
    const message = onlyIn(await opened(t, user).check(), 'redis-unseen')
    assert.match(message, /maxmemory-policy \(should be noeviction\), appendonly .*CONFIG GET maxmemory-policy/)
    assert.match(message, /ACL SETUSER <user> \+info \+config\|get$/)
  })

  test('finds nothing with those that the message names', async t => {
    await allow(redis, [...RULES, '+info', '+config|get'])
    assert.deepEqual(await opened(t, user).check(), [])
  })

  test('reads what it can in INFO, if a service refuses CONFIG', async t => {
    await allow(redis, [...RULES, '+info'])
    const message = onlyIn(await opened(t, user).check(), 'redis-unseen')
    assert.match(message, /: appendfsync \(/)
    assert.doesNotMatch(message, /maxmemory|appendonly|min-replicas/)
    await setting(t, 'maxmemory-policy', 'allkeys-lru')
    assert.deepEqual(codesOf(await opened(t, user).check()), ['redis-eviction', 'redis-unseen'])
  })

  const MISSING: readonly (readonly [change: string[], rules: string])[] = [
    [['-get'], '+get'],
    [['-set'], '+set'],
    [['-eval'], '+eval'],
    [['-evalsha'], '+evalsha'],
    [['-time'], '+time'],
    [['-ping'], '+ping'],
    [['-get', '-set', '-time'], '+time +set +get'],
    [['resetkeys'], '~authx:*'],
    [['resetkeys', '%R~authx:*'], '~authx:*'],
    [['-eval', 'resetkeys', '~other:*'], '~authx:* +eval'],
  ]
  for (const [change, rules] of MISSING) {
    test(`finds ${rules} missing after ${change.join(' ')}`, async t => {
      await allow(redis, [...RULES, '+info', '+config|get'])
      await redis.command('ACL', 'SETUSER', LOGIN.username, ...change)
      await redis.command('SCRIPT', 'FLUSH')
      const message = onlyIn(await opened(t, user).check(), 'redis-permission')
      assert.ok(message.endsWith(`Run: ACL SETUSER <user> ${rules}`), message)
      assert.doesNotMatch(message, /a-long-password/)
      // What it tells to do is enough.
      await redis.command('ACL', 'SETUSER', LOGIN.username, ...rules.split(' '))
      assert.deepEqual(await opened(t, user).check(), [])
    })
  }

  test('names the prefix of the store', async t => {
    await allow(redis, [...RULES, '+info', '+config|get'])
    const message = onlyIn(await opened(t, user, { prefix: 'shop-1:' }).check(), 'redis-permission')
    assert.match(message, /ACL SETUSER <user> ~shop-1:\*$/)
  })

  test('finds a command that the server does not know', async t => {
    const renamed = await startRedis({ args: ['--appendonly', 'yes', '--rename-command', 'EVALSHA', ''] })
    t.after(() => renamed.kill())
    assert.match(onlyIn(await opened(t, renamed.url).check(), 'redis-command'), /does not know the command 'evalsha'/)
  })
})

describe('check with a client of the application', () => {
  test('finds the same with node-redis, in RESP 2 and 3', async t => {
    await setting(t, 'maxmemory-policy', 'allkeys-lru')
    for (const RESP of [2, 3] as const) {
      const client = createClient({ url: redis.url, RESP })
      client.on('error', () => {})
      await client.connect()
      t.after(() => client.destroy())
      const findings = await opened(t, client as unknown as RedisClient).check()
      assert.match(onlyIn(findings, 'redis-eviction'), /CONFIG SET/)
    }
  })

  for (const [version, Client] of Object.entries({
    'ioredis 6': Redis,
    'ioredis 5': Redis5 as unknown as typeof Redis,
  })) {
    test(`finds the same with ${version}, and names its keyPrefix`, async t => {
      await allow(redis, [...RULES, '+info', '+config|get'])
      const client = new Client(redis.url, { keyPrefix: 'shop:', ...LOGIN })
      t.after(() => client.disconnect())
      client.on('error', () => {})
      const message = onlyIn(await opened(t, client as never).check(), 'redis-permission')
      assert.match(message, /ACL SETUSER <user> ~shop:authx:\*$/)
    })
  }

  test('looks at the master behind sentinels, with node-redis and with ioredis', async t => {
    const sentinels = await startSentinels()
    const client = createSentinel(sentinels.client)
    client.on('error', () => {})
    await client.connect()
    const { name, sentinelRootNodes } = sentinels.client
    const other = new Redis({ name, sentinels: sentinelRootNodes })
    other.on('error', () => {})
    t.after(async () => {
      client.destroy()
      other.disconnect()
      await sentinels.stop()
    })
    for (const each of [client, other]) {
      const codes = codesOf(await opened(t, each as never).check())
      assert.deepEqual(codes, ['redis-persistence', 'redis-replication'])
    }
  })
})

describe('check of a Cluster', async () => {
  const cluster = await startCluster()
  after(() => cluster.stop())
  const masters: RedisServer[] = cluster.nodes.slice(0, 3)
  for (const node of cluster.nodes) {
    for (const [name, value] of [
      ['appendonly', 'yes'],
      ['min-replicas-to-write', '1'],
    ] as const) {
      assert.match(await node.command('CONFIG', 'SET', name, value), /^\+OK/)
    }
  }
  const nameOf = ({ port }: RedisServer) => `127.0.0.1:${port}`
  const clients: Record<string, (t: TestContext, login?: typeof LOGIN) => Promise<RedisTokenStore>> = {
    'node-redis': (t, login) => nodeRedis(t, cluster, { defaults: login ?? {} }),
    'node-redis with useReplicas': (t, login) => nodeRedis(t, cluster, { defaults: login ?? {}, useReplicas: true }),
    'ioredis 6': async (t, login) => ioRedis(t, cluster, Cluster, login),
    'ioredis 5': async (t, login) => ioRedis(t, cluster, Cluster5 as unknown as typeof Cluster, login),
  }

  for (const [client, open] of Object.entries(clients)) {
    test(`finds nothing on a good one, with ${client}`, async t => {
      const store = await open(t)
      assert.deepEqual(await store.check(), [])
      assert.equal(await store.compareAndSet(`key ${client}`, undefined, 'a', soon()), true)
    })

    test(`finds what nodes have in common, and where they differ, with ${client}`, async t => {
      const [first, second, third] = masters as [RedisServer, RedisServer, RedisServer]
      for (const node of cluster.nodes) await setting(t, 'maxmemory-policy', 'allkeys-lru', node)
      await setting(t, 'appendfsync', 'no', second)
      const findings = await (await open(t)).check()
      assert.deepEqual(codesOf(findings), ['redis-eviction', 'redis-fsync', 'redis-nodes-differ'])
      const [eviction, fsync, differ] = findings.map(({ message }) => message) as [string, string, string]
      for (const node of [first, second, third]) assert.ok(eviction.includes(nameOf(node)), eviction)
      assert.ok(fsync.startsWith(`On ${nameOf(second)}: `), fsync)
      assert.match(differ, /differ in appendfsync \(.*everysec on /)
      assert.ok(differ.includes(`no on ${nameOf(second)}`), differ)
    })

    test(`names the node whose user lacks a permission, and another one of Clusters, with ${client}`, async t => {
      const [first, second] = masters as [RedisServer, RedisServer]
      const ofCluster = ['+cluster|slots', '+asking', '+readonly', '+readwrite', '+cluster|info', '+client|setname']
      for (const node of cluster.nodes) await allow(node, [...RULES, ...ofCluster, '+info', '+config|get'])
      const store = await open(t, LOGIN)
      assert.deepEqual(await store.check(), [])
      await first.command('ACL', 'SETUSER', LOGIN.username, '-evalsha')
      await second.command('ACL', 'SETUSER', LOGIN.username, '-asking')
      const findings = await store.check()
      assert.deepEqual(codesOf(findings), ['redis-permission', 'redis-permission'])
      for (const [node, rule] of [
        [first, '+evalsha'],
        [second, '+asking'],
      ] as const) {
        const message = String(findings.find(each => each.message.includes(`ACL SETUSER <user> ${rule}`))?.message)
        assert.ok(message.startsWith(`On ${nameOf(node)}: `), message)
      }
    })
  }

  test('finds that +readwrite is missing on a replica that is asked too', async t => {
    const ofCluster = ['+cluster|slots', '+asking', '+readonly']
    for (const node of cluster.nodes) await allow(node, [...RULES, ...ofCluster, '+info', '+config|get'])
    const store = await nodeRedis(t, cluster, { defaults: LOGIN, useReplicas: true })
    const ofReplicas = (await store.check()).find(({ message }) => message.includes('ACL SETUSER <user> +readwrite'))
    assert.equal(ofReplicas?.code, 'redis-permission')
  })

  test('finds a node that does not answer, and what is wrong with the others', async t => {
    const [first] = masters as [RedisServer]
    const store = await nodeRedis(t, cluster, {})
    assert.deepEqual(await store.check(), [])
    for (const node of cluster.nodes) await setting(t, 'appendfsync', 'no', node)
    first.pause()
    const findings = await store.check().finally(() => first.resume())
    assert.deepEqual(codesOf(findings), ['redis-node', 'redis-fsync'])
    assert.ok(findings[0]?.message.endsWith(`Nodes: ${nameOf(first)}.`))
    await until(async () => (await first.command('PING')).includes('PONG'))
  })
})

async function nodeRedis(t: TestContext, cluster: RedisCluster, options: object): Promise<RedisTokenStore> {
  const rootNodes = cluster.nodes.map(({ url }) => ({ url }))
  const client = createCluster({ rootNodes, ...options })
  client.on('error', () => {})
  await client.connect()
  t.after(() => client.destroy())
  return opened(t, client as unknown as RedisClient)
}

function ioRedis(t: TestContext, cluster: RedisCluster, Client: typeof Cluster, login?: typeof LOGIN): RedisTokenStore {
  const addresses = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  const client = new Client(addresses, login ? { redisOptions: login } : {})
  client.on('error', () => {})
  t.after(() => client.disconnect())
  return opened(t, client as never)
}
