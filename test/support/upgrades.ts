import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type WebSocket, WebSocketServer } from 'ws'
import { type AuthX, refuseUpgrade, type TokenPayload, type UpgradeOptions } from '../../src/index.js'

/** A server that judges upgrades as the documentation shows it. */
export interface UpgradeServer {
  readonly port: number
  readonly url: string
  /** The sockets that were let in, the last one last. */
  readonly sockets: WebSocket[]
  readonly server: Server
}

export interface Service {
  options?: UpgradeOptions
  /** What happens to a socket that was let in. */
  serve?: (socket: WebSocket, payload: TokenPayload) => void
}

/** Let a server listen on a free port until the test is over. */
export async function serveUpgrades(t: TestContext, authx: AuthX, service: Service = {}): Promise<UpgradeServer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepting = new WebSocketServer({ noServer: true })
  const sockets: WebSocket[] = []
  server.on('upgrade', (request, socket, head) => {
    authx.authenticateUpgrade(request, service.options).then(
      payload =>
        accepting.handleUpgrade(request, socket, head, accepted => {
          sockets.push(accepted)
          accepted.on('error', () => {})
          service.serve?.(accepted, payload)
        }),
      error => refuseUpgrade(socket, error),
    )
  })
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.terminate()
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `ws://127.0.0.1:${port}`, sockets, server }
}

export interface UpgradeAnswer {
  /** 101 if the socket was let in. */
  status: number
  headers: IncomingHttpHeaders
  json: Readonly<Record<string, unknown>>
}

export type Header = readonly [name: string, value: string]

/** Ask for an upgrade with these very headers, in this order, repeated ones too. */
export function askForUpgrade(port: number, headers: readonly Header[], path = '/'): Promise<UpgradeAnswer> {
  const lines: Header[] = [
    ['Host', `127.0.0.1:${port}`],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', randomBytes(16).toString('base64')],
    ...headers,
  ]
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, headers: lines.flat() as never, agent: false })
    outgoing.once('upgrade', ({ statusCode: status = 0, headers }, socket) => {
      socket.destroy()
      resolve({ status, headers, json: {} })
    })
    outgoing.once('response', async incoming => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const { statusCode: status = 0, headers } = incoming
      const text = Buffer.concat(chunks).toString()
      resolve({
        status,
        headers,
        json: headers['content-type']?.startsWith('application/json') ? JSON.parse(text) : {},
      })
    })
    outgoing.once('error', reject).end()
  })
}
