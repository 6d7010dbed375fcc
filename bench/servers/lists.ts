import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { ANYBODY, answerTo, LOOPBACK } from './common.js'
import type { StartVariant, Variant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

/** The page "where you are logged in" of a subject with as many sessions as `size` says. */
const lists =
  (kind: StoreKind, answer: (authx: AuthX, sub: string) => unknown = (authx, sub) => authx.listSessions(sub)) =>
  async (settings: Parameters<StartVariant>[0]): Promise<Variant> => {
    const authx = new AuthX({ ...onStore(kind, settings), accessTokenExpires: '1d' })
    const device = { name: 'Kitchen tablet', userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101' }
    const tokens = await times(settings.size, async () => {
      return (await authx.createTokenPair(ANYBODY, { device })).access_token
    })
    const router = new Router()
    router.get('/sessions', authx.accessTokenRequired(), async ctx => {
      ctx.body = await answer(authx, ctx.state.token.sub)
    })
    return { server: new Koa().use(router.routes()).listen(0, LOOPBACK), tokens: count => tokens.slice(0, count) }
  }

export const memory = lists('memory')
export const sqlite = lists('sqlite')
export const redis = lists('redis')

const guard = (kind: StoreKind): StartVariant => lists(kind, (_, sub) => answerTo(sub))

/** The same route without the list: what its guard costs. */
export const memoryGuard = guard('memory')
export const sqliteGuard = guard('sqlite')
export const redisGuard = guard('redis')
