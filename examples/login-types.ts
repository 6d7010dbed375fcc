/**
 * Users and administrators in one application, with separate keys and lifetimes. A token of one type is refused on the
 * routes of the other. Both types share one store.
 *
 *     npx tsx examples/login-types.ts
 *     curl http://localhost:8000/user/login -d username=test -d password=test
 *     curl http://localhost:8000/user/protected -H 'Authorization: Bearer <access_token>'
 *     curl http://localhost:8000/admin/protected -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthManager, AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', USER_SECRET_KEY, ADMIN_SECRET_KEY } = process.env

const store = new MemoryTokenStore()

const manager = new AuthManager({
  user: new AuthX({
    loginType: 'user',
    secretKey: USER_SECRET_KEY ?? randomBytes(32).toString('hex'),
    store,
  }),
  admin: new AuthX({
    loginType: 'admin',
    secretKey: ADMIN_SECRET_KEY ?? randomBytes(32).toString('hex'),
    store,
    accessTokenExpires: '5m',
    sessionExpires: '8h',
  }),
})

const router = new Router()

for (const loginType of manager.loginTypes) {
  const authx = manager.get(loginType)

  router.post(`/${loginType}/login`, koaBody(), async ctx => {
    // A real application has separate accounts for administrators and users.
    ctx.body = await authx.login(ctx, checkPassword(ctx))
  })

  router.post(`/${loginType}/refresh`, async ctx => {
    ctx.body = await authx.refresh(ctx)
  })

  router.post(`/${loginType}/logout`, async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })

  router.get(`/${loginType}/protected`, manager.accessTokenRequired(loginType), ctx => {
    ctx.body = { message: `You have access as ${loginType}`, sub: ctx.state.token.sub }
  })
}

// Ends all sessions of a user. An administrator with the same name stays logged in.
router.post('/admin/users/:sub/logout', manager.freshTokenRequired('admin'), async ctx => {
  await manager.get('user').revokeAllSessions(String(ctx.params.sub))
  ctx.status = 204
})

export const app = new Koa().use(manager.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
