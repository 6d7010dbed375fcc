/**
 * Scopes, subjects, and a page with an optional login.
 *
 *     npx tsx examples/scopes-and-subjects.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl http://localhost:8000/news
 *     curl http://localhost:8000/reports -H 'Authorization: Bearer <access_token>'
 *     curl http://localhost:8000/audit -H 'Authorization: Bearer <access_token>'
 *     curl http://localhost:8000/profile -H 'Authorization: Bearer <access_token>'
 *     curl -X DELETE http://localhost:8000/profile -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

interface User {
  name: string
}
const users = new Map<string, User>([['test', { name: 'Tess' }]])

const authx = new AuthX<Record<string, unknown>, User>({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})
authx.setSubjectGetter(async sub => users.get(sub))

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  ctx.body = await authx.login(ctx, checkPassword(ctx), { scopes: ['reports:*'] })
})

// A request without a token passes. A token must be valid.
router.get('/news', authx.accessTokenRequired({ optional: true }), ctx => {
  ctx.body = { news: ctx.state.token ? `for ${ctx.state.token.sub}` : 'for everybody' }
})

// `reports:*` covers `reports:read`.
router.get('/reports', authx.scopesRequired('reports:read'), ctx => {
  ctx.body = { scopes: ctx.state.token.scopes }
})

// The token has neither of these scopes: 403.
router.get('/audit', authx.anyScopeRequired('admin:audit', 'auditor'), ctx => {
  ctx.body = { audit: [] }
})

router.get('/profile', authx.subjectRequired(), ctx => {
  ctx.body = ctx.state.subject
})

// After this, the subject of the token does not exist: GET /profile is 401.
router.delete('/profile', authx.freshTokenRequired(), ctx => {
  users.delete(ctx.state.token.sub)
  ctx.status = 204
})

export const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
