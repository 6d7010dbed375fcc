/**
 * Sessions in Redis or Valkey, for processes on any number of machines.
 * @module koa-authx/stores/redis
 */
import type { StoreFinding, TokenStore } from '../src/store.js'
import type { Deadline } from '../src/time/deadline.js'
import {
  checkedPrefix,
  checkedTimeout,
  knownOptions,
  millisecondsUntil,
  type StoreOptions,
  type TimedStoreOptions,
} from './options.js'
import { RedisConnection } from './redis-connection.js'
import type { IoRedisClient } from './redis-ioredis-line.js'
import type { RedisClient, RedisClientOptions } from './redis-node-types.js'
import { checkConnect } from './redis-options.js'
import { RedisStoreError } from './redis-refusal.js'
import { NEVER, readAnswer, type ScriptAnswer, script, scriptSha } from './redis-script.js'
import { ServerClock } from './server-clock.js'

export type { IoRedisClient, RedisClient, RedisClientOptions, StoreOptions, TimedStoreOptions }

/** Options of `RedisTokenStore`. */
export type RedisTokenStoreOptions = TimedStoreOptions

/**
 * Sessions in Redis or Valkey, for any number of processes on any number of machines.
 *
 * With a url or options of node-redis, the store makes its own client, with `@keyv/redis`. While Redis is down, calls
 * reject at once, and the client reconnects automatically. The constructor needs no running Redis. If you give a client,
 * cluster or sentinel of node-redis 5, or a client or a Cluster of ioredis 5 or 6, you connect and close it; its
 * `keyPrefix` applies. Only a url or options need `@keyv/redis`. Every call ends within `timeout`. A write that timed out
 * is not applied later, even if clocks differ. On a Cluster, each key is read with a separate command. Answers never
 * come from a cache of the client or from a replica.
 *
 * Redis must not evict: `maxmemory-policy noeviction`.
 *
 * @throws TypeError for an invalid option; Error if `@keyv/redis` is needed and not installed. Calls reject with Error
 * if Redis cannot be reached, refuses the command or does not answer in time, or if the store is closed; and with
 * RangeError for an `expiresAt` that is not in the future.
 */
export class RedisTokenStore implements TokenStore {
  readonly #prefix: string
  readonly #timeout: number
  readonly #connection: RedisConnection
  readonly #clock = new ServerClock()

  constructor(connect: string | RedisClientOptions | RedisClient | IoRedisClient, options?: RedisTokenStoreOptions) {
    checkConnect(connect)
    const { prefix, timeout } = knownOptions('RedisTokenStore', options, ['prefix', 'timeout'])
    this.#prefix = checkedPrefix('RedisTokenStore', prefix)
    this.#timeout = checkedTimeout('RedisTokenStore', timeout)
    this.#connection = new RedisConnection(connect, {
      timeout: this.#timeout,
      prefix: this.#prefix,
      onReady: () => this.#meet(),
    })
  }

  // Single GETs, sent together, take one round trip. MGET would hide a key that is not a string, and on a Cluster it
  // fails if the keys are on different nodes.
  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const connection = this.#connection
    const values = await connection.call(() => Promise.all(keys.map(key => this.#read(this.#prefix + key))))
    return values
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    millisecondsUntil(expiresAt)
    return this.#connection.call(deadline => this.#write(this.#prefix + key, expected, value, expiresAt, deadline))
  }

  /**
   * Looks for settings of Redis that lose sessions or undo logouts, for missing permissions, and for a clock that is
   * wrong. Of a Cluster it asks all masters, and the replicas that the client is connected to; behind sentinels the
   * master. It rejects if there is no answer within five seconds, or `timeout` if that is longer.
   */
  async check(): Promise<readonly StoreFinding[]> {
    this.#connection.checkOpen()
    const { checkRedis } = await import('./redis-check.js')
    return checkRedis(this.#connection, this.#prefix, this.#timeout)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /**
   * Reads Redis's clock after each new connection, before a caller needs it. After a reconnect, another machine may
   * answer.
   */
  #meet(): void {
    this.#clock.forget()
    if (this.#connection.manyMachines) return
    this.#run(this.#clock, this.#prefix, [NEVER, '1', '']).catch(() => {
      // The first write will read the clock, or fail for the same reason.
    })
  }

  async #write(
    key: string,
    expected: string | undefined,
    value: string,
    expiresAt: Date,
    deadline: Deadline,
  ): Promise<boolean> {
    // In a Cluster or with sentinels, several machines with different clocks may answer, so each write reads the clock.
    const clock = this.#connection.manyMachines ? new ServerClock() : this.#clock
    // The script also answers `late` if this process sent the write late, or had not read Redis's clock yet. Then the
    // loop tries again.
    while (!deadline.over()) {
      const ttl = millisecondsUntil(expiresAt)
      // Redis applies the write until this moment and not later. The caller gets a timeout only after this moment.
      const until = performance.now() + deadline.left()
      const values = [clock.at(until).toFixed(3), String(ttl), value]
      const { answer } = await this.#run(clock, key, expected === undefined ? values : [...values, expected])
      if (answer !== 'late') return answer === 'written'
    }
    throw new RedisStoreError(
      `no write reached Redis in time, within ${this.#timeout} ms: the timeout is too short, a clock is being set, or this process is busy`,
    )
  }

  async #read(key: string): Promise<string | undefined> {
    const reply = await this.#connection.send(key, ['GET', key])
    if (reply === null) return undefined
    if (typeof reply === 'string') return reply
    throw new RedisStoreError('the answer of Redis to GET is not a string')
  }

  async #run(clock: ServerClock, key: string, values: string[]): Promise<ScriptAnswer> {
    const connection = this.#connection
    const call = ['1', key, ...values]
    const sent = performance.now()
    const reply = await connection.send(key, ['EVALSHA', scriptSha, ...call]).catch((error: unknown) => {
      if (error instanceof Error && error.message.startsWith('NOSCRIPT'))
        return connection.send(key, ['EVAL', script, ...call])
      throw error
    })
    const answer = readAnswer(reply)
    clock.learn(answer.now, sent, performance.now())
    return answer
  }
}
