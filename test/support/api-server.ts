/**
 * One server process of an API: `fork` it with the JSON of `ApiOptions`; it sends its port when it listens, and ends
 * when its parent does.
 */
import Router from '@koa/router'
import type Koa from 'koa'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { Deadline, withDeadline } from '../../src/time/deadline.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TOOK } from './api.js'
import { appOf } from './app.js'
import { addLoginRoutes } from './login-routes.js'
import { serveParent } from './serve-parent.js'
import { openShared, type SharedBackend } from './store-kinds.js'

export interface ApiOptions {
  /** Left out: a memory store. */
  backend?: SharedBackend
  options?: Pick<
    AuthXOptions,
    'refreshGracePeriod' | 'storeTimeout' | 'accessTokenExpires' | 'tokenLocation' | 'maxSessions' | 'tooManySessions'
  >
}

export const TEST_SECRET = 'test secret, not for use anywhere else: 0123456789'

export function apiApp({ backend, options }: ApiOptions): { app: Koa; authx: AuthX } {
  const timeout = options?.storeTimeout
  const store = backend ? openShared(backend, timeout === undefined ? {} : { timeout }) : new MemoryTokenStore()
  const authx = new AuthX({ secretKey: TEST_SECRET, store, ...options })
  const router = addLoginRoutes(new Router(), authx)
  router.get('/public', ctx => {
    ctx.body = { public: true }
  })
  router.post('/logout-everywhere', authx.accessTokenRequired(), async ctx => {
    await authx.revokeAllSessions(ctx.state.token.sub)
    ctx.status = 204
  })
  router.get('/sessions', authx.accessTokenRequired(), async ctx => {
    const sessions = await authx.listSessions(ctx.state.token.sub)
    ctx.body = { sids: sessions.map(({ sid }) => sid), incomplete: sessions.incomplete === true }
  })
  const app = appOf(timed as Koa.Middleware, authx.middleware())
  app.use(router.routes())
  return { app, authx }
}

async function timed(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  const time = new Deadline(600_000)
  await withDeadline(time, next)
  ctx.set(TOOK, String(time.elapsed()))
}

if (process.send && process.argv[2]) {
  serveParent(apiApp(JSON.parse(process.argv[2]) as ApiOptions).app)
}
