import type {
  RedisClientConnectionType,
  RedisClusterType,
  RedisConnectionClientType,
  RedisSentinelType,
} from '@keyv/redis'

/** A client, cluster client or sentinel client of node-redis 5. */
export type RedisClient = RedisClientConnectionType

/** Replies are strings and commands keep their order, whatever `commandOptions` of the client say. */
const OPTIONS = { typeMapping: {}, asap: false }

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
 * Sends a command about `key` to the node that takes the writes, and resolves to its reply. It does not call node-redis's
 * methods of the commands (`get`, `evalSha`): these may be answered by a cache of the client (`clientSideCache`), by a
 * replica (`useReplicas`, `replicaPoolSize`), or by a script or function of the application that has their name.
 */
export function send(client: RedisClient, key: string, command: string[]): Promise<unknown> {
  if (isCluster(client)) return sendToCluster(client, key, command)
  if (isSentinel(client)) return client.sendCommand(false, command, OPTIONS)
  return (client as RedisConnectionClientType).sendCommand(command, OPTIONS)
}

/**
 * With `useReplicas`, a node that was a replica keeps its READONLY connection when it becomes a master. When it is a
 * replica again, it would answer on it with what it has, instead of saying that the key has moved.
 */
function sendToCluster(cluster: RedisClusterType, key: string, command: string[]): Promise<unknown> {
  return cluster._execute<unknown>(key, false, { ...OPTIONS }, async (client, options) => {
    // After ASKING (its chainId) nothing may come in between, and a master answers.
    const mayBeReplica = client.options?.readonly && options?.chainId === undefined
    const allowed = mayBeReplica ? client.sendCommand(['READWRITE'], OPTIONS) : undefined
    const [reply] = await Promise.all([client.sendCommand(command, options), allowed])
    return reply
  })
}
