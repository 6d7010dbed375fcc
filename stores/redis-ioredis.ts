import type { RedisNode } from './redis-commands.js'
import type { GivenClient, GivenListener } from './redis-given.js'
import { notConnected } from './redis-given.js'
import { makeCommand } from './redis-ioredis-command.js'
import {
  Attempts,
  ConnectionLostError,
  type IoRedisClient,
  type IoRedisConnection,
  Line,
} from './redis-ioredis-line.js'
import { RedisStoreError } from './redis-refusal.js'

/** The parts of a Cluster of ioredis that the store uses. */
interface IoRedisCluster extends IoRedisConnection {
  /** The addresses of the nodes of each slot, the master first. */
  readonly slots: readonly (readonly string[] | undefined)[]
  readonly connectionPool: { findOrCreate(address: object): IoRedisConnection }
  nodes(role?: string): IoRedisConnection[]
  natMapper(address: string): object
  refreshSlotsCache(done?: (error?: unknown) => void): void
}

/** The maximum number of waiting commands of one node of a Cluster. */
const MOST_AT_NODE = 10_000
/** A key that has moved more often in one call is not followed. */
const MOST_REDIRECTIONS = 16
/** The minimum time in milliseconds between two reads of the Cluster's nodes. */
const ASK_AGAIN_AFTER = 500

export function isIoRedis(client: object): client is IoRedisClient {
  return typeof (client as Partial<IoRedisClient>).createBuiltinCommand === 'function'
}

/** Makes the store's view of a client or a Cluster of ioredis. */
export function ioRedis(client: IoRedisClient, listener: GivenListener): GivenClient {
  return 'slots' in client
    ? new IoRedisClusterClient(client as unknown as IoRedisCluster, listener)
    : new IoRedisSingleClient(client as unknown as IoRedisConnection, listener)
}

/** A client of ioredis that has one connection, also behind sentinels. */
class IoRedisSingleClient implements GivenClient {
  readonly manyMachines: boolean
  readonly limitsEachNode = false
  readonly keyPrefix: string
  readonly #client: IoRedisConnection
  readonly #line: Line

  constructor(client: IoRedisConnection, listener: GivenListener) {
    this.#client = client
    this.keyPrefix = String(client.options.keyPrefix ?? '')
    this.manyMachines = Boolean(client.options.sentinels)
    this.#line = new Line(client, { onReady: listener.onReady, onError: error => listener.onError(meantBy(error)) })
  }

  get firstAttempt(): Promise<void> | undefined {
    return this.#line.firstAttempt
  }

  check(): void {
    const { status, mode } = this.#client
    if (status === 'end') throw notConnected()
    if (mode !== 'normal') {
      throw new RedisStoreError(`the client of ioredis is in ${mode} mode; give the store a client of its own`)
    }
  }

  async send(key: string, words: string[]): Promise<unknown> {
    return this.#line.send(makeCommand(this.#client, words), makeCommand(this.#client, ['GET', key])).catch(fail)
  }

  nodes(): undefined {}

  doubt(): void {}

  leave(): void {
    this.#line.leave()
  }
}

/**
 * A Cluster of ioredis. The store sends commands to the masters itself: ioredis would send a command again, to any node,
 * after a connection was lost, and would ask replicas (`scaleReads`, or if no master is left).
 */
class IoRedisClusterClient implements GivenClient {
  readonly manyMachines = true
  readonly limitsEachNode = true
  readonly keyPrefix: string
  readonly #cluster: IoRedisCluster
  readonly #listener: GivenListener
  readonly #attempts: Attempts
  readonly #lines = new Map<IoRedisConnection, Line>()
  #asked = Number.NEGATIVE_INFINITY

  constructor(cluster: IoRedisCluster, listener: GivenListener) {
    this.#cluster = cluster
    this.keyPrefix = String(cluster.options.keyPrefix ?? '')
    this.#listener = listener
    this.#attempts = new Attempts(cluster, { onReady: listener.onReady, onError: this.#onError })
    cluster.on('node error', this.#onError)
    cluster.on('-node', this.#onRemoved)
  }

  get firstAttempt(): Promise<void> | undefined {
    return this.#attempts.first
  }

  check(): void {
    if (this.#cluster.status === 'end') throw notConnected()
  }

  async send(key: string, words: string[]): Promise<unknown> {
    const make = () => makeCommand(this.#cluster, words)
    const harmless = makeCommand(this.#cluster, ['GET', key])
    let node = this.#nodeOf(harmless.getSlot() as number)
    let isAsking = false
    for (let redirections = 0; ; redirections++) {
      try {
        return await this.#lineTo(node).send(make(), harmless, isAsking)
      } catch (error) {
        const redirection = redirectionIn(error)
        if (!redirection || redirections === MOST_REDIRECTIONS) return fail(error)
        isAsking = redirection.isAsking
        node = this.#cluster.connectionPool.findOrCreate(this.#cluster.natMapper(redirection.address))
        if (!isAsking) this.doubt()
      }
    }
  }

  async nodes(): Promise<readonly RedisNode[]> {
    const replicas = this.#cluster.nodes('slave').filter(({ status }) => status === 'ready')
    return [...this.#cluster.nodes('master'), ...replicas].map(node => ({
      name: `${node.options.host}:${node.options.port}`,
      mayBeReplica: false,
      send: words => {
        const harmless = makeCommand(this.#cluster, ['PING'])
        return this.#lineTo(node).send(makeCommand(this.#cluster, words), harmless).catch(fail)
      },
    }))
  }

  doubt(): void {
    const now = performance.now()
    if (this.#cluster.status !== 'ready' || now - this.#asked < ASK_AGAIN_AFTER) return
    this.#asked = now
    this.#cluster.refreshSlotsCache(error => {
      if (error) this.#tryAll()
    })
  }

  leave(): void {
    this.#attempts.leave()
    this.#cluster.off('node error', this.#onError)
    this.#cluster.off('-node', this.#onRemoved)
    for (const line of this.#lines.values()) line.leave()
    this.#lines.clear()
  }

  readonly #onError = (error: unknown) => this.#listener.onError(meantBy(error))

  readonly #onRemoved = (node: unknown) => {
    this.#lines.get(node as IoRedisConnection)?.leave()
    this.#lines.delete(node as IoRedisConnection)
  }

  /** The master of a slot, as far as it is known. Another one answers where the key is. */
  #nodeOf(slot: number): IoRedisConnection {
    const masters = this.#cluster.status === 'ready' ? this.#cluster.nodes('master') : []
    const address = this.#cluster.slots[slot]?.[0]
    const known = masters.find(({ options }) => `${options.host}:${options.port}` === address)
    const node = known ?? masters.find(({ status }) => status === 'ready') ?? masters[0]
    if (!node) throw new ConnectionLostError()
    return node
  }

  #lineTo(node: IoRedisConnection): Line {
    let line = this.#lines.get(node)
    if (!line) {
      line = new Line(node, {}, MOST_AT_NODE)
      this.#lines.set(node, line)
    }
    return line
  }

  /**
   * Connects to the nodes that were never asked. ioredis removes those that it cannot reach, and reads the addresses that
   * it was given again when no node is left.
   */
  #tryAll(): void {
    for (const node of this.#cluster.nodes()) if (node.status === 'wait') node.connect().catch(() => {})
  }
}

function redirectionIn(error: unknown): { isAsking: boolean; address: string } | undefined {
  const [, word, address] = /^(MOVED|ASK) \d+ (\S+)$/.exec((error as Error).message) ?? []
  return address === undefined ? undefined : { isAsking: word === 'ASK', address }
}

function fail(error: unknown): never {
  throw meantBy(error)
}

/** The error that is the cause of an error of ioredis, which may be a plain Error around it. */
function meantBy(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof RedisStoreError) return error
  const { lastNodeError } = error as { lastNodeError?: unknown }
  if (lastNodeError) return meantBy(lastNodeError)
  if (error.message.startsWith('Ready check failed: ')) return new Error(error.message.slice(20))
  return error.message === 'Connection is closed.' ? new ConnectionLostError() : error
}
