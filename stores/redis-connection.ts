// Not the global timers: tests of applications replace them with fakes.
import { clearInterval, setInterval } from 'node:timers'
import { Deadline } from '../src/time/deadline.js'
import { closedError } from './options.js'
import { isClient, type RedisNode, send } from './redis-commands.js'
import { type GivenClient, NodeRedisClient } from './redis-given.js'
import { ioRedis, isIoRedis } from './redis-ioredis.js'
import type { IoRedisClient } from './redis-ioredis-line.js'
import type { RedisClient, RedisClientOptions } from './redis-node-types.js'
import { OwnClient } from './redis-own-client.js'
import { missingRule, outOfReach, RedisStoreError, refusalOf, TOO_MANY } from './redis-refusal.js'

/**
 * A connection counts as dead if no waiting call gets an answer for this time, in milliseconds. Time in which the event
 * loop is blocked does not count.
 */
const RESET_AFTER_MS = 1000
/** Milliseconds between checks of the connection, so that a dead one is found before a caller needs it. */
const HEARTBEAT_MS = 1000
/**
 * The maximum number of waiting calls. Each needs memory, and a Redis that stalls under load must not crash the
 * process.
 */
const LONGEST_QUEUE = 10_000
/**
 * The maximum number of waiting commands. Each key of a call is a command. The longest calls list sessions and have
 * about 50 keys, but they are rare.
 */
const MOST_COMMANDS = 50 * LONGEST_QUEUE

export interface RedisConnectionOptions {
  /** Milliseconds after which a call without an answer rejects. */
  timeout: number
  /** The prefix of the keys, for messages. */
  prefix: string
  /** Called for every new connection. */
  onReady: () => void
}

/** Why Redis has refused a command. `rule`: the ACL rule that is missing, if that is why. */
export interface Refusal {
  readonly reason: string
  readonly rule: string | undefined
}

/**
 * A client of node-redis or ioredis with timeouts: every call ends within `timeout` milliseconds, fails at once while
 * there is no connection, and no error message contains keys, addresses or passwords.
 */
export class RedisConnection {
  readonly #own: OwnClient | undefined
  readonly #given: GivenClient | undefined
  readonly #options: RedisConnectionOptions
  readonly #inFlight = new Set<Promise<unknown>>()
  /** The number of calls that the client has not settled, including those that timed out. */
  #unsettled = 0
  /** The deadline of the first call that timed out after the last answer. */
  #silence: Deadline | undefined
  #lastError: unknown
  readonly #heartbeat: NodeJS.Timeout | undefined
  #isBeating = false
  #closing: Promise<void> | undefined

  constructor(connect: string | RedisClientOptions | RedisClient | IoRedisClient, options: RedisConnectionOptions) {
    this.#options = options
    const listener = { onReady: this.#onReady, onError: this.#onError }
    if (isClient(connect)) {
      this.#given = isIoRedis(connect) ? ioRedis(connect, listener) : new NodeRedisClient(connect, listener)
    } else {
      const clientOptions = typeof connect === 'string' ? { url: connect } : (connect as RedisClientOptions)
      this.#own = new OwnClient(clientOptions, MOST_COMMANDS, listener)
      this.#heartbeat = setInterval(this.#beat, HEARTBEAT_MS).unref()
    }
  }

  /** Whether different machines, with different clocks, may answer different calls. */
  get manyMachines(): boolean {
    return this.#given?.manyMachines === true
  }

  /** Sends a command for `key`. Use it inside `call`. Resolves to the reply: null if there is no value. */
  send(key: string, command: string[]): Promise<unknown> {
    return this.#given?.send(key, command) ?? send((this.#own as OwnClient).client, key, command)
  }

  /** @throws Error if the store is closed. */
  checkOpen(): void {
    if (this.#closing) throw closedError('RedisTokenStore')
  }

  /** The servers that answer calls. Use it inside `call`. */
  async nodes(): Promise<readonly RedisNode[]> {
    const nodes = await this.#given?.nodes()
    return nodes ?? [{ name: '', mayBeReplica: false, send: command => this.send('', command) }]
  }

  /**
   * Describes an error reply of Redis, and the ACL rule that is missing, if that is the reason. `commandRule`: the rule
   * for the command that was refused. Returns `undefined` for an error that is not a reply.
   */
  refusal(error: unknown, commandRule: string): Refusal | undefined {
    const reason = this.#refusalOf(error)
    return reason === undefined
      ? undefined
      : { reason, rule: missingRule(error as Error, commandRule, this.#fullPrefix) }
  }

  /** Runs `work`, which sends commands, with the timeout of one call, or with another one (milliseconds). */
  async call<T>(work: (deadline: Deadline) => Promise<T>, timeout = this.#options.timeout): Promise<T> {
    this.checkOpen()
    this.#given?.check()
    // A Cluster has no such limit, because one node may be frozen while the others work.
    if (this.#unsettled >= LONGEST_QUEUE && !this.#given?.limitsEachNode) throw outOfReach([TOO_MANY])
    const deadline = new Deadline(timeout, noAnswer)
    const firstAttempt = (this.#own ?? this.#given)?.firstAttempt
    const begun = firstAttempt ? firstAttempt.then(() => work(deadline)) : work(deadline)
    const answer = this.#before(deadline, begun)
    this.#inFlight.add(answer)
    try {
      return await answer
    } finally {
      this.#inFlight.delete(answer)
    }
  }

  /**
   * Waits for the running calls, each of which has a timeout, and disconnects. A client that the caller has made stays
   * connected.
   */
  close(): Promise<void> {
    this.#closing ??= this.#hangUp()
    return this.#closing
  }

  async #hangUp(): Promise<void> {
    clearInterval(this.#heartbeat)
    await Promise.allSettled(this.#inFlight)
    this.#own?.close()
    this.#given?.leave()
  }

  readonly #onReady = () => {
    this.#silence = undefined
    this.#options.onReady()
  }

  readonly #onError = (error: unknown) => {
    this.#lastError = error
  }

  readonly #beat = () => {
    if (this.#isBeating || !this.#own?.isReady) return
    this.#isBeating = true
    const done = () => {
      this.#isBeating = false
    }
    const deadline = new Deadline(Math.max(RESET_AFTER_MS, this.#options.timeout), noAnswer)
    this.#before(deadline, this.send('', ['PING'])).then(done, done)
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

  /** Reconnects if there was no answer for a second. node-redis itself may wait for hours on a dead connection. */
  #missed(deadline: Deadline): void {
    this.#given?.doubt()
    this.#silence ??= deadline
    if (!this.#own?.isReady || this.#silence.elapsed() < RESET_AFTER_MS) return
    this.#silence = undefined
    this.#own.renew()
  }

  #failure(error: unknown): Error {
    if (error instanceof RedisStoreError || error instanceof RangeError) return error
    const refusal = this.#refusalOf(error)
    if (refusal !== undefined) {
      this.#silence = undefined
      return new RedisStoreError(`Redis answered ${refusal}`)
    }
    this.#given?.doubt()
    return outOfReach([codeOf(error), this.#refusalOf(this.#lastError) ?? codeOf(this.#lastError)])
  }

  #refusalOf(error: unknown): string | undefined {
    return refusalOf(error, this.#fullPrefix)
  }

  get #fullPrefix(): string {
    return (this.#given?.keyPrefix ?? '') + this.#options.prefix
  }
}

/** The code of an error, such as `ECONNREFUSED`, or the name of its class in node-redis. */
function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown }
  if (error instanceof RedisStoreError) return error.message
  if (typeof code === 'string') return code
  return error instanceof Error && error.message === 'The queue is full' ? TOO_MANY : error?.constructor.name
}

function noAnswer(milliseconds: number): RedisStoreError {
  return new RedisStoreError(`Redis gave no answer within ${milliseconds} ms`)
}
