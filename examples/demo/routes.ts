/**
 * The demo that `npm start` serves at `/`: a page to click, which logs in with both tokens in cookies below /demo/cookies,
 * or with the access token in memory and the refresh token in a cookie below /demo/dual.
 */
import type Router from '@koa/router'
import type { AuthX, AuthXOptions } from 'koa-authx'
import { authRouter } from 'koa-authx/router'
import { deviceOf } from './device.js'
import { instanceFor, MODES, type Mode, pathOf } from './instances.js'
import { pageRoutes } from './page.js'
import { addThief } from './thief.js'

/** The page and its routes. `options` are for both modes: store and keys. `watch` is called with the `AuthX` of each. */
export function demoRouter(options: AuthXOptions, watch: (authx: AuthX) => void = () => {}): Router {
  const router = pageRoutes()
  for (const mode of MODES) {
    const authx = instanceFor(mode, options)
    watch(authx)
    router.use(pathOf(mode), authx.middleware(), modeRouter(mode, authx).routes())
  }
  return router
}

/** Login, refresh, logout and sessions are the ready-made ones. */
function modeRouter(mode: Mode, authx: AuthX): Router {
  const router = authRouter(authx, {
    login({ username, password }, ctx) {
      // Only JSON: other sites could make a browser post a form.
      if (!ctx.is('json') || username !== 'test' || password !== 'test') return undefined
      return { sub: 'test', device: { name: deviceOf(ctx.get('user-agent')), tokens: mode } }
    },
    // The page ends sessions after a refresh too, and does not ask for the password again. A real one should.
    sessions: { end: { fresh: false } },
  })
  const guard = authx.accessTokenRequired()

  router.get('/protected', guard, ctx => {
    ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
  })
  // It changes something, or would: with cookies it takes the CSRF value.
  router.post('/protected', guard, ctx => {
    ctx.body = { message: 'Changed', sub: ctx.state.token.sub }
  })
  router.post('/logout-everywhere', guard, async ctx => {
    await authx.revokeAllSessions(ctx.state.token.sub)
    ctx.status = 204
  })
  // For a page whose script cannot read the cookie.
  router.get('/claims', guard, ctx => {
    ctx.set('Cache-Control', 'no-store')
    ctx.body = ctx.state.token
  })
  addThief(router, authx, `${pathOf(mode)}/refresh`)
  return router
}
