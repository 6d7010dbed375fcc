/**
 * AuthX's recipe: a blocklist of one's own, asked whenever a token is good otherwise. With a `store` none of this is
 * needed. A blocklist can be used besides a store too, for what only the application knows: suspended accounts, say.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX<{ login: string }>({ secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex') })

// A real one is in a database, where all processes see it and a restart does not empty it.
const blocked = new Set<unknown>()
authx.setTokenBlocklist(payload => blocked.has(payload.login))

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  const username = checkPassword(ctx)
  // Both tokens carry this claim, and so do all that a refresh makes of them. To block the `jti` of the access token
  // alone would leave the refresh token good.
  ctx.body = await authx.login(ctx, username, { data: { login: randomUUID() } })
})

router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx)
})

router.post('/logout', authx.accessTokenRequired(), ctx => {
  blocked.add(ctx.state.token.login)
  ctx.status = 204
})

router.get('/protected', authx.accessTokenRequired(), ctx => {
  ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
