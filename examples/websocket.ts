/**
 * A clock over WebSocket, for authenticated clients. Koa middleware and guards never see an upgrade request: the
 * server's event `upgrade` gets it and checks the token. A logout closes the sockets.
 *
 *     npx tsx examples/websocket.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     npx wscat -c ws://localhost:8000/clock -H 'Authorization: Bearer <access_token>'
 *     npx wscat -c ws://localhost:8000/clock -s authx -s <access_token>      as a browser does
 *     curl -X POST http://localhost:8000/logout -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import { AuthX, AuthXError, refuseUpgrade, type TokenPayload } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { type WebSocket, WebSocketServer } from 'ws'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

// Login, refresh and logout are in app.ts.
export const server = createApp(authx).listen(Number(PORT), HOST)

const clock = new WebSocketServer({ noServer: true, path: '/clock', maxPayload: 1024 })

server.on('upgrade', (request, socket, head) => {
  authx.authenticateUpgrade(request).then(
    payload => clock.handleUpgrade(request, socket, head, client => tellTime(client, payload)),
    error => {
      // The client gets the reason of a refusal, but no details of other errors.
      if (!(error instanceof AuthXError)) console.error(error)
      refuseUpgrade(socket, error)
    },
  )
})

function tellTime(client: WebSocket, payload: TokenPayload): void {
  authx.closeWhenOver(client, payload)
  // ws closes the socket after a malformed frame. Without this listener, the error would end the process.
  client.on('error', () => {})
  client.on('message', () => client.send(new Date().toISOString()))
  client.send(`Hello, ${payload.sub}. Send anything to get the time.`)
}
