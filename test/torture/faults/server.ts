/**
 * A server process that can be asked how it fares: `fork` it with the JSON of `ServerOptions`. It sends its port when it
 * listens, answers an `Order` with a `Report`, and ends when its parent does.
 */
import type { AddressInfo } from 'node:net'
import { createCluster, createSentinel } from '@keyv/redis'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import type { TokenStore } from '../../../src/store.js'
import { type RedisClient, RedisTokenStore } from '../../../stores/redis.js'
import { openShared, type SharedBackend } from '../../support/store-kinds.js'

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

function routes(authx: AuthX): Router {
  const router = new Router()
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
    await authx.revokeAllSessions(String(ctx.params.sub))
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

function report(): Report {
  // What the first collection finalises, the second takes away.
  for (let times = 0; times < 2; times++) globalThis.gc?.()
  return { heap: process.memoryUsage().heapUsed, unhandled, rollbacks }
}

const { backend, options } = JSON.parse(process.argv[2] as string) as ServerOptions
const store = await open(backend, options?.storeTimeout ?? 250)
const secretKey = 'secret of the torture suite, not for use anywhere else: 0123456789'
const authx = new AuthX({ secretKey, store, ...options })
authx.on('storeRollback', () => {
  rollbacks++
})
const app = new Koa()
// What fails is told to the client; the log would only drown the table.
app.silent = true
app.use(authx.middleware()).use(routes(authx).routes())
const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
// Else a connection may be closed in the moment in which a client takes it for its next request.
server.keepAliveTimeout = 0
process.on('message', ({ euid }: Order) => {
  if (euid !== undefined) process.seteuid?.(euid)
  process.send?.(report())
})
process.on('disconnect', () => process.exit())
