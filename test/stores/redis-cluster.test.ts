import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { createCluster } from '@keyv/redis'
import { Cluster } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis-5'
import { testTokenStore } from '../../src/testing/index.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { within } from '../support/counted.js'
import { clusterPort } from '../support/free-port.js'
import { type RedisServer, startRedis } from '../support/redis.js'
import { until } from '../support/until.js'

const soon = () => new Date(Date.now() + 60_000)

const nodes = await startCluster()
const cluster = createCluster({ rootNodes: nodes.map(node => ({ url: node.url })) })
cluster.on('error', () => {})
await cluster.connect()
after(async () => {
  cluster.destroy()
  for (const node of nodes) await node.stop()
})

const addresses = nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
const CLIENTS = {
  'node-redis': () => cluster,
  'ioredis 6': () => new Cluster(addresses, { scaleReads: 'all', enableAutoPipelining: true }),
  'ioredis 5': () => new Cluster5(addresses, { lazyConnect: true, redisOptions: { keyPrefix: 'app5:' } }),
}

let [from, to] = nodes

for (const [kind, create] of Object.entries(CLIENTS)) {
  describe(`RedisTokenStore on a Cluster, with ${kind}`, () => {
    const client = create()
    after(() => {
      if (client !== cluster) (client as Cluster).disconnect()
    })

    describe('meets the contract', { concurrency: true }, () => {
      testTokenStore({ test, createStore: options => new RedisTokenStore(client, { ...options, timeout: 5000 }) })
    })

    test('keys whose slots move to the other node are found and written there', async () => {
      const store = new RedisTokenStore(client, { timeout: 5000 })
      const keys = Array.from({ length: 50 }, (_, i) => `moving with ${kind} ${i}`)
      for (const key of keys) await store.compareAndSet(key, undefined, 'a', soon())
      // Slots that are empty are given away, the rest keep theirs: both kinds of answer are then in use.
      await giveAllEmptySlots(from, to)
      const fresh = Array.from({ length: 50 }, (_, i) => `fresh with ${kind} ${i}`)
      for (const key of fresh) assert.equal(await store.compareAndSet(key, undefined, 'b', soon()), true)
      const values = await store.get([...keys, ...fresh])
      assert.deepEqual([...values], [...keys.map(() => 'a'), ...fresh.map(() => 'b')])
      await store.close()
      ;[from, to] = [to, from]
    })

    test('a key whose slot is on its way to the other node is written there, and found', async () => {
      const store = new RedisTokenStore(client, { timeout: 5000 })
      const key = `on its way with ${kind}`
      const prefix = kind === 'ioredis 5' ? 'app5:authx:' : 'authx:'
      const [, slot = ''] = /:(\d+)/.exec(await nodes[0].command('CLUSTER', 'KEYSLOT', prefix + key)) ?? []
      const isOwner = (await nodes[0].command('GET', prefix + key)).startsWith('$-1')
      const [source, target] = isOwner ? nodes : ([nodes[1], nodes[0]] as const)
      await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(source))
      await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await idOf(target))
      assert.equal(await store.compareAndSet(key, undefined, 'a', soon()), true)
      assert.equal(await store.compareAndSet(key, 'a', 'b', soon()), true)
      assert.deepEqual(await store.get([key]), ['b'])
      for (const node of [target, source]) {
        await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', await idOf(target))
      }
      assert.deepEqual(await store.get([key]), ['b'])
      await store.close()
    })

    test('a node that does not answer rejects what it holds, within the time, and the rest goes on', async () => {
      const store = new RedisTokenStore(client, { timeout: 200 })
      const keys = Array.from({ length: 40 }, (_, i) => `node with ${kind} ${i}`)
      for (const key of keys) await store.compareAndSet(key, undefined, 'a', soon())
      nodes[0].pause()
      const answers = await within(400, () => Promise.allSettled(keys.map(key => store.get([key])))).finally(() =>
        nodes[0].resume(),
      )
      for (const answer of answers) if (answer.status === 'fulfilled') assert.deepEqual(answer.value, ['a'])
      assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set(['fulfilled', 'rejected']))
      await until(async () => assert.equal((await store.get(keys)).length, keys.length))
      await store.close()
    })
  })
}

describe('a Cluster client that is closed while the store looks for its nodes', () => {
  test('leaves no connection behind that would keep the process alive', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const closed = createCluster({ rootNodes: nodes.map(node => ({ url: node.url })) })
      closed.on('error', () => {})
      await closed.connect()
      const store = new RedisTokenStore(closed, { timeout: 20 })
      nodes[0].pause()
      // One key of each node: one call is left without an answer, and the store asks the other node.
      await assert.rejects(store.get(['node 0', 'node 1', 'node 2', 'node 3']), /no answer/)
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
      closed.destroy()
      nodes[0].resume()
    }
    // That of the other tests' client, and the one that asks.
    await until(async () => assert.deepEqual(await Promise.all(nodes.map(connections)), [2, 2]))
  })
})

async function connections(node: RedisServer): Promise<number> {
  return Number(/connected_clients:(\d+)/.exec(await node.command('INFO', 'clients'))?.[1])
}

/** Two nodes with half the slots each. */
async function startCluster(): Promise<[RedisServer, RedisServer]> {
  const start = async () => startRedis({ args: ['--cluster-enabled', 'yes'], port: await clusterPort() })
  const [one, two] = await Promise.all([start(), start()])
  await one.command('CLUSTER', 'ADDSLOTSRANGE', '0', '8191')
  await two.command('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383')
  await two.command('CLUSTER', 'SET-CONFIG-EPOCH', '2')
  await one.command('CLUSTER', 'MEET', '127.0.0.1', String(two.port))
  for (const node of [one, two]) {
    await until(async () => /cluster_state:ok/.test(await node.command('CLUSTER', 'INFO')))
    await until(async () => /cluster_slots_assigned:16384/.test(await node.command('CLUSTER', 'INFO')))
  }
  return [one, two]
}

async function giveAllEmptySlots(from: RedisServer, to: RedisServer): Promise<void> {
  const receiver = await idOf(to)
  for (let slot = 0; slot < 8192; slot += 16) {
    const holds = await from.command('CLUSTER', 'COUNTKEYSINSLOT', String(slot))
    if (!holds.startsWith(':0')) continue
    for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', String(slot), 'NODE', receiver)
  }
}

async function idOf(node: RedisServer): Promise<string> {
  return /\$40\r\n([0-9a-f]{40})/.exec(await node.command('CLUSTER', 'MYID'))?.[1] as string
}
