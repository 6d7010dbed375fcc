import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { LOOPBACK } from './common.js'
import type { StartVariant } from './protocol.js'
import { onStore, type StoreKind } from './stores.js'

/** Logins of as many subjects as `size` says, in turn. */
const logins =
  (kind: StoreKind, maxSessions?: number): StartVariant =>
  settings => {
    const authx = new AuthX({ ...onStore(kind, settings), maxSessions })
    let count = 0
    const router = new Router()
    router.post('/login', async ctx => {
      ctx.body = await authx.login(ctx, `user${count++ % settings.size}`)
    })
    return { server: new Koa().use(router.routes()).listen(0, LOOPBACK) }
  }

export const memory = logins('memory')
export const sqlite = logins('sqlite')
export const redis = logins('redis')

/** The sixth login of a subject ends its oldest session. */
export const memoryOfFive = logins('memory', 5)
export const sqliteOfFive = logins('sqlite', 5)
export const redisOfFive = logins('redis', 5)
