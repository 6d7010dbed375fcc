import Router from '@koa/router'
import type { AuthX } from '../../../src/index.js'
import { addLoginRoutes } from '../../support/login-routes.js'

/** What every server under torture has: the flows, and what ends or lists the sessions of a subject. */
export function routesOf(authx: AuthX, router = new Router()): Router {
  router.post('/revoke-all/:sub', async ctx => {
    const { except } = ctx.query
    await authx.revokeAllSessions(String(ctx.params.sub), typeof except === 'string' ? { except } : {})
    ctx.status = 204
  })
  router.get('/sessions/:sub', async ctx => {
    ctx.body = { sids: (await authx.listSessions(String(ctx.params.sub))).map(({ sid }) => sid) }
  })
  return addLoginRoutes(router, authx)
}
