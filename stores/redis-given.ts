import type { RedisClusterType } from '@keyv/redis'
import { ClusterNodes } from './redis-cluster.js'
import { isCluster, isSentinel, type RedisNode, send } from './redis-commands.js'
import type { RedisClient } from './redis-node-types.js'
import { RedisStoreError } from './redis-refusal.js'

/** Called by `GivenClient`: `onReady` after each new connection, `onError` after each error. */
export interface GivenListener {
  onReady(): void
  onError(error: unknown): void
}

/** A client that the caller has made and that the caller closes, of node-redis or of ioredis. */
export interface GivenClient {
  /** What the client itself puts before every key. */
  readonly keyPrefix: string
  /** Whether different machines, with different clocks, may answer different calls. */
  readonly manyMachines: boolean
  /** Whether the number of waiting commands is limited for each node, and not for the whole client. */
  readonly limitsEachNode: boolean
  /** Resolves when a first attempt to connect has succeeded or failed; `undefined` if there is none. */
  readonly firstAttempt: Promise<void> | undefined
  /** @throws RedisStoreError if the client is closed, or cannot send commands in its state. */
  check(): void
  /** Sends a command for `key` to the master. Resolves to its reply. */
  send(key: string, command: string[]): Promise<unknown>
  /**
   * Returns all masters of a Cluster, and its replicas that the client is connected to; `undefined` for a client with
   * one server at a time.
   */
  nodes(): Promise<readonly RedisNode[]> | undefined
  /** Call it when there was no answer: another machine may have replaced the one that was asked. */
  doubt(): void
  /** Removes all listeners. The client stays connected. */
  leave(): void
}

export const notConnected = () => new RedisStoreError('Redis is not connected; call connect() of the client')

/** A client, cluster client or sentinel client of node-redis 5. */
export class NodeRedisClient implements GivenClient {
  readonly keyPrefix = ''
  readonly manyMachines: boolean
  readonly limitsEachNode: boolean
  readonly firstAttempt = undefined
  readonly #client: RedisClient
  readonly #listener: GivenListener
  readonly #nodes: ClusterNodes | undefined

  constructor(client: RedisClient, listener: GivenListener) {
    this.#client = client.on('ready', listener.onReady).on('error', listener.onError)
    this.#listener = listener
    this.#nodes = isCluster(client) ? new ClusterNodes(client as RedisClusterType) : undefined
    this.manyMachines = isCluster(client) || isSentinel(client)
    this.limitsEachNode = this.#nodes !== undefined
  }

  check(): void {
    if (this.#client.isOpen === false) throw notConnected()
  }

  send(key: string, command: string[]): Promise<unknown> {
    return send(this.#client, key, command)
  }

  nodes(): Promise<readonly RedisNode[]> | undefined {
    return this.#nodes?.all()
  }

  doubt(): void {
    this.#nodes?.doubt()
  }

  leave(): void {
    this.#client.off('ready', this.#listener.onReady).off('error', this.#listener.onError)
  }
}
