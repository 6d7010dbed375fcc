/**
 * The demo page that `npm start` serves at `/`. Its routes below /demo/cookies have both tokens in cookies; its routes
 * below /demo/dual have the access token in memory and the refresh token in a cookie.
 */
import type Router from '@koa/router'
import type { AuthX, AuthXOptions } from 'koa-authx'
import { authRouter } from 'koa-authx/router'
import { deviceOf } from './device.js'
import { instanceFor, MODES, type Mode, pathOf } from './instances.js'
import { pageRoutes } from './page.js'
import { addThief } from './thief.js'

/**
 * The page and its routes. `options` (store and keys) apply to both modes. `watch` is called with the `AuthX` of each
 * mode.
 */
export function demoRouter(options: AuthXOptions, watch: (authx: AuthX) => void = () => {}): Router {
  const router = pageRoutes()
  for (const mode of MODES) {
    const authx = instanceFor(mode, options)
    watch(authx)
    router.use(pathOf(mode), authx.middleware(), modeRouter(mode, authx).routes())
  }
  return router
}

/** Routes of a mode. Login, refresh, logout and sessions come from `authRouter`. */
function modeRouter(mode: Mode, authx: AuthX): Router {
  const router = authRouter(authx, {
    login({ username, password }, ctx) {
      // Only JSON, because other sites can make a browser post a form.
      if (!ctx.is('json') || username !== 'test' || password !== 'test') return undefined
      return { sub: 'test', device: { name: deviceOf(ctx.get('user-agent')), tokens: mode } }
    },
    // The demo does not ask for the password again before it ends sessions. A real application should.
    sessions: { end: { fresh: false } },
  })
  const guard = authx.accessTokenRequired()

  router.get('/protected', guard, ctx => {
    ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
  })
  // A POST is for changes: with cookies it requires the CSRF value.
  router.post('/protected', guard, ctx => {
    ctx.body = { message: 'Changed', sub: ctx.state.token.sub }
  })
  router.post('/logout-everywhere', guard, async ctx => {
    await authx.revokeAllSessions(ctx.state.token.sub)
    ctx.status = 204
  })
  // For the mode cookies, where the script cannot read the token.
  router.get('/claims', guard, ctx => {
    ctx.set('Cache-Control', 'no-store')
    ctx.body = ctx.state.token
  })
  addThief(router, authx, `${pathOf(mode)}/refresh`)
  return router
}
