import type Koa from 'koa'

/** Mounts an app under a path as koa-mount does: `ctx.path` is without the path inside the app. */
export function mount(prefix: string, app: Koa): Koa.Middleware {
  const mounted = composed(app)
  return async (ctx, next) => {
    const { path } = ctx
    if (path !== prefix && !path.startsWith(`${prefix}/`)) return next()
    ctx.path = path.slice(prefix.length) || '/'
    await mounted(ctx, async () => {
      ctx.path = path
      await next()
      ctx.path = path.slice(prefix.length) || '/'
    })
    ctx.path = path
  }
}

/** The middlewares of an app as one. */
function composed({ middleware }: Koa): Koa.Middleware {
  return (ctx, next) => {
    const call = (n: number): Promise<unknown> =>
      Promise.resolve((middleware[n] ?? next)(ctx as never, () => call(n + 1)))
    return call(0)
  }
}
