/**
 * Limits with rate-limiter-flexible: 20 logins a minute from one address, 5 failed attempts in a row for one name, and
 * a route that each user may call 10 times a minute.
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

// These limiters count in one process. Several processes share counts with RateLimiterRedis; set a `keyPrefix` for each
// limiter.
const fromAddress = new RateLimiterMemory({ points: 20, duration: 60 })
const forName = new RateLimiterMemory({ points: 5, duration: 15 * 60 })
const bySubject = new RateLimiterMemory({ points: 10, duration: 60 })

/**
 * Key for the name of a login attempt, whether the user exists or not. It must be equal for all spellings that the
 * login accepts for one user: convert it to lower case if `Test` and `test` are the same user.
 */
function nameOf(ctx: Pick<Context, 'request'>): string {
  const { username } = (ctx.request.body ?? {}) as { username?: unknown }
  const name = typeof username === 'string' ? username : ''
  return createHash('sha256').update(name).digest('base64url')
}

const router = new Router()

// Every attempt counts before the password is checked, so parallel attempts count too. The address comes first: if it
// is over the limit, the body is not read, and the attempt does not count for the name.
router.post('/login', rateLimited(fromAddress), koaBody(), rateLimited(forName, { key: nameOf }), async ctx => {
  const username = checkPassword(ctx)
  // A successful login resets the count of the name, but not of the address: an attacker with an account would reset it
  // between guesses.
  await forName.delete(nameOf(ctx))
  ctx.body = await authx.login(ctx, username)
})

// After the guard, because the guard sets the subject.
router.get('/reports', authx.accessTokenRequired(), rateLimited(bySubject, { key: 'subject' }), ctx => {
  ctx.body = { reports: [], sub: ctx.state.token.sub }
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
