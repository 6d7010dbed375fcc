import { requirePackage } from '#require-package'
import { Deadline } from '../src/time/deadline.js'
import type { RedisClient, RedisClientOptions } from './redis-node-types.js'
import { RedisStoreError } from './redis-refusal.js'

type NodeRedis = typeof import('@keyv/redis')
type Client = ReturnType<NodeRedis['createClient']>
type Wait = ReturnType<Deadline['wait']>

/**
 * How long an attempt to connect may take, including TLS and login, in milliseconds. Time in which the event loop is
 * blocked does not count.
 */
const ATTEMPT_MS = 2000

/**
 * Milliseconds after which node-redis ends an attempt to connect. The store itself gives up an attempt after
 * `ATTEMPT_MS`. This limit is higher, because node-redis also counts time in which this process is blocked and cannot
 * read an answer.
 */
const LAST_RESORT_MS = 10_000

/** Called by `OwnClient`: `onReady` after each new connection, `onError` after each error. */
export interface ClientListener {
  onReady(): void
  onError(error: unknown): void
}

/**
 * The store's own client. While there is no connection, calls fail at once (by default, node-redis queues them without
 * limit). The client reconnects by itself. `renew` replaces a connection that hangs. For this it makes a new client,
 * because node-redis cannot cancel an attempt to connect.
 */
export class OwnClient {
  readonly #options: RedisClientOptions
  readonly #queueLength: number
  readonly #listener: ClientListener
  #client: Client
  /** Whether an attempt to connect has started and has no socket yet. */
  #isConnecting = false
  #attempt: Wait | undefined
  #isClosed = false
  #firstAttempt: Promise<void> | undefined
  #endFirstAttempt = () => {}

  /**
   * Makes a client and starts to connect. @throws TypeError if node-redis does not accept the url or the options, Error
   * if it is not installed.
   */
  constructor(options: RedisClientOptions, queueLength: number, listener: ClientListener) {
    this.#options = options
    this.#queueLength = queueLength
    this.#listener = listener
    this.#client = this.#create()
    this.#firstAttempt = new Promise<void>(resolve => {
      this.#endFirstAttempt = resolve
    }).then(() => {
      this.#firstAttempt = undefined
    })
    this.#connect()
  }

  get client(): RedisClient {
    return this.#client as RedisClient
  }

  get isReady(): boolean {
    return this.#client.isReady
  }

  /** Resolves when the first attempt to connect has succeeded or failed; `undefined` afterwards. */
  get firstAttempt(): Promise<void> | undefined {
    return this.#firstAttempt
  }

  /** Drops the connection, or the attempt to connect, and starts a new attempt. */
  renew(): void {
    this.#abandon()
    if (this.#isClosed) return
    this.#client = this.#create()
    this.#connect()
  }

  close(): void {
    this.#isClosed = true
    this.#abandon()
  }

  #create(): Client {
    const client = createClientWith(this.#options, this.#queueLength, () => this.#isCurrent(client))
    const whileCurrent = (listener: (detail: unknown) => void) => (detail: unknown) => {
      if (this.#isCurrent(client)) listener(detail)
    }
    return client
      .on('reconnecting', whileCurrent(this.#onAttempt))
      .on('connect', whileCurrent(this.#onConnected))
      .on('ready', whileCurrent(this.#onReady))
      .on('error', whileCurrent(this.#onError))
  }

  #isCurrent(client: Client): boolean {
    return this.#client === client && !this.#isClosed
  }

  #connect(): void {
    this.#onAttempt()
    this.#client.connect().catch(() => {
      // The 'error' listener gets the error; node-redis keeps trying.
    })
  }

  readonly #onAttempt = () => {
    this.#attempt?.end()
    this.#isConnecting = true
    this.#attempt = new Deadline(ATTEMPT_MS, noConnection).wait(error => {
      this.#listener.onError(error)
      this.renew()
    })
  }

  readonly #onConnected = () => {
    this.#isConnecting = false
  }

  readonly #onReady = () => {
    this.#endAttempt()
    this.#listener.onReady()
  }

  readonly #onError = (error: unknown) => {
    this.#isConnecting = false
    this.#endAttempt()
    this.#listener.onError(error)
  }

  #endAttempt(): void {
    this.#attempt?.end()
    this.#attempt = undefined
    this.#endFirstAttempt()
  }

  #abandon(): void {
    const client = this.#client
    const destroy = () => {
      if (client.isOpen) client.destroy()
    }
    this.#endAttempt()
    // node-redis can close a socket only after it has connected.
    if (this.#isConnecting) client.once('connect', destroy)
    else destroy()
  }
}

function createClientWith(options: RedisClientOptions, queueLength: number, isWanted: () => boolean): Client {
  const { createClient } = nodeRedis()
  try {
    return createClient({
      commandsQueueMaxLength: queueLength,
      ...options,
      disableOfflineQueue: true,
      socket: {
        connectTimeout: LAST_RESORT_MS,
        ...options.socket,
        reconnectStrategy: (attempts: number) => isWanted() && Math.min(50 * 2 ** attempts, 1000) + Math.random() * 100,
      } as RedisClientOptions['socket'],
    })
  } catch {
    // The original error contains the whole url, including the password.
    throw new TypeError(
      'RedisTokenStore: the url (redis://[[user]:password@]host[:port][/database]) or an option is wrong',
    )
  }
}

/** Loaded only here: who passes a client of ioredis does not need it. */
function nodeRedis(): NodeRedis {
  try {
    return requirePackage('@keyv/redis') as NodeRedis
  } catch (cause) {
    throw new Error('RedisTokenStore needs a client for a url or options of node-redis: npm install @keyv/redis', {
      cause,
    })
  }
}

function noConnection(milliseconds: number): RedisStoreError {
  return new RedisStoreError(`no connection within ${milliseconds} ms`)
}
