import Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import type { AuthX } from 'koa-authx'
import { koaBody } from 'koa-body'
import { errorPage, listPage, loginPage } from './html.js'

/** Makes the application: a list for each user, behind a login form. */
export function pagesApp(authx: AuthX): Koa {
  const lists = new Map<string, string[]>()
  const router = new Router()

  router.get('/login', ctx => {
    ctx.body = loginPage(authx.nextPath(ctx))
  })

  router.post('/login', koaBody(), async ctx => {
    const next = authx.nextPath(ctx)
    const { username, password } = (ctx.request.body ?? {}) as Record<string, unknown>
    // A real application compares the password with a hash that is slow to compute: argon2, scrypt.
    if (username !== 'test' || password !== 'test') {
      ctx.status = 401
      ctx.body = loginPage(next, 'Wrong username or password')
      return
    }
    await authx.login(ctx, username)
    seeOther(ctx, next)
  })

  router.get('/', ctx => seeOther(ctx, '/list'))

  router.get('/list', authx.accessTokenRequired(), ctx => {
    const { sub } = ctx.state.token
    ctx.body = listPage(sub, lists.get(sub) ?? [])
  })

  router.post('/list', authx.accessTokenRequired(), koaBody(), ctx => {
    const { item } = (ctx.request.body ?? {}) as Record<string, unknown>
    if (typeof item !== 'string' || item.trim() === '' || item.length > 200)
      return ctx.throw(400, 'Write 1 to 200 characters')
    const { sub } = ctx.state.token
    lists.set(sub, [...(lists.get(sub) ?? []), item].slice(-100))
    seeOther(ctx, '/list')
  })

  router.post('/logout', async ctx => {
    await authx.logout(ctx)
    // Chromium may keep pages for the back button in memory, also with no-store.
    ctx.set('Clear-Site-Data', '"cache"')
    seeOther(ctx, '/login')
  })

  const app = new Koa()
  app.use(protectPages)
  app.use(authx.middleware({ loginPage: '/login', onError: showError }))
  app.use(authx.autoRefresh())
  app.use(router.routes())
  return app
}

/**
 * Keeps pages out of caches, so that the back button shows nothing after a logout, and out of frames of other sites.
 * No page has a script.
 */
const protectPages: Middleware = (ctx, next) => {
  ctx.set('Cache-Control', 'no-store')
  ctx.set('Content-Security-Policy', "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
  return next()
}

/** Renders the errors of koa-authx that do not lead to the login page, such as a form that another site has sent. */
const showError: NonNullable<Parameters<AuthX['middleware']>[0]>['onError'] = (ctx, error) => {
  if (ctx.accepts('json', 'html') === 'html') ctx.body = errorPage(error.status)
}

/** Makes the browser load a page with GET. 303, because a reload then does not send the form again. */
function seeOther(ctx: Koa.Context, path: string): void {
  ctx.status = 303
  ctx.redirect(path)
}
