import type Koa from 'koa'
import { bundleClient } from '../../support/bundle.js'

let script: Promise<string> | undefined

/** Serves `koa-authx/client`, compiled from these sources, as `/client.js`: an ES module that exports `AuthXClient`. */
export const clientScript: Koa.Middleware = async (ctx, next) => {
  if (ctx.path !== '/client.js') return next()
  script ??= bundleClient()
  ctx.type = 'text/javascript'
  ctx.body = await script
}
