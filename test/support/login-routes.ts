import type Router from '@koa/router'
import type { AuthX, RefreshOptions, TokenPairOptions } from '../../src/index.js'

/** What the requests that come next ask for. A test may change it between requests. */
export interface Asked {
  /** Who logs in at `/login`. Default `'ada'`. */
  sub?: string
  login?: TokenPairOptions
  refresh?: RefreshOptions
}

/**
 * Adds to `router` what most applications of tests have: `/login`, `/login/:sub`, `/refresh`, `/logout`, and the
 * guarded `/protected` and `/refreshable`, which answer with the payload of the token. Any method will do.
 */
export function addLoginRoutes(router: Router, authx: AuthX, asked: Asked = {}): Router {
  router.all('/login{/:sub}', async ctx => {
    ctx.body = await authx.login(ctx, ctx.params.sub ?? asked.sub ?? 'ada', asked.login)
  })
  router.all('/refresh', async ctx => {
    ctx.body = await authx.refresh(ctx, asked.refresh)
  })
  router.all('/logout', async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })
  router.all('/protected', authx.accessTokenRequired(), ctx => {
    ctx.body = ctx.state.token
  })
  router.all('/refreshable', authx.refreshTokenRequired(), ctx => {
    ctx.body = ctx.state.token
  })
  return router
}
