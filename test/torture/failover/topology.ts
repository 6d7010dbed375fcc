import { createCluster, createSentinel } from '@keyv/redis'
import type { TokenStore } from '../../../src/store.js'
import { type RedisClient, RedisTokenStore } from '../../../stores/redis.js'
import type { RedisServer } from '../../support/redis.js'
import { startCluster } from '../../support/redis-cluster.js'
import { startSentinels } from '../../support/redis-sentinel.js'
import { cutOffReplicas, upToDate } from '../../support/replication.js'
import { until } from '../../support/until.js'
import type { Backend } from '../faults/server.js'

/** How a master comes to be replaced: it dies, it stands still, or it is told to let a replica take over. */
export type Strike = 'killed' | 'frozen' | 'handed over'

/** A server that can be struck. */
export interface Node {
  kill(): Promise<unknown>
  pause(): void
}

/** Stores of this process, which share what leads to the servers. */
export interface Way {
  open(options: { prefix?: string; timeout: number }): TokenStore
  close(): unknown
}

/** Several servers of which some replace others. */
export interface Topology<Server extends Node = Node> {
  readonly name: string
  /** For a server process. */
  readonly backend: Backend
  /** Whether a master acknowledges what no replica has. */
  readonly loses: boolean
  connect(): Promise<Way>
  masterOf(key: string): Promise<Server>
  replicasOf(master: Server): Promise<Server[]>
  /** Resolves when the replicas have all that `master` has written so far. */
  upToDate(master: Server): Promise<void>
  /** The replicas learn nothing any more from `master`, which goes on. */
  cutOff(master: Server): unknown
  handOver(master: Server): Promise<unknown>
  /** Resolves to the node that has taken the place of `before`. */
  replaced(key: string, before: Server): Promise<Server>
  /** The node that was replaced becomes a replica of the one in its place; resolves when all replicas are up to date. */
  restore(node: Server, master: Server, wasKilled: boolean): Promise<void>
  whole(): Promise<void>
  stop(): Promise<void>
}

export async function clusterTopology(): Promise<Topology<RedisServer>> {
  const cluster = await startCluster()
  const urls = cluster.nodes.map(({ url }) => url)
  const connect = async () => {
    const client = createCluster({ rootNodes: urls.map(url => ({ url })) })
    // Many stores share it.
    client.setMaxListeners(0).on('error', () => {})
    await client.connect()
    return wayOf(client, () => client.destroy())
  }
  return {
    name: 'Cluster',
    backend: { kind: 'cluster', urls },
    loses: true,
    connect,
    masterOf: key => known(() => cluster.masterOf(key)),
    replicasOf: async master => [await cluster.replicaOf(master)],
    upToDate: async master => upToDate(master, [await cluster.replicaOf(master)]),
    cutOff: cutOffReplicas,
    handOver: async master => (await cluster.replicaOf(master)).command('CLUSTER', 'FAILOVER'),
    replaced: cluster.replaced,
    restore: async (node, _, wasKilled) => {
      if (wasKilled) await node.restart()
      node.resume()
      await cluster.whole()
    },
    whole: cluster.whole,
    stop: cluster.stop,
  }
}

export async function sentinelTopology(): Promise<Topology<RedisServer>> {
  const sentinels = await startSentinels()
  const { name, sentinelRootNodes } = sentinels.client
  const connect = async () => {
    const client = createSentinel(sentinels.client)
    // Many stores share it.
    client.setMaxListeners(0).on('error', () => {})
    await client.connect()
    return wayOf(client, () => client.destroy())
  }
  return {
    name: 'Sentinel',
    backend: { kind: 'sentinel', name, sentinelRootNodes },
    loses: true,
    connect,
    masterOf: () => known(sentinels.master),
    replicasOf: async master => sentinels.replicasOf(master),
    upToDate: master => upToDate(master, sentinels.replicasOf(master)),
    cutOff: cutOffReplicas,
    handOver: async master => {
      // SENTINEL FAILOVER by itself leaves two masters for a while: the old one goes on acknowledging writes that will be
      // lost, and reads that know nothing of the new one's. Not by CLIENT PAUSE: that also stops what the sentinels
      // publish, and they take the master for dead.
      await master.command('ACL', 'SETUSER', 'default', '-@read', '-@write')
      await upToDate(master, sentinels.replicasOf(master))
      await sentinels.failOver()
    },
    replaced: (_, before) => sentinels.replaced(before),
    restore: async (node, master, wasKilled) => {
      if (wasKilled) await node.restart()
      node.resume()
      // The sentinels would come to it too, but take their time.
      await node.command('REPLICAOF', '127.0.0.1', String(master.port))
      await node.command('ACL', 'SETUSER', 'default', '+@read', '+@write')
      await sentinels.whole()
    },
    whole: sentinels.whole,
    stop: sentinels.stop,
  }
}

/** The types of the clients are so large that the compiler takes a minute to compare them. */
function wayOf(client: unknown, close: () => unknown): Way {
  return { open: options => new RedisTokenStore(client as RedisClient, options), close }
}

async function known(ask: () => Promise<RedisServer | undefined>): Promise<RedisServer> {
  let server: RedisServer | undefined
  await until(async () => {
    server = await ask()
    return server !== undefined
  }, 20_000)
  return server as RedisServer
}
