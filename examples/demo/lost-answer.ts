import type { Middleware } from 'koa'

/**
 * For the demo only: requests with `?lose` in their URL are handled, and the connection ends before the response, as if
 * the network had failed at this moment.
 */
export const loseAnswers: Middleware = async (ctx, next) => {
  await next()
  if (ctx.query.lose === undefined) return
  ctx.respond = false
  ctx.req.socket.destroy()
}
