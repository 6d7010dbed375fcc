/**
 * The application of the examples quickstart, redis, custom-store, custom-sql-store and start. Tokens travel in the
 * header `Authorization`.
 */
import Router from '@koa/router'
import Koa from 'koa'
import type { AuthX } from 'koa-authx'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

export function createApp(authx: AuthX): Koa {
  const router = new Router()

  router.post('/login', koaBody(), async ctx => {
    ctx.body = await authx.login(ctx, checkPassword(ctx))
  })

  // Send the refresh token as Bearer. It is then used up; the response contains the new one.
  router.post('/refresh', async ctx => {
    ctx.body = await authx.refresh(ctx)
  })

  // Send the access token or the refresh token. The whole session ends, with both tokens.
  router.post('/logout', async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })

  router.get('/protected', authx.accessTokenRequired(), ctx => {
    ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
  })

  const app = new Koa()
  app.use(authx.middleware())
  app.use(router.routes())
  return app
}
