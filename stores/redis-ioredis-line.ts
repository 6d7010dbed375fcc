import { type IoRedisCommand, makeCommand, replaceWhen } from './redis-ioredis-command.js'
import { outOfReach, TOO_MANY } from './redis-refusal.js'

/**
 * What the store needs of a client or a Cluster of ioredis 5 or 6. The types of ioredis are not used, so that
 * applications without ioredis compile.
 */
export interface IoRedisClient {
  /** The state of the connection, such as `ready`. */
  readonly status: string
  /** Connects. The store calls it only for a client with `lazyConnect`. */
  connect(): Promise<void>
  /** Makes the functions that send a command. */
  createBuiltinCommand(name: string): { string: unknown }
  /** Sends a command. */
  sendCommand(command: never): unknown
  /** Adds a listener for the connection. */
  on(event: string, listener: (detail: unknown) => void): unknown
  /** Removes a listener. */
  off(event: string, listener: (detail: unknown) => void): unknown
}

/** One connection of ioredis to a server: a client, or a node of a Cluster. */
export interface IoRedisConnection extends Omit<IoRedisClient, 'sendCommand'> {
  readonly options: IoRedisOptions
  /** `normal`, `subscriber` or `monitor`. */
  readonly mode: string
  /** The number of failed attempts to connect after the last connection. */
  readonly retryAttempts?: number
  sendCommand(command: IoRedisCommand): Promise<unknown>
}

/** Options of ioredis that concern the store. */
export interface IoRedisOptions {
  readonly host?: string
  readonly port?: number
  readonly keyPrefix?: string | Buffer
  readonly readOnly?: boolean
  readonly role?: string
  readonly sentinels?: unknown
}

export interface LineListener {
  onReady?(): void
  onError?(error: unknown): void
  onClose?(): void
}

/** There is no connection, or it was lost before the answer came. */
export class ConnectionLostError extends Error {}

/** The statuses in which ioredis is going to connect. With `wait` it does so for the first command. */
const BEFORE_READY = ['wait', 'connecting', 'connect']

/**
 * Follows the connection of a client or a Cluster of ioredis. Calls wait for its first attempt to connect. They do not
 * wait for an attempt that follows a failure.
 */
export class Attempts {
  readonly #client: IoRedisClient
  readonly #listener: LineListener
  #hasFailed: boolean
  #first: Promise<void> | undefined
  #endFirst = () => {}

  constructor(client: IoRedisClient, listener: LineListener) {
    this.#client = client
    this.#listener = listener
    this.#hasFailed = Number((client as Partial<IoRedisConnection>).retryAttempts) > 0
    client.on('ready', this.#onReady)
    client.on('error', this.#onError)
    client.on('close', this.#onClose)
    client.on('end', this.#onClose)
  }

  /** Resolves when the first attempt has succeeded or failed; `undefined` if there is none. Starts it, if needed. */
  get first(): Promise<void> | undefined {
    const client = this.#client
    if (this.#hasFailed || !BEFORE_READY.includes(client.status)) return undefined
    if (client.status === 'wait') client.connect().catch(() => {})
    this.#first ??= new Promise(resolve => {
      this.#endFirst = resolve
    })
    return this.#first
  }

  leave(): void {
    const client = this.#client
    client.off('ready', this.#onReady)
    client.off('error', this.#onError)
    client.off('close', this.#onClose)
    client.off('end', this.#onClose)
    this.#end(this.#hasFailed)
  }

  readonly #onReady = () => {
    this.#end(false)
    this.#listener.onReady?.()
  }

  readonly #onError = (error: unknown) => {
    this.#listener.onError?.(error)
    this.#end(true)
  }

  readonly #onClose = () => {
    this.#end(true)
    this.#listener.onClose?.()
  }

  #end(hasFailed: boolean): void {
    this.#hasFailed = hasFailed
    this.#first = undefined
    this.#endFirst()
  }
}

/**
 * A connection on which a command is sent at once or not at all, and never a second time. ioredis itself queues commands
 * while there is no connection, and sends those without an answer again after it has reconnected.
 */
export class Line {
  readonly connection: IoRedisConnection
  readonly #attempts: Attempts
  readonly #waiting = new Set<IoRedisCommand>()
  readonly #most: number

  /** @param most the maximum number of waiting commands. */
  constructor(connection: IoRedisConnection, listener: LineListener, most = Number.POSITIVE_INFINITY) {
    this.connection = connection
    this.#most = most
    this.#attempts = new Attempts(connection, { ...listener, onClose: () => this.#lose() })
  }

  get firstAttempt(): Promise<void> | undefined {
    return this.#attempts.first
  }

  /**
   * Sends `command`. With `asking`, it sends ASKING first. `harmless`: a command without effect. Rejects at once if there
   * is no connection.
   */
  async send(command: IoRedisCommand, harmless: IoRedisCommand, asking = false): Promise<unknown> {
    if (this.#waiting.size >= this.#most) throw outOfReach([TOO_MANY])
    await this.firstAttempt
    if (this.connection.status !== 'ready') throw new ConnectionLostError()
    this.#waiting.add(command)
    replaceWhen(() => !this.#waiting.has(command), command, harmless)
    try {
      if (asking) this.connection.sendCommand(makeCommand(this.connection, ['ASKING'])).catch(() => {})
      return await this.connection.sendCommand(command)
    } finally {
      this.#waiting.delete(command)
    }
  }

  leave(): void {
    this.#attempts.leave()
  }

  #lose(): void {
    for (const command of this.#waiting) command.reject(new ConnectionLostError())
    this.#waiting.clear()
  }
}
