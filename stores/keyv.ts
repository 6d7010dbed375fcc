/**
 * Sessions in any Keyv, for one process.
 * @module koa-authx/stores/keyv
 */
import type { Keyv } from 'keyv'
import type { TokenStore } from '../src/store.js'
import { Deadline, within } from '../src/time/deadline.js'
import {
  checkedPrefix,
  checkedTimeout,
  closedError,
  knownOptions,
  millisecondsUntil,
  type StoreOptions,
  type TimedStoreOptions,
} from './options.js'

export type { StoreOptions, TimedStoreOptions }

/** Options of `KeyvTokenStore`. */
export type KeyvTokenStoreOptions = TimedStoreOptions

type Queue = Map<string, Promise<unknown>>

/** One queue for each storage adapter or Map, so that two stores over the same one still take turns. */
const queues = new WeakMap<object, Queue>()

/**
 * Sessions in any Keyv. Keyv has no compare-and-set, so calls about the same key take turns **in this process**: right
 * for one process and no more. For several, take SqliteTokenStore or RedisTokenStore.
 *
 * Errors are switched on (`throwOnErrors`) in the Keyv and in its storage adapter: a Keyv that cannot reach its backend
 * otherwise says "nothing there", which here would mean "not revoked". A call that has no answer within `timeout` rejects;
 * a write that has been given up so is not begun later, and one that is under way is waited for by the next. Whether expired records go away unread is the
 * backend's matter; a plain Map keeps them, MemoryTokenStore does not. The Keyv stays the caller's: `close()` does not
 * disconnect it.
 *
 * @throws TypeError for a wrong option. Calls reject with whatever the backend throws, with Error for a stored value
 * that this store did not write, with RangeError for an `expiresAt` that is not in the future, and with Error once the
 * store is closed.
 */
export class KeyvTokenStore implements TokenStore {
  readonly #keyv: Keyv
  readonly #prefix: string
  readonly #timeout: number
  readonly #queue: Queue
  #closed = false

  constructor(keyv: Keyv, options?: KeyvTokenStoreOptions) {
    if (typeof keyv?.getRaw !== 'function')
      throw new TypeError('KeyvTokenStore takes a Keyv of version 5: new KeyvTokenStore(new Keyv(...))')
    const { prefix, timeout } = knownOptions('KeyvTokenStore', options, ['prefix', 'timeout'])
    this.#prefix = checkedPrefix('KeyvTokenStore', prefix)
    this.#timeout = checkedTimeout('KeyvTokenStore', timeout)
    this.#keyv = keyv
    this.#queue = queueOf(keyv.store)
    keyv.throwOnErrors = true
    if ('throwOnErrors' in keyv.store) keyv.store.throwOnErrors = true
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (this.#closed) throw closedError('KeyvTokenStore')
    return Promise.all(
      keys.map(key => this.#inTurn(this.#prefix + key, (name, deadline) => this.#read(name, deadline))),
    )
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    if (this.#closed) throw closedError('KeyvTokenStore')
    return this.#inTurn(this.#prefix + key, async (name, deadline) => {
      if ((await this.#read(name, deadline)) !== expected) return false
      if (deadline.over()) throw deadline.error()
      // Not raced: what comes next has to find out whether this was written.
      const written = await this.#keyv.set(name, seal(value, expiresAt), millisecondsUntil(expiresAt))
      if (written !== true) throw new Error('KeyvTokenStore: the Keyv did not store the value')
      return true
    })
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  // getRaw, because get() answers undefined to a stored null or number, and getMany() hides errors.
  async #read(name: string, deadline: Deadline): Promise<string | undefined> {
    const raw: unknown = await within(deadline, () => this.#keyv.getRaw(name))
    return raw === undefined ? undefined : unseal((raw as { value?: unknown } | null)?.value)
  }

  /** Do `work` when the calls before it are done with the key, or not at all if its time is over by then. */
  async #inTurn<T>(name: string, work: (name: string, deadline: Deadline) => Promise<T>): Promise<T> {
    const deadline = new Deadline(this.#timeout, noAnswer)
    const run = async () => {
      if (deadline.over()) throw deadline.error()
      return work(name, deadline)
    }
    const mine = (this.#queue.get(name) ?? Promise.resolve()).then(run, run)
    this.#queue.set(name, mine)
    const leave = () => {
      if (this.#queue.get(name) === mine) this.#queue.delete(name)
    }
    mine.then(leave, leave)
    return within(deadline, () => mine)
  }
}

function noAnswer(milliseconds: number): Error {
  return new Error(`KeyvTokenStore: no answer within ${milliseconds} ms`)
}

function queueOf(store: object): Queue {
  const queue = queues.get(store) ?? new Map()
  queues.set(store, queue)
  return queue
}

/** The value behind its expiry, so that we judge it and not a backend that rounds. */
function seal(value: string, expiresAt: Date): string {
  return `${expiresAt.getTime()}:${value}`
}

function unseal(sealed: unknown): string | undefined {
  const [head, expires] = (typeof sealed === 'string' && /^(\d+):/.exec(sealed)) || []
  if (head === undefined) throw new Error('KeyvTokenStore: a stored value is not ours')
  return Number(expires) > Date.now() ? (sealed as string).slice(head.length) : undefined
}
