/**
 * The demo page that `npm start` serves at `/`. Its routes below /demo/cookies have both tokens in cookies; its routes
 * below /demo/dual have the access token in memory and the refresh token in a cookie.
 */
import type Router from '@koa/router'
import type { AuthX, AuthXOptions } from 'koa-authx'
import { authRouter } from 'koa-authx/router'
import { deviceOf } from './device.js'
import { instanceFor, MODES, type Mode, pathOf } from './instances.js'
import { loseAnswers } from './lost-answer.js'
import { pageRoutes } from './page.js'
import { addSecondFactor, SecondFactor } from './second-factor.js'
import { addThief } from './thief.js'
import { addUserRoutes, askForRoles, type Users } from './users.js'

export interface DemoOptions {
  /** Where the store keeps sessions, as the page says it: `'in memory'`. Default: the page does not say it. */
  where?: string
  /** Called with the `AuthX` of each mode. */
  watch?: (authx: AuthX) => void
}

/** What both modes share: the application's own data. */
interface Application {
  readonly users: Users
  readonly factor: SecondFactor
}

/** The page and its routes. `options` (store and keys) apply to both modes. */
export function demoRouter(options: AuthXOptions, { where, watch }: DemoOptions = {}): Router {
  const router = pageRoutes()
  router.get('/demo/store', ctx => {
    ctx.body = { where }
  })
  const application: Application = {
    users: new Map([['test', 'editor']]),
    factor: new SecondFactor(options.now ?? Date.now),
  }
  for (const mode of MODES) {
    const authx = instanceFor(mode, options)
    askForRoles(authx, application.users)
    watch?.(authx)
    router.use(pathOf(mode), loseAnswers, authx.middleware(), modeRouter(mode, authx, application).routes())
  }
  return router
}

/** Routes of a mode. Login, refresh, logout and sessions come from `authRouter`. */
function modeRouter(mode: Mode, authx: AuthX, { users, factor }: Application): Router {
  const router = authRouter(authx, {
    login({ username, password }, ctx) {
      // Only JSON, because other sites can make a browser post a form.
      if (!ctx.is('json') || username !== 'test' || password !== 'test') return undefined
      // The demo creates the user again after a deletion.
      if (!users.has('test')) users.set('test', 'editor')
      return { sub: 'test', amr: ['pwd'], device: { name: deviceOf(ctx.get('user-agent')), tokens: mode } }
    },
    // The demo does not ask for the password again before it ends sessions. A real application should.
    sessions: { end: { fresh: false } },
  })
  const guard = authx.accessTokenRequired()

  router.get('/protected', guard, ctx => {
    ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
  })
  // A POST is for changes: with cookies it requires the CSRF value.
  router.post('/protected', authx.scopesRequired('notes:change'), ctx => {
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
  addUserRoutes(router, authx, users)
  addSecondFactor(router, authx, factor)
  addThief(router, authx, pathOf(mode))
  return router
}
