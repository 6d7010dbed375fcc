import type Koa from 'koa'
import type { AuthX, AuthXOptions } from '../../src/index.js'
import { appOf, makeAuthX, type Reply, serve, TEST_NOW } from '../support/app.js'

type Test = Parameters<typeof serve>[0]

export const inCookies = (options: AuthXOptions = {}) =>
  makeAuthX({ tokenLocation: ['cookies'], now: () => TEST_NOW, ...options })

/** What comes of one request that `handle` answers. */
export async function replyTo(
  t: Test,
  authx: AuthX,
  handle: (ctx: Koa.Context) => unknown,
  prepare?: (app: Koa) => void,
): Promise<Reply> {
  const app = appOf(authx.middleware(), async ctx => {
    ctx.body = (await handle(ctx)) ?? {}
  })
  prepare?.(app)
  return (await serve(t, app))({ method: 'POST' })
}

export const loginReply = (t: Test, authx: AuthX) => replyTo(t, authx, ctx => authx.login(ctx, 'test'))
