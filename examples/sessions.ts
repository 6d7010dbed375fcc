/**
 * "Where you are logged in": lists the sessions of a user, marks the current one, and ends one, the others, or all.
 *
 *     npx tsx examples/sessions.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl http://localhost:8000/sessions -H 'Authorization: Bearer <access_token>'
 *     curl -X DELETE http://localhost:8000/sessions/<sid> -H 'Authorization: Bearer <access_token>'
 *     curl -X POST http://localhost:8000/sessions/revoke-others -H 'Authorization: Bearer <access_token>'
 *     curl -X POST http://localhost:8000/sessions/revoke-all -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
  // Stores the user agent and IP address of each login, and the time of its last activity.
  sessionTracking: true,
})

const router = new Router()
const guard = authx.accessTokenRequired()
// A copied token that was refreshed, or a token from a link, must not log out other devices.
const fresh = authx.freshTokenRequired()

router.get('/sessions', guard, async ctx => {
  const { sub, sid } = ctx.state.token
  const sessions = await authx.listSessions(sub)
  ctx.body = sessions.map(session => ({ ...session, current: session.sid === sid }))
})

// With `sub` it ends only a session of this user. A session of another user is not found.
router.delete('/sessions/:sid', fresh, async ctx => {
  const ended = await authx.revokeSession(String(ctx.params.sid), { sub: ctx.state.token.sub })
  ctx.status = ended ? 204 : 404
})

router.post('/sessions/revoke-others', fresh, async ctx => {
  const { sub, sid } = ctx.state.token
  await authx.revokeAllSessions(sub, { except: sid })
  ctx.status = 204
})

router.post('/sessions/revoke-all', fresh, async ctx => {
  await authx.revokeAllSessions(ctx.state.token.sub)
  ctx.status = 204
})

// Login, refresh and logout are in app.ts.
export const app = createApp(authx).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
