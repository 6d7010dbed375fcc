/**
 * Tokens in cookies, for pages in a browser. Scripts cannot read the tokens (HttpOnly). Other sites cannot use them: a
 * request that changes data needs the CSRF value, which only scripts of this site can read, from a second cookie.
 *
 *     npx tsx examples/cookies.ts
 *     curl -c jar -b jar http://localhost:8000/login -d username=test -d password=test
 *     curl -c jar -b jar http://localhost:8000/protected
 *     csrf=$(awk '$6 == "csrf_access_token" { print $7 }' jar)
 *     curl -c jar -b jar -H "X-CSRF-TOKEN: $csrf" -X POST http://localhost:8000/protected
 *     curl -c jar -b jar -H "X-CSRF-TOKEN: $csrf" -X POST http://localhost:8000/refresh
 *     curl -c jar -b jar -H "X-CSRF-TOKEN: $csrf" -X POST http://localhost:8000/logout
 */
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
  tokenLocation: ['cookies'],
  // The cookies are Secure: they need HTTPS. Chromium and curl also accept them on http://localhost.
})

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  // Sets the cookies. `login` refuses a form of another site (403): it would log the visitor in to another account. It
  // also ends the session that the browser had before, if the request has its CSRF value.
  ctx.body = await authx.login(ctx, checkPassword(ctx))
})

router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx)
})

router.post('/logout', async ctx => {
  await authx.logout(ctx)
  ctx.body = { message: 'Logged out' }
})

router.post('/logout-everywhere', authx.accessTokenRequired(), async ctx => {
  await authx.revokeAllSessions(ctx.state.token.sub)
  authx.unsetCookies(ctx)
  ctx.body = { message: 'Logged out on all devices' }
})

// A GET changes no data and needs no CSRF value. A POST needs it.
router.get('/protected', authx.accessTokenRequired(), ctx => {
  ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
})
router.post('/protected', authx.accessTokenRequired(), ctx => {
  ctx.body = { message: 'Changed', sub: ctx.state.token.sub }
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
