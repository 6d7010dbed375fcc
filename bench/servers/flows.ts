import Router from '@koa/router'
import { AuthX } from 'koa-authx'
import { flowKind } from './flow-floors.js'
import { serveRoutes } from './koa.js'
import type { StartVariant, Variant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

/** Login, refresh and logout as the README has them. Each login is another subject's. */
const flows =
  (kind: StoreKind, prepare: (authx: AuthX) => void = () => {}): StartVariant =>
  (settings): Variant => {
    const authx = new AuthX(onStore(kind, settings))
    prepare(authx)
    let logins = 0
    const router = new Router()
    router.post('/login', async ctx => {
      ctx.body = await authx.login(ctx, `user${logins++}`)
    })
    router.post('/refresh', async ctx => {
      ctx.body = await authx.refresh(ctx)
    })
    router.post('/logout', async ctx => {
      await authx.logout(ctx)
      ctx.status = 204
    })
    return {
      server: serveRoutes(router),
      tokens: (count, kind) =>
        times(count, async () => {
          return (await authx.createTokenPair(`user${logins++}`, { fresh: true }))[`${flowKind(kind)}_token`]
        }),
    }
  }

export const memory = flows('memory')
export const sqlite = flows('sqlite')
export const redis = flows('redis')
export const postgres = flows('postgres')

/** With a claims getter that answers at once and adds nothing. */
export const redisAsking = flows('redis', authx => authx.setClaimsGetter(async () => ({})))
