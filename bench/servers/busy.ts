/** A guarded route on Redis whose handler keeps the process busy, with the default timeouts; and its floor. */
import { AuthX } from 'koa-authx'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { ANYBODY, SECRET } from './common.js'
import { askRedis } from './floors.js'
import { type Guard, serveKoa } from './koa.js'
import type { StartVariant } from './protocol.js'
import { times } from './stores.js'

const WORK_MS = 2

const works: Guard = (_, next) => {
  const end = performance.now() + WORK_MS
  while (performance.now() < end);
  return next()
}

export const redis: StartVariant = ({ redisUrl }) => {
  const store = new RedisTokenStore(redisUrl, { prefix: `bench-${process.pid}:` })
  const authx = new AuthX({ secretKey: SECRET, store, accessTokenExpires: '1d' })
  const sub = (state: { token: { sub: string } }) => state.token.sub
  return {
    server: serveKoa([authx.accessTokenRequired(), works], { sub, everywhere: [authx.middleware()] }),
    tokens: count => times(count, async () => (await authx.createTokenPair(ANYBODY)).access_token),
  }
}

export const redisFloor: StartVariant = async settings => {
  const ask = await askRedis(settings)
  const asks: Guard = async (_, next) => {
    await ask()
    await next()
  }
  return { server: serveKoa([asks, works]) }
}
