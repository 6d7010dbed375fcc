import type { Middleware } from 'koa'

/** Lets pages of `origin` call with cookies, and with the headers of the client. */
export const allow =
  (origin: string): Middleware =>
  async (ctx, next) => {
    ctx.set({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', Vary: 'Origin' })
    if (ctx.method !== 'OPTIONS') return next()
    ctx.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-CSRF-TOKEN')
    ctx.status = 204
  }
