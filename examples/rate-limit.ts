/**
 * Limits, counted with rate-limiter-flexible: 20 logins a minute from one address, 5 attempts in a row for one name, and
 * a route that each person may call 10 times a minute.
 *
 *     npx tsx examples/rate-limit.ts
 *     curl -i http://localhost:8000/login -d username=test -d password=wrong
 *     curl -i http://localhost:8000/login -d username=test -d password=test
 *     curl -i http://localhost:8000/reports -H 'Authorization: Bearer <access_token>'
 */
import { createHash, randomBytes } from 'node:crypto'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { AuthX, rateLimited } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

// These count for one process. Several share their counts with RateLimiterRedis; give each a `keyPrefix` then.
const fromAddress = new RateLimiterMemory({ points: 20, duration: 60 })
const forName = new RateLimiterMemory({ points: 5, duration: 15 * 60 })
const bySubject = new RateLimiterMemory({ points: 10, duration: 60 })

/**
 * What stands for the name that somebody wants to log in with, whether there is such a user or not. It has to be the same
 * for all spellings that the login takes for one user: lower-case it where `Test` and `test` are one.
 */
function nameOf(ctx: Pick<Context, 'request'>): string {
  const { username } = (ctx.request.body ?? {}) as { username?: unknown }
  const name = typeof username === 'string' ? username : ''
  return createHash('sha256').update(name).digest('base64url')
}

const router = new Router()

// Every attempt counts before the password is looked at, so that a hundred at once are a hundred. The address comes
// first: a request that is refused for it has its body not even read, and uses up nobody's name.
router.post('/login', rateLimited(fromAddress), koaBody(), rateLimited(forName, { key: nameOf }), async ctx => {
  const username = checkPassword(ctx)
  // In a row: who knows the password starts anew. The address does not, or an attacker with an account of their own would
  // reset it between guesses.
  await forName.delete(nameOf(ctx))
  ctx.body = await authx.login(ctx, username)
})

// After the guard, since it is the guard that knows who it is.
router.get('/reports', authx.accessTokenRequired(), rateLimited(bySubject, { key: 'subject' }), ctx => {
  ctx.body = { reports: [], sub: ctx.state.token.sub }
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
