/**
 * One process of an API under torture: `fork` the compiled file with the JSON of `ServerOptions`. It sends its port when
 * it listens, answers the message 'figures' with `Figures`, and ends when its parent does.
 */
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Keyv from 'keyv'
import Koa from 'koa'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import type { TokenStore } from '../../../src/store.js'
import { KeyvTokenStore } from '../../../stores/keyv.js'
import { type MemoryRecord, MemoryTokenStore } from '../../../stores/memory.js'
import { openShared, type SharedBackend } from '../../support/store-kinds.js'
import type { Content } from './content.js'
import { SteeredStore, steered } from './steering.js'

/** Stores of one process, in a Map. */
export type LocalBackend = { kind: 'memory' } | { kind: 'keyv' }

export type Instance = Pick<
  AuthXOptions,
  'refreshGracePeriod' | 'storeTimeout' | 'accessTokenExpires' | 'refreshTokenExpires' | 'sessionExpires'
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
  router.post('/login/:sub', async ctx => {
    ctx.body = await authx.login(ctx, String(ctx.params.sub))
  })
  router.post('/refresh', async ctx => {
    ctx.body = await authx.refresh(ctx)
  })
  router.post('/logout', async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })
  router.post('/revoke-all/:sub', async ctx => {
    const { except } = ctx.query
    await authx.revokeAllSessions(String(ctx.params.sub), typeof except === 'string' ? { except } : {})
    ctx.status = 204
  })
  router.get('/sessions/:sub', async ctx => {
    ctx.body = { sids: (await authx.listSessions(String(ctx.params.sub))).map(({ sid }) => sid) }
  })
  router.get('/protected', authx.accessTokenRequired(), ctx => {
    ctx.body = { sub: ctx.state.token.sub }
  })
  router.get('/refreshable', authx.refreshTokenRequired(), ctx => {
    ctx.body = { sub: ctx.state.token.sub }
  })
  return router
}

function heapInUse(): number {
  if (!globalThis.gc) return 0
  // What the first collection finalises, the second takes away.
  for (let times = 0; times < 2; times++) globalThis.gc()
  return process.memoryUsage().heapUsed
}

function serve(options: ServerOptions): void {
  const { instances, speed = 1, origin = 0, lost } = options
  const map = new Map<string, MemoryRecord>()
  const store = new SteeredStore(open(options, map), speed)
  const now = () => origin + (Date.now() - origin) * speed
  const app = new Koa()
  // What fails is told to the client; the log would only drown the table.
  app.silent = true
  app.use(steered(lost))
  for (const [n, instance] of instances.entries()) app.use(routerOf(n, instance, store, now).routes())
  const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  // Else a connection may be closed in the moment in which a client takes it for its next request.
  server.keepAliveTimeout = 0
  process.on('message', () => {
    const values = [...map.values()].map(({ value }) => value)
    const sessions = [...map.keys()].filter(key => key.includes(':session:')).length
    const content = { records: map.size, sessions, characters: values.join('').length }
    process.send?.({ conflicts: store.conflicts, heap: heapInUse(), content } satisfies Figures)
  })
  process.on('disconnect', () => process.exit())
}

serve(JSON.parse(process.argv[2] as string) as ServerOptions)
