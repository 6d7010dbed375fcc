/**
 * An API that accepts the access tokens of an issuer, and its logout tokens: in this process (`issuerApi`), or in a
 * process of its own (`startIssuerApi`), which ends with the test.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type Koa from 'koa'
import { AuthX, type AuthXOptions, type BackchannelLogoutOptions, refuseUpgrade } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { WebSocketServer } from 'ws'
import { appOf, bearer, type Reply } from './app.js'
import { TEST_API, TEST_CLIENT } from './oidc-server.js'
import { serveParent } from './serve-parent.js'
import { openShared, type SharedBackend } from './store-kinds.js'

export interface IssuerApiOptions {
  readonly issuer: string
  /** Default: a memory store. */
  readonly backend?: SharedBackend
  /** How long a stream or a socket may stay open after its login has ended. Default 10 seconds. */
  readonly within?: string
}

/** The path of the API to which the issuer sends logout tokens. */
export const LOGOUT_PATH = '/backchannel-logout'

/** An instance that accepts the tokens of `oidcServer`. */
export function issuerAuthX(issuer: string, options: AuthXOptions = {}): AuthX {
  const issuers = [remoteIssuer({ issuer, audience: TEST_API, clientId: TEST_CLIENT.client_id })]
  return new AuthX({ issuers, store: new MemoryTokenStore(), ...options })
}

/** `/me` answers with the token, `/events` with a stream that ends with the login, and `LOGOUT_PATH` is for the issuer. */
export function issuerApp(authx: AuthX, within = '10s', options: BackchannelLogoutOptions = {}): Koa {
  const logout = authx.backchannelLogout(options)
  const app = appOf(authx.middleware(), (ctx, next) => (ctx.path === LOGOUT_PATH ? logout(ctx, next) : next()))
  return app.use(authx.accessTokenRequired()).use(ctx => {
    ctx.body = ctx.path === '/events' ? eventsOf(authx, ctx, within) : ctx.state.token
  })
}

/** A stream that says why it ends. */
function eventsOf(authx: AuthX, ctx: Koa.Context, within: string): PassThrough {
  const stream = new PassThrough()
  stream.write('open\n')
  const signal = authx.abortWhenOver(ctx as never, { within })
  signal.addEventListener('abort', () => stream.end(signal.reason.name))
  return stream
}

/** An API that is called by HTTP. */
export interface IssuerApi {
  readonly port: number
  /** The address to which the issuer sends logout tokens. */
  readonly logoutUri: string
  /** Status and `error_type` of the answer to a token. */
  verdict(token: string): Promise<unknown[]>
}

/** Serves the app of `issuerApp` in this process. */
export async function issuerApi(t: TestContext, authx: AuthX, options?: BackchannelLogoutOptions): Promise<IssuerApi> {
  const server = issuerApp(authx, undefined, options).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return apiAt((server.address() as AddressInfo).port)
}

/** Starts an API in a process of its own. */
export async function startIssuerApi(t: TestContext, options: IssuerApiOptions): Promise<IssuerApi> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  t.after(() => child.kill('SIGKILL'))
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the API ended with code ${code}`)))
  failed.catch(() => {})
  const [port] = await Promise.race([once(child, 'message'), failed])
  return apiAt(port)
}

function apiAt(port: number): IssuerApi {
  const base = `http://127.0.0.1:${port}`
  return {
    port,
    logoutUri: `${base}${LOGOUT_PATH}`,
    verdict: async token => {
      const response = await fetch(`${base}/me`, { headers: [[...bearer(token)]] })
      return verdictOf({ status: response.status, json: (await response.json()) as Reply['json'] })
    },
  }
}

/** Status and `error_type` of an answer. */
export const verdictOf = ({ status, json }: Pick<Reply, 'status' | 'json'>): unknown[] =>
  json.error_type === undefined ? [status] : [status, json.error_type]

/** The app with sockets, for a process of its own. */
function withSockets(authx: AuthX, app: Koa, within: string | undefined): Pick<Koa, 'listen'> {
  const accepting = new WebSocketServer({ noServer: true })
  const listen = (...parameters: unknown[]) => {
    const server = app.listen(...(parameters as []))
    return server.on('upgrade', (request, socket, head) => {
      authx.authenticateUpgrade(request).then(
        payload =>
          accepting.handleUpgrade(request, socket, head, accepted => {
            authx.closeWhenOver(accepted, payload, within === undefined ? {} : { within })
          }),
        error => refuseUpgrade(socket, error),
      )
    })
  }
  return { listen }
}

if (process.send && process.argv[2] && import.meta.url.endsWith(String(process.argv[1]))) {
  const { issuer, backend, within } = JSON.parse(process.argv[2]) as IssuerApiOptions
  const authx = issuerAuthX(issuer, { storeTimeout: 250, ...(backend && { store: openShared(backend) }) })
  serveParent(withSockets(authx, issuerApp(authx, within), within))
}
