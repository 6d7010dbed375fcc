import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type Koa from 'koa'
import { type Certificate, selfSigned } from './certificate.js'

export interface Site {
  readonly port: number
  /** `http://localhost:<port>`. To a browser, `at('127.0.0.1')` is another site with the same server behind it. */
  readonly origin: string
  at(host: string): string
  readonly server: Server
  /** End it, connections too. */
  close(): Promise<void>
}

export interface SiteOptions {
  /** Default: a free one. */
  port?: number
  /** Serve https, with a certificate that was made for it just now. */
  tls?: boolean
}

/** Let a Koa app, or any listener, answer on 127.0.0.1 until the test is over. */
export async function serveSite(
  t: TestContext,
  app: Koa | RequestListener,
  { port: wanted = 0, tls = false }: SiteOptions = {},
): Promise<Site> {
  const listener = typeof app === 'function' ? app : app.callback()
  const server = serverFor(listener, tls ? selfSigned() : undefined)
  server.listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const close = () => closeServer(server)
  t.after(close)
  const { port } = server.address() as AddressInfo
  const at = (host: string) => `${tls ? 'https' : 'http'}://${host}:${port}`
  return { port, origin: at('localhost'), at, server, close }
}

const serverFor = (listener: RequestListener, certificate?: Certificate): Server =>
  certificate ? (createTlsServer(certificate, listener) as unknown as Server) : createServer(listener)

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
