/** Lifetimes of tokens and sessions: for all logins, for one login, or for one token. */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
  accessTokenExpires: '10m',
  refreshTokenExpires: '30d', // starts again at each refresh
  sessionExpires: '180d', // counted from the login; a refresh does not extend it
})

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  const username = checkPassword(ctx)
  const { remember } = ctx.request.body as { remember?: unknown }
  // `refreshExpiry` of the login also applies to all later refreshes of the session.
  ctx.body = await authx.login(ctx, username, remember ? {} : { refreshExpiry: '2h' })
})

router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx)
})

// A token with its own lifetime, for example for a video player. It belongs to the session and ends with it.
router.post('/brief', authx.accessTokenRequired(), ctx => {
  const { sub, sid } = ctx.state.token
  ctx.body = { access_token: authx.createAccessToken(sub, { sid, expiry: '1m' }) }
})

router.get('/protected', authx.accessTokenRequired(), ctx => {
  ctx.body = { message: 'You have access', until: new Date(ctx.state.token.exp * 1000) }
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
