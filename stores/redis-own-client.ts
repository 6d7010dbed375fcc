import { createClient } from '@keyv/redis'
import { Deadline } from '../src/time/deadline.js'
import type { RedisClient } from './redis-commands.js'
import { RedisStoreError } from './redis-refusal.js'

/** What node-redis's `createClient` takes. */
export type RedisClientOptions = NonNullable<Parameters<typeof createClient>[0]>

type Client = ReturnType<typeof createClient>
type Wait = ReturnType<Deadline['wait']>

/** Milliseconds of the counted time that an attempt to connect has, with TLS and login. */
const ATTEMPT_MS = 2000

/**
 * Milliseconds after which node-redis ends an attempt to connect. Its timers run by the clock, also while this process
 * is blocked and can hear no answer. So this only ends attempts that were given up before.
 */
const LAST_RESORT_MS = 10_000

/** Gets new connections and errors. */
export interface ClientListener {
  onReady(): void
  onError(error: unknown): void
}

/**
 * A client of the store's own. It fails at once while Redis is away and reconnects by itself (by default, node-redis
 * queues calls without limit). `renew` replaces a connection that hangs, with a new client: node-redis cannot cancel an
 * attempt to connect.
 */
export class OwnClient {
  readonly #options: RedisClientOptions
  readonly #queueLength: number
  readonly #listener: ClientListener
  #client: Client
  /** From the beginning of an attempt until there is a socket. */
  #isConnecting = false
  #attempt: Wait | undefined
  #isClosed = false
  #firstAttempt: Promise<void> | undefined
  #endFirstAttempt = () => {}

  /** @throws TypeError for a url or options that node-redis does not take. */
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

  /** Until the first attempt to connect has succeeded or failed; undefined afterwards. */
  get firstAttempt(): Promise<void> | undefined {
    return this.#firstAttempt
  }

  /** Give up the connection, or the attempt to get one, for a new attempt. */
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
    // node-redis knows the socket, and can close it, only when that has connected.
    if (this.#isConnecting) client.once('connect', destroy)
    else destroy()
  }
}

function createClientWith(options: RedisClientOptions, queueLength: number, isWanted: () => boolean): Client {
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
    // The error of URL carries the whole url, password included.
    throw new TypeError(
      'RedisTokenStore: the url (redis://[[user]:password@]host[:port][/database]) or an option is wrong',
    )
  }
}

function noConnection(milliseconds: number): RedisStoreError {
  return new RedisStoreError(`no connection within ${milliseconds} ms`)
}
