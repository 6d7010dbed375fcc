import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type Koa from 'koa'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import type { TokenStore } from '../../../src/store.js'
import { appOf } from '../../support/app.js'
import { routesOf } from '../fleet/routes.js'
import { type RawAnswer, RawClient } from '../reference/raw-client.js'

export const SECRET = 'TEST_ONLY_secret_of_servers_whose_clocks_differ'

/** A server with a clock of its own, on a store that it shares with others. */
export class Machine {
  /** Milliseconds by which its clock is ahead. */
  offset = 0
  readonly #store: TokenStore
  readonly #server: Server
  readonly #client: RawClient
  #time: () => number = Date.now
  #respond: ReturnType<Koa['callback']> = () => Promise.resolve()

  private constructor(store: TokenStore, server: Server, port: number) {
    this.#store = store
    this.#server = server
    this.#client = new RawClient(port)
    server.on('request', (request, response) => void this.#respond(request, response))
  }

  static async open(store: TokenStore): Promise<Machine> {
    const server = createServer({ keepAliveTimeout: 0 })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new Machine(store, server, (server.address() as AddressInfo).port)
  }

  /** Milliseconds, as this machine sees them. */
  now = () => this.#time() + this.offset

  /** Begin anew with other options. `time`: what the offset is added to. */
  restart(options: AuthXOptions, time: () => number): void {
    this.offset = 0
    this.#time = time
    const authx = new AuthX({ ...options, secretKey: SECRET, store: this.#store, now: this.now })
    this.#respond = applicationOf(authx).callback()
  }

  send(method: string, path: string, token?: string): Promise<RawAnswer> {
    const lines = token === undefined ? [] : [`Authorization: Bearer ${token}`]
    return this.#client.send({ method, target: path, lines })
  }

  async close(): Promise<void> {
    this.#client.close()
    this.#server.close()
    this.#server.closeAllConnections()
    await this.#store.close?.()
  }
}

function applicationOf(authx: AuthX): Koa {
  const router = routesOf(authx)
  router.post('/single/:sub', ctx => {
    ctx.body = { access_token: authx.createAccessToken(String(ctx.params.sub)) }
  })
  const app = appOf(authx.middleware())
  app.use(router.routes())
  return app
}
