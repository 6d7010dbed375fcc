import { setTimeout as sleep } from 'node:timers/promises'
import { clusterPort } from './free-port.js'
import { type RedisServer, startRedis } from './redis.js'
import { temporaryFolder } from './temporary.js'
import { until } from './until.js'

/** A Redis Cluster of the test's own on loopback: three masters, each with a replica. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  /** The node that answers for `key`, if all that live agree on one. */
  masterOf(key: string): Promise<RedisServer | undefined>
  replicaOf(master: RedisServer): Promise<RedisServer>
  /** Resolves when a node other than `before` answers for `key`. */
  replaced(key: string, before: RedisServer): Promise<RedisServer>
  /** Resolves when every slot has a master, and every master a replica that is up to date. */
  whole(): Promise<void>
  stop(): Promise<void>
}

/** What one node knows of another, from CLUSTER NODES. */
interface Member {
  readonly id: string
  readonly port: number
  readonly flags: string
  readonly masterId: string
  readonly slots: readonly (readonly [from: number, to: number])[]
}

const SHARDS = 3
const SLOTS = 16_384
const WITHIN = 60_000
/** How long the nodes may take to elect a master by themselves, milliseconds. A busy machine can delay votes for long. */
const ELECTED_WITHIN = 10_000

/** `nodeTimeout`: milliseconds that a node may be silent before the others replace it. */
export async function startCluster(nodeTimeout = 1000): Promise<RedisCluster> {
  const { folder, remove } = await temporaryFolder()
  const nodes: RedisServer[] = []
  for (let n = 0; n < SHARDS * 2; n++) nodes.push(await startNode(folder, n, nodeTimeout))
  await join(nodes)
  const serverOf = ({ port }: Member) => nodes.find(node => node.port === port) as RedisServer
  const masterOf = async (key: string) => {
    const views = (await Promise.all(nodes.map(membersSeenBy))).filter(view => view !== undefined)
    const slot = await slotOf(nodes, key)
    const owners = views.map(view => view.find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to)))
    const [first] = owners
    return first && owners.every(owner => owner?.port === first.port) ? serverOf(first) : undefined
  }
  const whole = () => until(() => isWhole(nodes), WITHIN)
  await whole()
  return {
    nodes,
    masterOf,
    replicaOf: async master => {
      const members = (await membersSeenBy(master)) ?? []
      const id = members.find(({ flags }) => flags.includes('myself'))?.id
      return serverOf(members.find(({ masterId }) => masterId === id) as Member)
    },
    replaced: async (key, before) => {
      const impatientAt = performance.now() + ELECTED_WITHIN
      let master: RedisServer | undefined
      await until(async () => {
        master = await masterOf(key)
        if (master !== undefined && master !== before) return true
        if (performance.now() > impatientAt) await takeOver(nodes, before)
        return false
      }, WITHIN)
      return master as RedisServer
    },
    whole,
    stop: async () => {
      await Promise.all(nodes.map(node => node.kill()))
      await remove()
    },
  }
}

/** Makes a replica of `before` the master without an election: which replica wins is not what the tests are about. */
async function takeOver(nodes: readonly RedisServer[], before: RedisServer): Promise<void> {
  for (const node of nodes) {
    const members = (node === before ? undefined : await membersSeenBy(node)) ?? []
    const former = members.find(({ port }) => port === before.port)
    const own = members.find(({ flags }) => flags.includes('myself'))
    if (former && own?.masterId === former.id) await node.command('CLUSTER', 'FAILOVER', 'TAKEOVER')
  }
}

async function startNode(folder: string, n: number, nodeTimeout: number): Promise<RedisServer> {
  // In a folder that stays, a node that comes back finds out who it was.
  const own = ['--dir', folder, '--cluster-config-file', `node-${n}.conf`]
  const cluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeout)]
  // A replica that has lost touch with its master may take its place all the same, as after a long partition.
  const eager = ['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0']
  // Replicas count as such only once they have read something.
  const lively = ['--repl-ping-replica-period', '1', '--repl-timeout', '5']
  return startRedis({ port: await clusterPort(), args: [...own, ...cluster, ...eager, ...lively] })
}

async function join(nodes: readonly RedisServer[]): Promise<void> {
  const masters = nodes.slice(0, SHARDS)
  const bound = (n: number) => Math.floor((SLOTS * n) / SHARDS)
  for (const [n, node] of masters.entries()) {
    await node.command('CLUSTER', 'ADDSLOTSRANGE', String(bound(n)), String(bound(n + 1) - 1))
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1))
  }
  const [first, ...others] = nodes as [RedisServer, ...RedisServer[]]
  for (const node of others) await first.command('CLUSTER', 'MEET', '127.0.0.1', String(node.port))
  await until(async () => {
    const views = await Promise.all(nodes.map(membersSeenBy))
    return views.every(view => view?.length === nodes.length)
  }, WITHIN)
  for (const [n, node] of nodes.slice(SHARDS).entries()) {
    const [, id] = /\$40\r\n([0-9a-f]{40})/.exec(await (masters[n] as RedisServer).command('CLUSTER', 'MYID')) ?? []
    await until(async () => (await node.command('CLUSTER', 'REPLICATE', id as string)).startsWith('+OK'), WITHIN)
  }
}

async function isWhole(nodes: readonly RedisServer[]): Promise<boolean> {
  const states = await Promise.all(nodes.map(node => node.command('CLUSTER', 'INFO')))
  if (!states.every(state => state.includes('cluster_state:ok'))) return false
  const slots = await Promise.all(nodes.map(node => node.command('CLUSTER', 'SLOTS')))
  if (!slots.every(reply => new Set(reply.match(/[0-9a-f]{40}/g)).size === nodes.length)) return false
  const roles = await Promise.all(nodes.map(node => node.command('INFO', 'replication')))
  const masters = roles.filter(role => /role:master[\s\S]*connected_slaves:[1-9]/.test(role))
  const replicas = roles.filter(role => role.includes('master_link_status:up'))
  return masters.length === SHARDS && replicas.length === SHARDS
}

/** `undefined` for a node that is dead or stands still. */
async function membersSeenBy(node: RedisServer): Promise<Member[] | undefined> {
  const late = sleep(300, '')
  const reply = await Promise.race([node.command('CLUSTER', 'NODES').catch(() => ''), late])
  const members = reply.split('\n').flatMap(memberOf)
  return members.length > 0 ? members : undefined
}

function memberOf(line: string): Member[] {
  const [id = '', address = '', flags = '', masterId = '', , , , , ...ranges] = line.trim().split(' ')
  const port = Number(/:(\d+)@/.exec(address)?.[1])
  if (!/^[0-9a-f]{40}$/.test(id)) return []
  const slots = ranges.map(range => {
    const [from, to = from] = range.split('-').map(Number)
    return [from, to] as [number, number]
  })
  return [{ id, port, flags, masterId, slots }]
}

async function slotOf(nodes: readonly RedisServer[], key: string): Promise<number> {
  for (const node of nodes) {
    const reply = await Promise.race([node.command('CLUSTER', 'KEYSLOT', key).catch(() => ''), sleep(300, '')])
    const [, slot] = /^:(\d+)/.exec(reply) ?? []
    if (slot !== undefined) return Number(slot)
  }
  throw new Error('no node of the cluster answers')
}
