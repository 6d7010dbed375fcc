/**
 * Shows what happens to logged-in users who get another role, are suspended or deleted, or change their password, and
 * how an administrator acts for a user.
 *
 *     npx tsx examples/roles-and-deletion.ts
 *     curl http://localhost:8000/login -d username=admin -d password=test
 *     curl -X PUT http://localhost:8000/users/test/role -d role=editor -H 'Authorization: Bearer <access_token>'
 *     curl -X PUT http://localhost:8000/users/test/suspension -H 'Authorization: Bearer <access_token>'
 *     curl -X DELETE http://localhost:8000/users/test/suspension -H 'Authorization: Bearer <access_token>'
 *     curl -X POST http://localhost:8000/users/test/impersonate -H 'Authorization: Bearer <access_token>'
 *     curl -X DELETE http://localhost:8000/users/test -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX, InvalidCredentialsError } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

interface User {
  // A real application stores a hash that is slow to compute: argon2, scrypt.
  password: string
  role: string
}

export const users = new Map<string, User>([
  ['admin', { password: 'test', role: 'admin' }],
  ['test', { password: 'test', role: 'reader' }],
])
const suspended = new Set<string>()

const authx = new AuthX<{ role: string; act?: { sub: string } }>({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

const scopesOf: Record<string, string[]> = {
  reader: ['notes:read'],
  editor: ['notes:*'],
  admin: ['notes:*', 'users:*'],
}

const mayActFor = (actor: string, sub: string) =>
  users.get(actor)?.role === 'admin' && !suspended.has(actor) && users.get(sub)?.role !== 'admin'

// Called at login, at every refresh and at every renewal.
authx.setClaimsGetter((sub, { context }) => {
  const user = users.get(sub)
  if (!user) return undefined
  const { role } = user
  const scopes = scopesOf[role]
  if (!context) return { scopes, data: { role } }
  // The login of an administrator who acts for the user. It ends if the administrator loses the role.
  const actor = String(context.actor)
  return mayActFor(actor, sub) ? { scopes, data: { role, act: { sub: actor } } } : undefined
})

// Called in every guard and at every refresh.
authx.setTokenBlocklist(({ sub }) => suspended.has(sub))

authx.on('issued', ({ sub, context }) => {
  if (context) console.log(`${context.actor} acts for ${sub}`)
})

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  const { username, password } = ctx.request.body as { username?: unknown; password?: unknown }
  const sub = String(username)
  const user = users.get(sub)
  if (!user || user.password !== password) throw new InvalidCredentialsError()
  if (suspended.has(sub)) return ctx.throw(403, 'The account is suspended')
  ctx.body = await authx.login(ctx, sub)
})

router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx)
})

router.get('/me', authx.accessTokenRequired(), ctx => {
  const { sub, role, scopes, act } = ctx.state.token
  ctx.body = { sub, role, scopes, actor: act?.sub }
})

router.put('/users/:sub/role', authx.scopesRequired('users:edit'), koaBody(), ctx => {
  const { role } = ctx.request.body as { role?: unknown }
  const user = users.get(String(ctx.params.sub))
  if (!user) return ctx.throw(404)
  if (typeof role !== 'string' || !Object.hasOwn(scopesOf, role)) return ctx.throw(400, 'Unknown role')
  user.role = role
  ctx.status = 204
})

router.delete('/users/:sub', authx.scopesRequired('users:edit'), async ctx => {
  const sub = String(ctx.params.sub)
  users.delete(sub)
  await authx.revokeAllSessions(sub)
  ctx.status = 204
})

router.put('/users/:sub/suspension', authx.scopesRequired('users:edit'), ctx => {
  suspended.add(String(ctx.params.sub))
  ctx.status = 204
})

router.delete('/users/:sub/suspension', authx.scopesRequired('users:edit'), ctx => {
  suspended.delete(String(ctx.params.sub))
  ctx.status = 204
})

// `fresh: false`: the administrator has not given the user's password.
router.post('/users/:sub/impersonate', authx.scopesRequired('users:impersonate'), async ctx => {
  const [actor, sub] = [ctx.state.token.sub, String(ctx.params.sub)]
  if (!users.has(sub)) return ctx.throw(404)
  if (!mayActFor(actor, sub)) return ctx.throw(403)
  ctx.body = await authx.login(ctx, sub, { context: { actor }, fresh: false, refreshExpiry: '1h' })
})

router.put('/password', authx.freshTokenRequired(), koaBody(), async ctx => {
  const { sub } = ctx.state.token
  const { password } = ctx.request.body as { password?: unknown }
  const user = users.get(sub)
  if (!user || typeof password !== 'string') return ctx.throw(400)
  user.password = password
  await authx.revokeAllSessions(sub)
  ctx.body = await authx.login(ctx, sub)
})

export const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
