import type { RedisClusterType, RedisConnectionClientType, RedisSentinelType } from '@keyv/redis'
import type { RedisClient } from './redis-node-types.js'

/** One server that a client has a connection to. */
export interface RedisNode {
  /** `host:port`; empty if the client has only one server at a time. */
  readonly name: string
  /** Whether the client sends READONLY and READWRITE on this connection. */
  readonly mayBeReplica: boolean
  /** Sends a command to this server, whatever key it names. Commands of the same tick arrive in their order. */
  send(command: string[]): Promise<unknown>
}

/** Overrides `commandOptions` of the client: replies must be strings, and commands must keep their order. */
export const OPTIONS = { typeMapping: {}, asap: false }

export function isClient(connect: unknown): connect is RedisClient {
  return typeof (connect as { connect?: unknown } | null)?.connect === 'function'
}

export function isCluster(client: RedisClient): client is RedisClusterType {
  return (client as { slots?: unknown }).slots !== undefined
}

export function isSentinel(client: RedisClient): client is RedisSentinelType {
  return (client as { getSentinelNode?: unknown }).getSentinelNode !== undefined
}

/**
 * Sends a command for `key` to the master, and resolves to its reply. It does not call the methods of node-redis for
 * commands (`get`, `evalSha`), because their reply may not come from the master: it may come from a cache of the client
 * (`clientSideCache`), from a replica (`useReplicas`, `replicaPoolSize`), or from a script or function of the
 * application with the same name.
 */
export function send(client: RedisClient, key: string, command: string[]): Promise<unknown> {
  if (isCluster(client)) return sendToCluster(client, key, command)
  if (isSentinel(client)) return client.sendCommand(false, command, OPTIONS)
  return (client as RedisConnectionClientType).sendCommand(command, OPTIONS)
}

/**
 * Sends a command to the node of a Cluster that holds `key`. If the connection is READONLY, it first sends READWRITE.
 * With `useReplicas`, node-redis has READONLY connections to replicas, and keeps them when a replica becomes the
 * master. If this server becomes a replica again, it would answer with old values on such a connection, instead of
 * answering that the key has moved.
 */
function sendToCluster(cluster: RedisClusterType, key: string, command: string[]): Promise<unknown> {
  return cluster._execute<unknown>(key, false, { ...OPTIONS }, async (client, options) => {
    // With a chainId, node-redis has sent ASKING. No command may come between ASKING and this one, and READWRITE is not
    // needed because a master answers.
    const mayBeReplica = client.options?.readonly && options?.chainId === undefined
    const allowed = mayBeReplica ? client.sendCommand(['READWRITE'], OPTIONS) : undefined
    const [reply] = await Promise.all([client.sendCommand(command, options), allowed])
    return reply
  })
}
