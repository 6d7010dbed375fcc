/**
 * A blocklist as in AuthX: the library calls your function for every token that is valid otherwise. With a `store` you
 * do not need one. You can use both, for example to block suspended accounts, which only the application knows.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX<{ login: string }>({ secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex') })

// A real blocklist is in a database, where all processes see it and it survives a restart.
const blocked = new Set<unknown>()
authx.setTokenBlocklist(payload => blocked.has(payload.login))

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  const username = checkPassword(ctx)
  // Both tokens have this claim, and all tokens from their refreshes too. If you block only the `jti` of the access
  // token, the refresh token stays valid.
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
