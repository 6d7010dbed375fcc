import KeyvRedis, {
  createClient,
  type RedisClientConnectionType,
  type RedisClusterType,
  type RedisSentinelType,
} from '@keyv/redis'
import { Deadline } from '../src/time/deadline.js'
import { closedError } from './options.js'
import { ClusterNodes } from './redis-cluster.js'

/** What node-redis's `createClient` takes. */
export type RedisClientOptions = NonNullable<Parameters<typeof createClient>[0]>

/** A client, cluster client or sentinel client of node-redis 5. */
export type RedisClient = RedisClientConnectionType

/** Milliseconds without a single answer to calls that waited for one, after which the connection counts as dead. */
const resetAfter = 1000
/** Each waiting call holds memory; a Redis that stalls under load would otherwise take the process with it. */
const longestQueue = 10_000
const tooMany = 'too many calls wait'

const adapters = new WeakMap<object, KeyvRedis<string>>()

/** An error whose message we wrote ourselves, and which may therefore be shown. */
export class RedisStoreError extends Error {}

/**
 * A node-redis client behind @keyv/redis, with what both lack: every call ends within `timeout` milliseconds, fails at
 * once while there is no connection, and fails with a message that names neither keys nor addresses nor passwords.
 */
export class RedisConnection {
  readonly adapter: KeyvRedis<string>
  readonly client: RedisClient
  readonly #owned: boolean
  readonly #timeout: number
  readonly #nodes: ClusterNodes | undefined
  readonly #inFlight = new Set<Promise<unknown>>()
  /** Calls that the client has not settled, those given up included. */
  #unsettled = 0
  /** Until the first attempt to connect has come to something. Only that one is waited for. */
  #firstAttempt: Promise<unknown> | undefined
  /** Since the first call without an answer after the last answer. */
  #silence: Deadline | undefined
  #lastError: unknown
  readonly #onReady: () => void
  readonly #onError = (error: unknown) => {
    this.#lastError = error
  }
  #closing: Promise<void> | undefined

  /** `onReady` is told of every new connection. */
  constructor(connect: string | RedisClientOptions | RedisClient, timeout: number, onReady: () => void) {
    this.#timeout = timeout
    this.#owned = !isClient(connect)
    this.client = isClient(connect) ? connect : createOwnClient(connect, () => this.#closing !== undefined)
    this.adapter = adapterOf(this.client)
    this.#nodes = this.adapter.isCluster() ? new ClusterNodes(this.client as RedisClusterType) : undefined
    this.#onReady = () => {
      this.#silence = undefined
      onReady()
      // An attempt to connect that was under way when the store was closed cannot be called off before it succeeds.
      this.#closing?.then(() => this.#destroy())
    }
    this.client.on('ready', this.#onReady).on('error', this.#onError)
    if (this.#owned) {
      this.#firstAttempt = Promise.race([occurs(this.client, 'ready'), occurs(this.client, 'error')]).then(() => {
        this.#firstAttempt = undefined
      })
      this.#connect()
    }
  }

  get manyMachines(): boolean {
    return this.adapter.isCluster() || this.adapter.isSentinel()
  }

  /**
   * What is under a key; undefined if that is nothing. Asked of the node that takes the writes: told to, node-redis reads
   * from replicas (`useReplicas`, `replicaPoolSize`), and these may not have heard yet of what was revoked.
   */
  read(key: string): Promise<unknown> {
    return this.manyMachines ? this.#readFromMaster(key) : this.adapter.get(key)
  }

  async #readFromMaster(key: string): Promise<unknown> {
    const command = ['GET', key]
    const reply = this.#nodes
      ? (this.client as RedisClusterType).sendCommand(key, false, command)
      : (this.client as RedisSentinelType).sendCommand(false, command)
    return (await reply) ?? undefined
  }

  /** Run `work`, which sends commands, within the time that a call has. */
  async call<T>(work: (deadline: Deadline) => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError('RedisTokenStore')
    // Else @keyv/redis would connect and, failing that, disconnect a client that is not ours.
    if (!this.client.isOpen) throw new RedisStoreError('Redis is not connected: the client given needs its connect()')
    // Of a Cluster one node may stand still, and the others go on: there the client's own options have to bound it.
    if (this.#unsettled >= longestQueue && !this.#nodes) throw outOfReach(tooMany)
    const deadline = new Deadline(this.#timeout, noAnswer)
    const begun = this.#firstAttempt ? this.#firstAttempt.then(() => work(deadline)) : work(deadline)
    const answer = this.#before(deadline, begun)
    this.#inFlight.add(answer)
    try {
      return await answer
    } finally {
      this.#inFlight.delete(answer)
    }
  }

  /** Wait for the calls under way, each of which ends within its time, then hang up; a client of the caller's stays. */
  close(): Promise<void> {
    this.#closing ??= this.#hangUp()
    return this.#closing
  }

  async #hangUp(): Promise<void> {
    await Promise.allSettled(this.#inFlight)
    if (this.#owned) this.#destroy()
    else this.client.off('ready', this.#onReady).off('error', this.#onError)
  }

  #destroy(): void {
    if (isReady(this.client)) this.client.destroy()
  }

  #before<T>(deadline: Deadline, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait = deadline.wait(error => {
        reject(error)
        this.#missed(deadline)
      })
      this.#unsettled++
      work.then(
        value => {
          wait.end()
          this.#unsettled--
          this.#silence = undefined
          resolve(value)
        },
        (error: unknown) => {
          wait.end()
          this.#unsettled--
          reject(this.#failure(error))
        },
      )
    })
  }

  /**
   * node-redis's socketTimeout counts our own writes as life, so under steady traffic it never notices a connection
   * whose other end is gone. We do: nothing answered for a second, then a new connection.
   */
  #missed(deadline: Deadline): void {
    this.#nodes?.doubt()
    this.#silence ??= deadline
    if (!this.#owned || this.#silence.elapsed() < resetAfter || !isReady(this.client)) return
    this.#silence = undefined
    this.client.destroy()
    if (!this.#closing) this.#connect()
  }

  #connect(): void {
    this.client.connect().catch(() => {
      // Told to the 'error' listener; node-redis itself keeps trying.
    })
  }

  #failure(error: unknown): Error {
    if (error instanceof RedisStoreError || error instanceof RangeError) return error
    const reason = reasonOf(error)
    if (reason !== undefined) {
      this.#silence = undefined
      return new RedisStoreError(`Redis answered ${reason}`)
    }
    this.#nodes?.doubt()
    const causes = [codeOf(error), reasonOf(this.#lastError) ?? codeOf(this.#lastError)]
    return outOfReach(...causes)
  }
}

/** One for each client: an adapter never takes its listeners off again. */
function adapterOf(client: RedisClient): KeyvRedis<string> {
  const adapter = adapters.get(client) ?? new KeyvRedis<string>(client, { throwOnErrors: true })
  adapters.set(client, adapter)
  return adapter
}

function occurs(client: RedisClient, event: string): Promise<void> {
  return new Promise(resolve => client.once(event, () => resolve()))
}

export function isClient(connect: unknown): connect is RedisClient {
  return typeof (connect as { connect?: unknown } | null)?.connect === 'function'
}

/** Cluster clients have no such word; the only ones that we ask are our own. */
function isReady(client: RedisClient): boolean {
  return (client as { isReady?: boolean }).isReady === true
}

/** A client that fails at once while Redis is away and comes back by itself (the defaults queue calls for ever). */
function createOwnClient(connect: string | RedisClientOptions, closed: () => boolean): RedisClient {
  const options = typeof connect === 'string' ? { url: connect } : connect
  try {
    return createClient({
      pingInterval: 1000,
      commandsQueueMaxLength: longestQueue,
      ...options,
      disableOfflineQueue: true,
      socket: {
        // Not shorter: the start of a server may keep the event loop busy for a while.
        connectTimeout: 1000,
        // Without the shorter pingInterval this would end idle connections.
        socketTimeout: 3000,
        ...options.socket,
        reconnectStrategy: (attempts: number) =>
          closed() ? false : Math.min(50 * 2 ** attempts, 1000) + Math.random() * 100,
      } as RedisClientOptions['socket'],
    })
  } catch {
    // The error of URL carries the whole url, password included.
    throw new TypeError(
      'RedisTokenStore: the url (redis://[[user]:password@]host[:port][/database]) or an option is wrong',
    )
  }
}

/** The word that begins an error reply (`READONLY`, `OOM`, `WRONGPASS`). What follows may name keys and hosts. */
function reasonOf(error: unknown): string | undefined {
  return error instanceof Error ? /^-?([A-Z]{2,}) /.exec(error.message)?.[1] : undefined
}

/** `ECONNREFUSED` and the like, or the name of node-redis's own error class. */
function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  if (typeof code === 'string') return code
  return error instanceof Error && error.message === 'The queue is full' ? tooMany : error?.constructor.name
}

function noAnswer(milliseconds: number): RedisStoreError {
  return new RedisStoreError(`Redis gave no answer within ${milliseconds} ms`)
}

function outOfReach(...causes: (string | undefined)[]): RedisStoreError {
  return new RedisStoreError(`Redis is out of reach: ${[...new Set(causes)].filter(Boolean).join(', ')}`)
}
