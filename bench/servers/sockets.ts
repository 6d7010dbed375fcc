/** WebSockets whose login is watched, and their floor: the same sockets without `closeWhenOver`. */
import Koa from 'koa'
import { AuthX, refuseUpgrade } from 'koa-authx'
import { WebSocketServer } from 'ws'
import { LOOPBACK } from './common.js'
import type { StartVariant } from './protocol.js'
import { onStore, type StoreKind, times } from './stores.js'

const sockets =
  (kind: StoreKind, isWatched: boolean): StartVariant =>
  settings => {
    const authx = new AuthX({ ...onStore(kind, settings), storeTimeout: 2500, accessTokenExpires: '1d' })
    const accepted = new WebSocketServer({ noServer: true })
    const app = new Koa().use(authx.middleware()).use(async ctx => {
      await authx.logout(ctx)
      ctx.status = 204
    })
    const server = app.listen(0, LOOPBACK)
    server.on('upgrade', (request, socket, head) => {
      authx.authenticateUpgrade(request).then(
        payload =>
          accepted.handleUpgrade(request, socket, head, client => {
            if (isWatched) authx.closeWhenOver(client, payload)
          }),
        error => refuseUpgrade(socket, error),
      )
    })
    let users = 0
    return {
      server,
      tokens: count => times(count, async () => (await authx.createTokenPair(`user${users++}`)).access_token),
    }
  }

export const memory = sockets('memory', true)
export const redis = sockets('redis', true)
export const memoryFloor = sockets('memory', false)
export const redisFloor = sockets('redis', false)
