import type { StoreFinding } from '../src/store.js'
import { LOST_LOGOUTS } from './check-words.js'
import { type ClockReading, clockFinding } from './clock-finding.js'

/** The settings that `check` reads. */
export const SETTINGS = [
  'maxmemory-policy',
  'maxmemory',
  'appendonly',
  'appendfsync',
  'save',
  'min-replicas-to-write',
] as const

/** What was seen of one server. */
export interface RedisSight {
  /** `host:port` of a node of a Cluster; empty if there is only one server. */
  readonly node: string
  /** The ACL rules that the user lacks. */
  readonly missing: readonly string[]
  /** Reasons why the server does not do what the store needs, such as `OOM` or `ERR: it does not know ...`. */
  readonly refused: readonly string[]
  /** The fields of INFO; `undefined` if it was refused. */
  readonly info: Readonly<Record<string, string>> | undefined
  /** The values of `SETTINGS`; `undefined` for those that could not be read. */
  readonly settings: Readonly<Record<string, string | undefined>>
  /** `undefined` if TIME was refused. */
  readonly clock: ClockReading | undefined
}

/** A sight, with the settings from both sources. */
interface Server {
  readonly sight: RedisSight
  readonly policy: string | undefined
  readonly maxmemory: string | undefined
  readonly appendonly: string | undefined
  readonly appendfsync: string | undefined
  readonly save: string | undefined
  readonly leastReplicas: string | undefined
  readonly replicas: string | undefined
  readonly isReplica: boolean
}

/** What a refused write leads to, and what to do. */
const WRITES: Readonly<Record<string, string>> = {
  OOM: 'the memory is full (OOM). Raise it: CONFIG SET maxmemory <bytes>, or a larger machine',
  MISCONF:
    'it cannot save its data to the disk (MISCONF). See its log: the disk may be full, or the folder not writable',
  NOREPLICAS: 'it has lost its replicas (NOREPLICAS, min-replicas-to-write). Start them again',
}

/** What is wrong with the servers. If several nodes have the same finding, it is one finding with their names. */
export function findingsOf(sights: readonly RedisSight[]): StoreFinding[] {
  const found = sights.map(sight => ({ node: sight.node, findings: findingsAbout(serverOf(sight)) }))
  const all = new Map<string, { finding: StoreFinding; nodes: string[] }>()
  for (const { node, findings } of found) {
    for (const finding of findings) {
      const known = all.get(`${finding.code} ${finding.message}`) ?? { finding, nodes: [] }
      all.set(`${finding.code} ${finding.message}`, { finding, nodes: [...known.nodes, node] })
    }
  }
  const named = [...all.values()].map(({ finding, nodes }) =>
    nodes.join('') === '' ? finding : { ...finding, message: `On ${nodes.join(', ')}: ${finding.message}` },
  )
  return [...named, ...differences(sights)]
}

/** Some nodes of a Cluster do not answer. */
export function unreachable(nodes: readonly string[]): StoreFinding {
  return {
    code: 'redis-node',
    message: `Nodes of the Cluster do not answer. Requests of the sessions on them are answered with 503. Start them again, or let their replicas take over. Nodes: ${nodes.join(', ')}.`,
  }
}

function serverOf(sight: RedisSight): Server {
  const { info, settings } = sight
  const isAppending = info?.aof_enabled && (info.aof_enabled === '1' ? 'yes' : 'no')
  return {
    sight,
    policy: settings['maxmemory-policy'] ?? info?.maxmemory_policy,
    maxmemory: settings.maxmemory ?? info?.maxmemory,
    appendonly: settings.appendonly ?? isAppending,
    appendfsync: settings.appendfsync,
    save: settings.save,
    leastReplicas: settings['min-replicas-to-write'],
    replicas: info?.connected_slaves,
    isReplica: info?.role === 'slave' || sight.refused.includes('READONLY'),
  }
}

function findingsAbout(server: Server): StoreFinding[] {
  const { clock } = server.sight
  return [
    permission(server.sight),
    commands(server.sight),
    writes(server.sight),
    replica(server),
    eviction(server),
    persistence(server),
    replication(server),
    clock && clockFinding('redis-clock', 'Redis', clock),
    unseen(server),
  ].filter(finding => finding !== undefined)
}

function permission({ missing }: RedisSight): StoreFinding | undefined {
  if (missing.length === 0) return undefined
  const rules = missing.join(' ')
  return {
    code: 'redis-permission',
    message: `The Redis user lacks the permissions ${rules}. Requests that need them are answered with 503. Run: ACL SETUSER <user> ${rules}`,
  }
}

function commands({ refused }: RedisSight): StoreFinding | undefined {
  const unknown = refused.filter(reason => reason.startsWith('ERR: ')).map(reason => reason.slice(5))
  if (unknown.length === 0) return undefined
  return {
    code: 'redis-command',
    message: `Redis cannot do what the store needs: ${unknown.join('; ')}. Requests are answered with 503. Remove rename-command from its configuration, or use a service that has these commands.`,
  }
}

function writes({ refused }: RedisSight): StoreFinding | undefined {
  const reasons = refused.flatMap(reason => WRITES[reason] ?? [])
  if (reasons.length === 0) return undefined
  return {
    code: 'redis-writes',
    message: `Redis refuses writes now: ${reasons.join('; ')}. Until then logins, refreshes and logouts are answered with 503.`,
  }
}

function replica({ isReplica, sight }: Server): StoreFinding | undefined {
  // A Cluster has replicas, and they answer that another node has the key.
  if (!isReplica || sight.node !== '') return undefined
  return {
    code: 'redis-replica',
    message:
      'This server is a replica. It refuses writes, and may not know the latest logouts. Connect to the master: its address is in INFO replication.',
  }
}

function eviction({ policy, maxmemory }: Server): StoreFinding | undefined {
  if (policy === undefined || policy === 'noeviction') return undefined
  const when = maxmemory === '0' ? 'as soon as maxmemory is set and reached' : 'when its memory is full'
  return {
    code: 'redis-eviction',
    message: `maxmemory-policy is ${policy}, so Redis deletes records ${when}: sessions end, and revoked tokens without a session are valid again. Set: CONFIG SET maxmemory-policy noeviction`,
  }
}

function persistence({ appendonly, appendfsync, save }: Server): StoreFinding | undefined {
  const set = 'Set: CONFIG SET appendonly yes'
  if (appendonly === 'no' && save === '') {
    const message = `Redis keeps nothing on disk (appendonly is no, save is empty). A restart ends all sessions, and revoked tokens without a session are valid again. ${set}`
    return { code: 'redis-persistence', message }
  }
  if (appendonly === 'no') {
    const message = `appendonly is no, so a restart of Redis loses all writes after the last snapshot: ${LOST_LOGOUTS}. ${set}`
    return { code: 'redis-snapshots', message }
  }
  if (appendonly === 'yes' && appendfsync === 'no') {
    const message = `appendfsync is no, so a power cut loses the writes of about half a minute: ${LOST_LOGOUTS}. Set: CONFIG SET appendfsync everysec`
    return { code: 'redis-fsync', message }
  }
  return undefined
}

function replication({ isReplica, replicas, leastReplicas }: Server): StoreFinding | undefined {
  if (isReplica || !(Number(replicas) > 0) || leastReplicas !== '0') return undefined
  return {
    code: 'redis-replication',
    message: `min-replicas-to-write is 0, so a master that has lost its replicas accepts writes that are lost when a replica takes over: ${LOST_LOGOUTS}. Set: CONFIG SET min-replicas-to-write 1`,
  }
}

function unseen(server: Server): StoreFinding | undefined {
  const { policy, appendonly, appendfsync, save, replicas, leastReplicas, isReplica, sight } = server
  const hasReplicas = !isReplica && replicas !== '0'
  const hidden = [
    ...(policy === undefined ? ['maxmemory-policy (should be noeviction)'] : []),
    ...(appendonly === undefined ? ['appendonly (should be yes)'] : []),
    ...(appendonly !== 'no' && appendfsync === undefined ? ['appendfsync (should be everysec or always)'] : []),
    ...(appendonly === 'no' && save === undefined ? ['save'] : []),
    ...(hasReplicas && leastReplicas === undefined ? ['min-replicas-to-write (with replicas, should be 1)'] : []),
  ]
  if (hidden.length === 0) return undefined
  const names = hidden.map(each => each.split(' ')[0])
  const rules = sight.info === undefined ? '+info +config|get' : '+config|get'
  return {
    code: 'redis-unseen',
    message: `These settings could not be read, because Redis refuses INFO or CONFIG GET: ${hidden.join(', ')}. Look them up as an administrator (${names.map(name => `CONFIG GET ${name}`).join(', ')}) or in the console of the service, or allow the user to read them: ACL SETUSER <user> ${rules}`,
  }
}

/** Settings of nodes that differ: a failover would change what the store can rely on. */
function differences(sights: readonly RedisSight[]): StoreFinding[] {
  const differing = ['redis_version', ...SETTINGS].flatMap(name => {
    const values = sights.map(({ node, settings, info }) => ({ node, value: settings[name] ?? info?.[name] }))
    const distinct = [...new Set(values.map(({ value }) => value))].filter(value => value !== undefined)
    if (distinct.length < 2) return []
    const parts = distinct.map(value => {
      const nodes = values.filter(each => each.value === value).map(({ node }) => node)
      return `${value === '' ? 'empty' : value} on ${nodes.join(', ')}`
    })
    return [`${name} (${parts.join('; ')})`]
  })
  if (differing.length === 0) return []
  return [
    {
      code: 'redis-nodes-differ',
      message: `Nodes of the Cluster differ in ${differing.join(', ')}. What a failure loses depends on the node that has the session. Set the same on all nodes.`,
    },
  ]
}
