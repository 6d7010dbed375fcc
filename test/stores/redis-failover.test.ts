import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createClient, createCluster, createSentinel } from '@keyv/redis'
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
const clients: RedisClient[] = []
/** A cache, and Buffers as replies (node-redis's RESP_TYPES.BLOB_STRING and SIMPLE_STRING). */
const PECULIAR = {
  RESP: 3,
  clientSideCache: { ttl: 0, maxEntries: 100 },
  commandOptions: { typeMapping: { 36: Buffer, 43: Buffer } },
} as const
after(async () => {
  for (const client of clients) await client.destroy()
  await Promise.all([cluster.stop(), sentinels.stop()])
})

describe('RedisTokenStore on a Cluster', () => {
  const rootNodes = cluster.nodes.map(({ url }) => ({ url }))

  test('what was revoked is known at once, though the client reads from replicas and these lag behind', async () => {
    const store = await open(createCluster({ rootNodes, useReplicas: true }))
    await knowsAtOnce(store, (await cluster.masterOf('authx:revoked')) as RedisServer)
  })

  test('a master that stands still is not answered for by a cache of the client', async () => {
    await cluster.whole()
    const store = await open(createCluster({ rootNodes, ...PECULIAR }))
    await readsPastCache(store, 'cached', (await cluster.masterOf('authx:cached')) as RedisServer)
  })

  test('a master that was a replica before, and is one again, is not asked any more', async () => {
    await cluster.whole()
    const store = await open(createCluster({ rootNodes, useReplicas: true }))
    const other = await open(createCluster({ rootNodes }))
    const key = 'to and fro'
    const first = (await cluster.masterOf(`authx:${key}`)) as RedisServer
    const second = await cluster.replicaOf(first)
    await store.compareAndSet(key, undefined, 'before', soon())
    // Connections to replicas are made when they are first asked.
    await Promise.all(Array.from({ length: 20 }, () => clients.at(-2)?.get(`authx:${key}`)))
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
    await first.command('ACL', 'SETUSER', 'default', '+psync', '+sync')
  })

  test('the replica that takes the place of a dead master is found, and of one that stands still', async () => {
    const store = await open(createCluster({ rootNodes }))
    for (const [key, strike] of [
      ['a', 'kill'],
      ['b', 'pause'],
    ] as const) {
      await cluster.whole()
      const master = (await cluster.masterOf(`authx:${key}`)) as RedisServer
      const known = async () => upToDate(master, [await cluster.replicaOf(master)])
      await survives(store, key, known, master[strike], () => cluster.replaced(`authx:${key}`, master))
      await master.restart()
    }
  })
})

describe('RedisTokenStore on a Cluster whose nodes stand still', () => {
  const rootNodes = cluster.nodes.map(({ url }) => ({ url }))

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

describe('RedisTokenStore behind sentinels', () => {
  test('what was revoked is known at once, though the client reads from replicas and these lag behind', async () => {
    const store = await open(createSentinel({ ...sentinels.client, replicaPoolSize: 1 }))
    await knowsAtOnce(store, (await sentinels.master()) as RedisServer)
  })

  test('a master that stands still is not answered for by a cache of the client', async () => {
    await sentinels.whole()
    const store = await open(createSentinel({ ...sentinels.client, ...PECULIAR }))
    await readsPastCache(store, 'cached', (await sentinels.master()) as RedisServer)
  })

  test('the replica that takes the place of a dead master is found', async () => {
    const store = await open(createSentinel(sentinels.client))
    await sentinels.whole()
    const master = (await sentinels.master()) as RedisServer
    const known = () => upToDate(master, sentinels.replicasOf(master))
    await survives(store, 'key', known, master.kill, () => sentinels.replaced(master))
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
  const client = given as RedisClient
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return new RedisTokenStore(client, { timeout })
}

async function knowsAtOnce(store: RedisTokenStore, master: RedisServer): Promise<void> {
  await store.compareAndSet('revoked', undefined, 'before', soon())
  await cutOffReplicas(master)
  assert.equal(await store.compareAndSet('revoked', 'before', 'after', soon()), true)
  for (let turn = 0; turn < 20; turn++) assert.deepEqual(await store.get(['revoked', 'none']), ['after', undefined])
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
  await until(async () => assert.deepEqual(await store.get([key]), ['a']), 10_000)
}

/** The store comes to answer again, with the client that it has. `known`: resolves when the replicas have what is written. */
async function survives(
  store: RedisTokenStore,
  key: string,
  known: () => Promise<void>,
  strike: () => unknown,
  replaced: () => Promise<unknown>,
): Promise<void> {
  assert.equal(await store.compareAndSet(key, undefined, 'before', soon()), true)
  // Else the write may be lost with the master: it is acknowledged first.
  await known()
  await strike()
  await assert.rejects(store.get([key]), /Redis/)
  await replaced()
  await until(async () => assert.equal(await store.compareAndSet(key, 'before', 'after', soon()), true), 10_000)
  assert.deepEqual(await store.get([key]), ['after'])
}
