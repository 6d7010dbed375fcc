import type { Server } from 'node:http'
import type { TestContext } from 'node:test'
import { type AuthX, refuseUpgrade } from 'koa-authx'
import { WebSocketServer } from 'ws'

export interface Sockets {
  /** Who connected, and how often an upgrade was refused. */
  readonly greeted: string[]
  refused: number
  /** Ends all connections, as a broken network does. */
  cut(): void
  readonly open: number
}

/** Greets all who connect with a valid token, until their login is over. */
export function greetSockets(t: TestContext, { server, authx }: { server: Server; authx: AuthX }): Sockets {
  const sockets = new WebSocketServer({ noServer: true })
  const made: Sockets = {
    greeted: [],
    refused: 0,
    cut: () => {
      for (const socket of sockets.clients) socket.terminate()
    },
    get open() {
      return sockets.clients.size
    },
  }
  server.on('upgrade', (request, socket, head) => {
    authx.authenticateUpgrade(request).then(
      payload =>
        sockets.handleUpgrade(request, socket, head, client => {
          authx.closeWhenOver(client, payload)
          client.on('error', () => {})
          made.greeted.push(payload.sub)
          client.send(`Hello, ${payload.sub}`)
        }),
      error => {
        made.refused += 1
        refuseUpgrade(socket, error)
      },
    )
  })
  t.after(made.cut)
  return made
}
