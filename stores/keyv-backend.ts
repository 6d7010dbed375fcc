import type { Keyv } from 'keyv'
import { type Deadline, withDeadline } from '../src/time/deadline.js'
import { UnsureWrites } from './keyv-unsure.js'

/** Properties of Keyv's storage adapters that KeyvTokenStore reads, except methods that it calls. */
interface AdapterTraits {
  readonly opts?: Readonly<Record<string, unknown>>
  /** The connection in the adapters for Redis and memcached; the Map in MemoryAdapter. */
  readonly client?: {
    readonly options?: Readonly<Record<string, unknown>>
    /** The servers. Only the adapter for memcached has them. */
    readonly servers?: readonly { readonly host?: unknown; readonly port?: unknown }[]
  }
  /** The connection in the adapter for Valkey. */
  readonly redis?: { readonly options?: Readonly<Record<string, unknown>> }
  readonly getRaw?: unknown
}

/** The state that all stores over one backend share in this process. */
export class KeyvBackend {
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #unsure = new Map<string, UnsureWrites>()

  /**
   * Returns the writes that timed out or failed in one place of the backend. `place`: the text from `placeOf`. Each
   * place has an UnsureWrites of its own, because a value of one place must never be restored in another.
   */
  unsureIn(place: string): UnsureWrites {
    return sharedIn(this.#unsure, place, () => new UnsureWrites())
  }

  /** Whether a call for the record `name` is running or waiting. */
  isTaken(name: string): boolean {
    return this.#turns.has(name)
  }

  /**
   * Runs `work` after all earlier calls for the record `name`, and resolves to its result. Rejects with the deadline's
   * error when the deadline passes; if `work` has not begun by then, it never runs. `work` must settle when the
   * deadline passes, because later calls wait for it.
   */
  async inTurn<T>(name: string, deadline: Deadline, work: () => Promise<T>): Promise<T> {
    const run = async () => {
      if (deadline.over()) throw deadline.error()
      return work()
    }
    const mine = (this.#turns.get(name) ?? Promise.resolve()).then(run, run)
    this.#turns.set(name, mine)
    const leave = () => {
      if (this.#turns.get(name) === mine) this.#turns.delete(name)
    }
    mine.then(leave, leave)
    return withDeadline(deadline, () => mine)
  }
}

const byObject = new WeakMap<object, KeyvBackend>()
const byAddress = new Map<string, KeyvBackend>()

/**
 * Returns the shared state for the backend of a storage adapter. Two adapters share it only if they show that they use
 * the same backend.
 */
export function backendOf(store: object): KeyvBackend {
  const identity = identityOf(store)
  const make = () => new KeyvBackend()
  if (typeof identity === 'string') return sharedIn(byAddress, identity, make)
  return sharedIn(byObject, identity, make)
}

interface Shared<K, V> {
  get(key: K): V | undefined
  set(key: K, value: V): unknown
}

function sharedIn<K, V>(all: Shared<K, V>, key: K, make: () => V): V {
  const value = all.get(key) ?? make()
  all.set(key, value)
  return value
}

/**
 * Returns a text that identifies the database, table and namespace in a backend. Records with the same name in two
 * places are different records. If two adapters describe the same place differently, it counts as two places.
 */
export function placeOf({ namespace, store }: Keyv): string {
  const { opts, client, redis } = traitsOf(store)
  const url = opts?.uri ?? opts?.url
  const options = client?.options ?? redis?.options
  const database = options ? (options.database ?? options.db ?? 0) : pathIn(url)
  const { schema, table, collection, db } = opts ?? {}
  const prefix = options?.keyPrefix
  const isInMap = store instanceof Map
  return JSON.stringify([database, prefix, schema, table, collection, db, isInMap ? undefined : namespace])
}

function pathIn(url: unknown): string | undefined {
  return typeof url === 'string' ? /^(?:[a-z+]+:\/\/)?[^/]*(\/[^?#]*)/i.exec(url)?.[1] : undefined
}

/**
 * Returns what identifies a backend: the server's address if the adapter shows it, else the adapter's connection, else
 * the adapter. Two databases of one server count as one backend. The only effect is that calls for records with the
 * same name wait for each other.
 */
function identityOf(store: object): string | object {
  const { opts, client, redis } = traitsOf(store)
  const options = client?.options ?? redis?.options
  const socket = (options?.socket ?? options) as { host?: unknown; port?: unknown; path?: unknown } | undefined
  if (typeof socket?.path === 'string') return socket.path
  // A Cluster or a group of sentinels has no single address, and the adapter shows a wrong one.
  if (opts?.dialect === 'redis' && client)
    return options ? addressOf(String(socket?.host ?? 'localhost'), socket?.port ?? DEFAULT_PORTS['redis:']) : client
  const { host, port } = (client?.servers?.length === 1 ? client.servers[0] : socket) ?? {}
  if (typeof host === 'string') return addressOf(host, port)
  const url = opts?.uri ?? opts?.url
  return typeof url === 'string' && url !== '' ? urlAddress(url) : (client ?? store)
}

function urlAddress(url: string): string {
  try {
    const { hostname, port, protocol } = new URL(url.includes('://') ? url : `any://${url}`)
    return hostname ? addressOf(hostname, port || DEFAULT_PORTS[protocol]) : url
  } catch {
    return url
  }
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  'redis:': '6379',
  'rediss:': '6379',
  'postgres:': '5432',
  'postgresql:': '5432',
  'mysql:': '3306',
  'mongodb:': '27017',
}

function addressOf(host: string, port: unknown): string {
  const isLocal = ['localhost', '[::1]', '::1'].includes(host.toLowerCase())
  return `${isLocal ? '127.0.0.1' : host.toLowerCase()}:${port ?? ''}`
}

/** Whether the records are in the memory of this process: in Keyv's own Map, or in MemoryAdapter. */
export function isInMemory(store: object): boolean {
  return store instanceof Map || traitsOf(store).opts?.dialect === 'map'
}

/** What kind of storage adapter it is: `map`, `redis`, `memcache`, and so on; `undefined` if the adapter does not say. */
export function kindOf(store: object): string | undefined {
  if (isInMemory(store)) return 'map'
  const { opts, client, redis } = traitsOf(store)
  if (client?.servers !== undefined) return 'memcache'
  if (redis !== undefined) return 'redis'
  const [, name] = /^Keyv(.+)$/.exec(store.constructor.name) ?? []
  return typeof opts?.dialect === 'string' ? opts.dialect : name?.toLowerCase()
}

/**
 * Refuses a storage adapter that is known to lose records or to hide errors.
 * @throws TypeError
 */
export function refuseUnfit(store: object): void {
  const reason = whyUnfit(traitsOf(store))
  if (reason) throw new TypeError(`KeyvTokenStore: the Keyv's storage adapter ${reason}`)
}

function whyUnfit({ opts, client, getRaw }: AdapterTraits): string | undefined {
  if (typeof getRaw === 'function' || isAdapter(opts?.store))
    return 'is another Keyv, which can hide errors and has its own ttl and namespace; give the inner Keyv'
  if (opts?.ttl) return 'has an option ttl, which deletes records too early; leave it out'
  if (opts?.expires || client?.options?.expires)
    return 'has an option expires, which deletes records too early; leave it out'
  if (opts?.useGridFS) return 'has the option useGridFS, which turns errors into missing records; leave it out'
  if (opts?.dialect === 'dynamo')
    return 'is for DynamoDB: its reads can be out of date, and it deletes records after six hours; use another store'
  if (client?.options?.clientSideCache)
    return 'has a client with clientSideCache, which returns old records for a while after a logout; leave it out'
  return undefined
}

function isAdapter(value: unknown): boolean {
  return typeof (value as { get?: unknown } | undefined)?.get === 'function'
}

function traitsOf(store: object): AdapterTraits {
  return store as AdapterTraits
}
