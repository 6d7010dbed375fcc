import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createClient, createCluster, createSentinel } from '@keyv/redis'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5'
import { type RedisClient, RedisTokenStore } from '../../stores/redis.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { startCluster } from '../support/redis-cluster.js'
import { startSentinels } from '../support/redis-sentinel.js'
import { cutOffReplicas, reconnectReplicas, upToDate } from '../support/replication.js'
import { until } from '../support/until.js'

const timeout = 500
const soon = () => new Date(Date.now() + 60_000)

const cluster = await startCluster()
const sentinels = await startSentinels()
const clients: (RedisClient | Redis | Cluster)[] = []
/** A cache, and Buffers as replies (node-redis's RESP_TYPES.BLOB_STRING and SIMPLE_STRING). */
const PECULIAR = {
  RESP: 3,
  clientSideCache: { ttl: 0, maxEntries: 100 },
  commandOptions: { typeMapping: { 36: Buffer, 43: Buffer } },
} as const
after(async () => {
  for (const client of clients) 'destroy' in client ? await client.destroy() : client.disconnect()
  await Promise.all([cluster.stop(), sentinels.stop()])
})

const rootNodes = cluster.nodes.map(({ url }) => ({ url }))
const addresses = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
const QUEUES = { redisOptions: { maxRetriesPerRequest: null, commandTimeout: 100 }, enableAutoPipelining: true }

type Clients = Readonly<Record<string, (replicas: boolean) => unknown>>

/** Clients of a Cluster; `replicas`: those that read from replicas themselves. */
const OF_CLUSTER: Clients = {
  'node-redis': replicas => createCluster({ rootNodes, useReplicas: replicas }),
  'ioredis 6': replicas => new Cluster(addresses, { ...QUEUES, scaleReads: replicas ? 'slave' : 'master' }),
  'ioredis 5, which reconnects by itself': replicas =>
    new Cluster5(addresses, {
      scaleReads: replicas ? (nodes: Redis5[]) => nodes.at(-1) as Redis5 : 'master',
      enableOfflineQueue: false,
      slotsRefreshInterval: 0,
      clusterNodeRetryStrategy: () => 50,
    }),
}

const { name, sentinelRootNodes } = sentinels.client
const OF_IOREDIS = { name, sentinels: sentinelRootNodes, failoverDetector: true }
const OF_SENTINELS: Clients = {
  'node-redis': () => createSentinel({ ...sentinels.client, replicaPoolSize: 1 }),
  'ioredis 6': () => new Redis({ ...OF_IOREDIS, maxRetriesPerRequest: null }),
  'ioredis 5': () => new Redis5({ ...OF_IOREDIS, enableOfflineQueue: false }),
}

for (const [kind, create] of Object.entries(OF_CLUSTER)) {
  describe(`RedisTokenStore on a Cluster, with ${kind}`, () => {
    test('what was revoked is known at once, though the client reads from replicas and these lag behind', async () => {
      await cluster.whole()
      const store = await open(create(true))
      await knowsAtOnce(
        store,
        `revoked with ${kind}`,
        (await cluster.masterOf(`authx:revoked with ${kind}`)) as RedisServer,
      )
    })

    test('a master that was a replica before, and is one again, is not asked any more', async () => {
      await cluster.whole()
      const store = await open(create(true))
      const other = await open(createCluster({ rootNodes }))
      const key = `to and fro with ${kind}`
      const first = (await cluster.masterOf(`authx:${key}`)) as RedisServer
      const second = await cluster.replicaOf(first)
      await store.compareAndSet(key, undefined, 'before', soon())
      // Connections to replicas are made when they are first asked.
      await Promise.all(Array.from({ length: 20 }, () => (clients.at(-2) as Redis).get(`authx:${key}`)))
      await upToDate(first, [second])
      await second.command('CLUSTER', 'FAILOVER')
      await cluster.replaced(`authx:${key}`, first)
      await until(async () => assert.deepEqual(await store.get([key]), ['before']))
      await cluster.whole()
      await first.command('CLUSTER', 'FAILOVER')
      await cluster.replaced(`authx:${key}`, second)
      await cutOffReplicas(first)
      await until(async () => assert.equal(await other.compareAndSet(key, 'before', 'revoked', soon()), true))
      assert.deepEqual(await store.get([key]), ['revoked'])
      await reconnectReplicas(first)
    })
  })
}

describe('RedisTokenStore on a Cluster', () => {
  test('a master that stands still is not answered for by a cache of the client', async () => {
    await cluster.whole()
    const store = await open(createCluster({ rootNodes, ...PECULIAR }))
    await readsPastCache(store, 'cached', (await cluster.masterOf('authx:cached')) as RedisServer)
  })

  test('the replica that takes the place of a dead master is found, and of one that stands still', async () => {
    const stores = await opened(OF_CLUSTER)
    for (const [key, strike] of [
      ['a', 'kill'],
      ['b', 'pause'],
    ] as const) {
      await cluster.whole()
      const master = (await cluster.masterOf(`authx:{${key}}`)) as RedisServer
      const known = async () => upToDate(master, [await cluster.replicaOf(master)])
      const replaced = () => cluster.replaced(`authx:{${key}}`, master)
      await survive(stores, `{${key}}`, known, master[strike], replaced).finally(() => master.restart())
    }
  })
})

describe('RedisTokenStore on a Cluster whose nodes stand still', () => {
  test('calls that have no answer do not pile up at a node that stands still, with the options that the page about deploying shows', async () => {
    await cluster.whole()
    const most = 100
    const socket = { connectTimeout: 1000, socketTimeout: 60_000 }
    const defaults = { disableOfflineQueue: true, commandsQueueMaxLength: most, pingInterval: 10_000, socket }
    const store = await open(createCluster({ rootNodes, defaults }))
    const master = (await cluster.masterOf('authx:key')) as RedisServer
    await store.get(['key'])
    master.pause()
    const answers = await Promise.allSettled(Array.from({ length: most * 2 }, () => store.get(['key'])))
    master.resume()
    const reasons = answers.map(answer => (answer.status === 'rejected' ? String(answer.reason) : 'answered'))
    const refused = reasons.filter(reason => /too many calls wait/.test(reason))
    assert.ok(refused.length >= most, reasons.join('\n'))
    await until(async () => assert.deepEqual(await store.get(['key']), [undefined]))
  })
})

describe('RedisTokenStore on a Cluster without a master', () => {
  test('is not answered by a replica, and heals, with each client', async () => {
    await cluster.whole()
    const stores = await Promise.all(Object.values(OF_CLUSTER).map(create => open(create(true))))
    const keys = Array.from({ length: 20 }, (_, n) => `without a master ${n}`)
    for (const key of keys) await until(() => stores[0]?.compareAndSet(key, undefined, 'a', soon()))
    for (const store of stores) await until(() => store.get(keys))
    const masters = new Set(await Promise.all(keys.map(key => cluster.masterOf(`authx:${key}`))))
    await Promise.all([...masters].map(master => master?.kill()))
    const refused = stores.flatMap(store =>
      keys.flatMap(key => [
        assert.rejects(store.get([key]), /Redis/),
        assert.rejects(store.compareAndSet(key, 'b', 'c', soon()), /Redis/),
      ]),
    )
    await Promise.all(refused)
    await Promise.all([...masters].map(master => master?.restart()))
    await cluster.whole()
    for (const store of stores) await until(() => store.get(keys))
  })
})

for (const [kind, create] of Object.entries(OF_SENTINELS)) {
  describe(`RedisTokenStore behind sentinels, with ${kind}`, () => {
    test('what was revoked is known at once, though replicas lag behind', async () => {
      await sentinels.whole()
      await knowsAtOnce(await open(create(false)), `revoked with ${kind}`, (await sentinels.master()) as RedisServer)
    })
  })
}

describe('RedisTokenStore behind sentinels', () => {
  const surviveEnd = async (strike: 'kill' | 'pause', creates: Clients) => {
    await sentinels.whole()
    const stores = await opened(creates)
    const master = (await sentinels.master()) as RedisServer
    const known = () => upToDate(master, sentinels.replicasOf(master))
    const replaced = () => sentinels.replaced(master)
    await survive(stores, strike, known, master[strike], replaced).finally(() => master.restart())
    await master.command('REPLICAOF', '127.0.0.1', String((await sentinels.master())?.port))
  }

  test('the replica that takes the place of a dead master is found', () => surviveEnd('kill', OF_SENTINELS))

  test('with ioredis, the replica that takes the place of a master that stands still is found', () => {
    // node-redis stays with a master that stands still.
    const { 'node-redis': _, ...ofIoRedis } = OF_SENTINELS
    return surviveEnd('pause', ofIoRedis)
  })

  test('a master that stands still is not answered for by a cache of the client', async () => {
    await sentinels.whole()
    const store = await open(createSentinel({ ...sentinels.client, ...PECULIAR }))
    await readsPastCache(store, 'cached', (await sentinels.master()) as RedisServer)
  })
})

describe('RedisTokenStore and a client of the caller that queues calls without bound', () => {
  test('calls that have no answer do not pile up: beyond ten thousand they reject at once, until Redis answers', async t => {
    const redis = await startRedis()
    t.after(() => redis.kill())
    const store = await open(createClient({ url: redis.url }))
    await store.get(['key'])
    redis.pause()
    const calls = Array.from({ length: 10_000 }, () => assert.rejects(store.get(['key']), /no answer/))
    await Promise.all(calls)
    await assert.rejects(store.get(['key']), /too many calls wait/)
    await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /too many calls wait/)
    redis.resume()
    await until(async () => assert.deepEqual(await store.get(['key']), [undefined]))
  })
})

/** `given`: the types of the three clients are so large that the compiler takes a minute to compare them. */
async function open(given: unknown): Promise<RedisTokenStore> {
  const client = given as RedisClient | Redis
  client.on('error', () => {})
  if ('destroy' in client) await client.connect()
  clients.push(client)
  return new RedisTokenStore(client, { timeout })
}

async function knowsAtOnce(store: RedisTokenStore, key: string, master: RedisServer): Promise<void> {
  await until(() => store.compareAndSet(key, undefined, 'before', soon()))
  await cutOffReplicas(master)
  assert.equal(await store.compareAndSet(key, 'before', 'after', soon()), true)
  for (let turn = 0; turn < 20; turn++) assert.deepEqual(await store.get([key, 'none']), ['after', undefined])
  await reconnectReplicas(master)
}

async function readsPastCache(store: RedisTokenStore, key: string, master: RedisServer): Promise<void> {
  await until(async () => assert.equal(await store.compareAndSet(key, undefined, 'a', soon()), true))
  for (let turn = 0; turn < 3; turn++) assert.deepEqual(await store.get([key]), ['a'])
  master.pause()
  try {
    await assert.rejects(store.get([key]), /Redis/)
  } finally {
    master.resume()
  }
  await until(async () => assert.deepEqual(await store.get([key]), ['a']))
}

/** A store with each client. */
async function opened(creates: Clients): Promise<Map<string, RedisTokenStore>> {
  const stores = new Map<string, RedisTokenStore>()
  for (const [kind, create] of Object.entries(creates)) stores.set(kind, await open(create(false)))
  return stores
}

/**
 * All stores come to answer again, with the clients that they have. `key` decides which master it is. `known`: resolves
 * when the replicas have what is written.
 */
async function survive(
  stores: Map<string, RedisTokenStore>,
  key: string,
  known: () => Promise<void>,
  strike: () => unknown,
  replaced: () => Promise<unknown>,
): Promise<void> {
  const each = (check: (store: RedisTokenStore, key: string, kind: string) => Promise<unknown>) =>
    Promise.all([...stores].map(([kind, store]) => check(store, `${key} with ${kind}`, kind)))
  await each(async (store, at) => {
    await until(() => store.get([at]))
    assert.equal(await store.compareAndSet(at, undefined, 'before', soon()), true)
  })
  // Else the write may be lost with the master: it is acknowledged first.
  await known()
  await strike()
  await each((store, at, kind) => assert.rejects(store.get([at]), /Redis/, kind))
  await replaced()
  await each(async (store, at, kind) => {
    await until(async () => assert.equal(await store.compareAndSet(at, 'before', 'after', soon()), true, kind))
    assert.deepEqual(await store.get([at]), ['after'], kind)
  })
}
