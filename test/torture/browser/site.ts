import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import type Koa from 'koa'
import { koaBody } from 'koa-body'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import { appOf } from '../../support/app.js'
import { addLoginRoutes } from '../../support/login-routes.js'
import type { SentRequest } from '../reference/place-rules.js'
import { type RawAnswer, RawClient } from '../reference/raw-client.js'
import { WatchedStore } from '../reference/watched-store.js'

const SECRET = 'TEST_ONLY_secret_of_a_site_that_browsers_visit'

/** The present of the site. */
export const NOW = Date.UTC(2026, 5, 1, 12)

/** A server over real HTTP that can be given other options. */
export class Site {
  readonly #server: Server
  readonly #client: RawClient
  #authx: AuthX = new AuthX({ secretKey: SECRET, store: new WatchedStore() })
  #store = new WatchedStore()
  #respond: ReturnType<Koa['callback']> = () => Promise.resolve()

  private constructor(server: Server) {
    this.#server = server
    this.#client = new RawClient((server.address() as AddressInfo).port)
    server.on('request', (request, response) => void this.#respond(request, response))
  }

  static async open(): Promise<Site> {
    const server = createServer({ keepAliveTimeout: 0 })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new Site(server)
  }

  get authx(): AuthX {
    return this.#authx
  }

  get store(): WatchedStore {
    return this.#store
  }

  restart(options: AuthXOptions): void {
    this.#store = new WatchedStore()
    // The store answers at once; that a busy machine does not is tried elsewhere.
    const always = { secretKey: SECRET, now: () => NOW, storeTimeout: 10_000 }
    this.#authx = new AuthX({ ...always, ...options, store: this.#store })
    this.#respond = applicationOf(this.#authx).callback()
  }

  send(request: SentRequest): Promise<RawAnswer> {
    return this.#client.send(request)
  }

  close(): void {
    this.#client.close()
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

function applicationOf(authx: AuthX): Koa {
  const flows = addLoginRoutes(new Router({ prefix: '/auth' }), authx)
  const router = new Router()
  const welcome: Koa.Middleware = ctx => {
    ctx.body = { sub: ctx.state.token.sub }
  }
  router.all('/app/page', authx.accessTokenRequired(), welcome)
  router.all('/app/always', authx.accessTokenRequired({ verifyCsrf: true }), welcome)
  router.all('/app/never', authx.accessTokenRequired({ verifyCsrf: false }), welcome)
  const app = appOf(koaBody({ multipart: true }), authx.middleware())
  app.use(flows.routes()).use(router.routes())
  return app
}
