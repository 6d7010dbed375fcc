/**
 * One process of an API under torture: `fork` the compiled file with the JSON of `ServerOptions`. It sends its port when
 * it listens, answers the message 'figures' with `Figures`, and ends when its parent does.
 */
import Router from '@koa/router'
import Keyv from 'keyv'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import type { TokenStore } from '../../../src/store.js'
import { KeyvTokenStore } from '../../../stores/keyv.js'
import { type MemoryRecord, MemoryTokenStore } from '../../../stores/memory.js'
import { appOf } from '../../support/app.js'
import { serveParent } from '../../support/serve-parent.js'
import { openShared, type SharedBackend } from '../../support/store-kinds.js'
import type { Content } from './content.js'
import { heapInUse } from './heap.js'
import { routesOf } from './routes.js'
import { SteeredStore, steered } from './steering.js'

/** Stores of one process, in a Map. */
export type LocalBackend = { kind: 'memory' } | { kind: 'keyv' }

export type Instance = Pick<
  AuthXOptions,
  | 'refreshGracePeriod'
  | 'refreshRecovery'
  | 'storeTimeout'
  | 'accessTokenExpires'
  | 'refreshTokenExpires'
  | 'sessionExpires'
> & {
  /** Milliseconds by which its clock is ahead. */
  ahead?: number
}

export interface ServerOptions {
  backend: SharedBackend | LocalBackend
  /** All of them on one store; the first under `/0`, the next under `/1`. */
  instances: readonly Instance[]
  /** Milliseconds that a call of the store may take. */
  timeout?: number
  /** How many times faster than the clock on the wall time runs, for the library and its store. */
  speed?: number
  /** Where time was the same on both clocks, milliseconds since 1970. */
  origin?: number
  /** The file for answers that are not sent. */
  lost?: string
}

export interface Figures {
  /** Writes that met another in between. */
  conflicts: number
  /** Bytes in use after a collection of garbage; 0 without `--expose-gc`. */
  heap: number
  /** What is in the Map of a local backend. */
  content: Content
}

const SECRET = 'secret of the torture suite, not for use anywhere else: 0123456789'

function open({ backend, timeout }: ServerOptions, map: Map<string, MemoryRecord>): TokenStore {
  if (backend.kind === 'memory') return new MemoryTokenStore({ map })
  if (backend.kind === 'keyv') return new KeyvTokenStore(new Keyv({ store: map }))
  return openShared(backend, timeout === undefined ? {} : { timeout })
}

function routerOf(n: number, { ahead = 0, ...options }: Instance, store: TokenStore, now: () => number): Router {
  const authx = new AuthX({ secretKey: SECRET, store, now: () => now() + ahead, ...options })
  const router = new Router({ prefix: `/${n}` })
  router.use(authx.middleware())
  return routesOf(authx, router)
}

function serve(options: ServerOptions): void {
  const { instances, speed = 1, origin = 0, lost } = options
  const map = new Map<string, MemoryRecord>()
  const store = new SteeredStore(open(options, map), speed)
  const now = () => origin + (Date.now() - origin) * speed
  // What fails is told to the client; the log would only drown the table.
  const app = appOf(steered(lost))
  for (const [n, instance] of instances.entries()) app.use(routerOf(n, instance, store, now).routes())
  serveParent(app, (): Figures => {
    const values = [...map.values()].map(({ value }) => value)
    const sessions = [...map.keys()].filter(key => key.includes(':session:')).length
    const content = { records: map.size, sessions, characters: values.join('').length }
    return { conflicts: store.conflicts, heap: heapInUse(), content }
  })
}

serve(JSON.parse(process.argv[2] as string) as ServerOptions)
