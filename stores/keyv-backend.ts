import type { Keyv } from 'keyv'
import { type Deadline, withDeadline } from '../src/time/deadline.js'
import { UnsureWrites } from './keyv-unsure.js'

/** What adapters of Keyv have besides their verbs, as far as it matters here. */
interface AdapterTraits {
  readonly opts?: Readonly<Record<string, unknown>>
  /** The connection, of the adapters for Redis and memcached; the Map of MemoryAdapter. */
  readonly client?: {
    readonly options?: Readonly<Record<string, unknown>>
    /** Of memcached's. */
    readonly servers?: readonly { readonly host?: unknown; readonly port?: unknown }[]
  }
  /** The connection of the adapter for Valkey. */
  readonly redis?: { readonly options?: Readonly<Record<string, unknown>> }
  readonly getRaw?: unknown
}

/** What the stores of this process share that are over one backend. */
export class KeyvBackend {
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #unsure = new Map<string, UnsureWrites>()

  /** The unsure writes of one place of the backend: what is put back in one must not come from another. */
  unsureIn(place: string): UnsureWrites {
    return sharedIn(this.#unsure, place, () => new UnsureWrites())
  }

  /** Whether a call about this name is under way. */
  isTaken(name: string): boolean {
    return this.#turns.has(name)
  }

  /**
   * Do `work` when the calls before it are done with the name, or not at all if its time is over by then. `work` has to
   * settle when the deadline is over.
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

/** The one for each backend of this process, as far as it can be told which backend a storage adapter is for. */
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
 * Tells apart the databases, tables and namespaces of one backend, in which one name is several records. Adapters that
 * write the same place in two ways count as two places.
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
 * The server's address if the adapter tells it, else its connection, else itself. Two databases of one server count as
 * one backend: their writes only wait for each other where their names are the same.
 */
function identityOf(store: object): string | object {
  const { opts, client, redis } = traitsOf(store)
  const options = client?.options ?? redis?.options
  const socket = (options?.socket ?? options) as { host?: unknown; port?: unknown; path?: unknown } | undefined
  if (typeof socket?.path === 'string') return socket.path
  // A Cluster and a group of sentinels have no address of their own, and their adapter tells a wrong one.
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

/**
 * Refuse a storage adapter that is known to lose or to hide what it is given.
 * @throws TypeError
 */
export function refuseUnfit(store: object): void {
  const reason = whyUnfit(traitsOf(store))
  if (reason) throw new TypeError(`KeyvTokenStore: the Keyv's storage adapter ${reason}`)
}

function whyUnfit({ opts, client, getRaw }: AdapterTraits): string | undefined {
  if (typeof getRaw === 'function' || isAdapter(opts?.store))
    return 'is another Keyv, which can hide errors and has a life and a namespace of its own; give the inner Keyv'
  if (opts?.ttl) return 'has an option ttl, which ends records before their time; leave it out'
  if (opts?.expires || client?.options?.expires)
    return 'has an option expires, which ends records before their time; leave it out'
  if (opts?.useGridFS) return 'has the option useGridFS, with which it reads errors as "nothing there"; leave it out'
  if (opts?.dialect === 'dynamo')
    return 'is for DynamoDB: it reads what may be out of date, and ends records after six hours; take another store'
  if (client?.options?.clientSideCache)
    return 'has a client with clientSideCache, which answers with revoked records for a while; leave it out'
  return undefined
}

function isAdapter(value: unknown): boolean {
  return typeof (value as { get?: unknown } | undefined)?.get === 'function'
}

function traitsOf(store: object): AdapterTraits {
  return store as AdapterTraits
}
