/**
 * A server process that can be asked how it fares: `fork` it with the JSON of `ServerOptions`. It sends its port when it
 * listens, answers an `Order` with a `Report`, and ends when its parent does.
 */
import { createCluster, createSentinel } from '@keyv/redis'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import type { TokenStore } from '../../../src/store.js'
import { type RedisClient, RedisTokenStore } from '../../../stores/redis.js'
import { appOf } from '../../support/app.js'
import { serveParent } from '../../support/serve-parent.js'
import { openShared, type SharedBackend } from '../../support/store-kinds.js'
import { heapInUse } from '../fleet/heap.js'
import { routesOf } from '../fleet/routes.js'

export type Backend =
  | SharedBackend
  | { kind: 'cluster'; urls: readonly string[] }
  | { kind: 'sentinel'; name: string; sentinelRootNodes: readonly { host: string; port: number }[] }

export interface ServerOptions {
  backend: Backend
  options?: Pick<AuthXOptions, 'refreshGracePeriod' | 'storeTimeout' | 'accessTokenExpires' | 'refreshTokenExpires'>
}

export interface Order {
  /** Go on as this user of the system, as far as files are concerned; only root can. */
  euid?: number
}

export interface Report {
  /** Bytes in use after a collection of garbage. */
  heap: number
  /** Rejections that nobody handled, and errors that nobody caught. */
  unhandled: string[]
  /** How often the library told of a store that had lost a write. */
  rollbacks: number
}

const unhandled: string[] = []
let rollbacks = 0
process.on('unhandledRejection', reason => unhandled.push(`unhandled rejection: ${reason}`))
process.on('uncaughtException', error => unhandled.push(`uncaught: ${error}`))

async function open(backend: Backend, timeout: number): Promise<TokenStore> {
  if (backend.kind !== 'cluster' && backend.kind !== 'sentinel') return openShared(backend, { timeout })
  // The types of the two clients are so large that the compiler takes a minute to compare them.
  const client: unknown =
    backend.kind === 'cluster'
      ? createCluster({ rootNodes: backend.urls.map(url => ({ url })) })
      : createSentinel({ name: backend.name, sentinelRootNodes: [...backend.sentinelRootNodes] })
  return connected(client as RedisClient, timeout)
}

async function connected(client: RedisClient, timeout: number): Promise<TokenStore> {
  client.on('error', () => {})
  await client.connect()
  return new RedisTokenStore(client, { timeout })
}

const { backend, options } = JSON.parse(process.argv[2] as string) as ServerOptions
const store = await open(backend, options?.storeTimeout ?? 250)
const secretKey = 'secret of the torture suite, not for use anywhere else: 0123456789'
const authx = new AuthX({ secretKey, store, ...options })
authx.on('storeRollback', () => {
  rollbacks++
})
// What fails is told to the client; the log would only drown the table.
const app = appOf(authx.middleware()).use(routesOf(authx).routes())
serveParent(app, ({ euid }: Order): Report => {
  if (euid !== undefined) process.seteuid?.(euid)
  return { heap: heapInUse(), unhandled, rollbacks }
})
