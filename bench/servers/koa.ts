import type { Server } from 'node:http'
import Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import { ANYBODY, answerTo, LOOPBACK } from './common.js'
import type { StartVariant } from './protocol.js'

// biome-ignore lint/suspicious/noExplicitAny: each guard puts something else there
type State = any

export type Guard = Middleware<State>

interface Around {
  /** Whose token it is, from where the guard puts it. */
  sub?: (state: State) => string
  /** What stands on the application and not on the route. */
  everywhere?: readonly Guard[]
}

/** A Koa application with one route, and what stands on it. */
export function serveKoa(before: readonly Guard[], { sub = () => ANYBODY, everywhere = [] }: Around = {}): Server {
  const router = new Router()
  const handler: Guard = ctx => {
    ctx.body = answerTo(sub(ctx.state))
  }
  router.get('/protected', ...before, handler).post('/protected', ...before, handler)
  return serveRoutes(router, everywhere)
}

/**
 * A Koa application with these routes. It does not print errors: if tokens run out, some are sent again, and the run is
 * repeated with more. The status of every response is checked.
 */
export function serveRoutes(router: Router, everywhere: readonly Guard[] = []): Server {
  const app = new Koa()
  app.silent = true
  for (const each of everywhere) app.use(each)
  return app.use(router.routes()).listen(0, LOOPBACK)
}

export const open: StartVariant = () => ({ server: serveKoa([]) })
