/**
 * The ready-made routes: the application only checks the password. Below /auth are login, refresh, logout, the sessions
 * of the caller, and revocation.
 *
 *     npx tsx examples/routes.ts
 *     curl http://localhost:8000/auth/login -d username=test -d password=test
 *     curl http://localhost:8000/protected -H 'Authorization: Bearer <access_token>'
 *     curl -X POST http://localhost:8000/auth/refresh -H 'Authorization: Bearer <refresh_token>'
 *     curl http://localhost:8000/auth/sessions -H 'Authorization: Bearer <access_token>'
 *     curl -X DELETE http://localhost:8000/auth/sessions/<sid> -H 'Authorization: Bearer <access_token>'
 *     curl -X DELETE http://localhost:8000/auth/sessions -H 'Authorization: Bearer <access_token>'
 *     curl http://localhost:8000/auth/revoke -d token=<refresh_token>
 *     curl -X POST http://localhost:8000/auth/logout -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { authRouter } from 'koa-authx/router'
import { MemoryTokenStore } from 'koa-authx/stores/memory'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
  sessionTracking: true,
})

const salt = randomBytes(16)
const hash = async (password: string) => (await promisify(scrypt)(password, salt, 32)) as Buffer

const users = new Map([['test', { hash: await hash('test'), scopes: ['notes:read', 'sessions'] }]])
const nobody = { hash: randomBytes(32), scopes: [] }

const auth = authRouter(authx, {
  async login({ username, password }) {
    if (typeof username !== 'string' || typeof password !== 'string') return undefined
    // An unknown name takes as long as a wrong password.
    const user = users.get(username) ?? nobody
    return timingSafeEqual(await hash(password), user.hash) ? { sub: username, scopes: user.scopes } : undefined
  },
})

const router = new Router()
router.use('/auth', auth.routes())
router.get('/protected', authx.scopesRequired('notes:read'), ctx => {
  ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
