import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import {
  AuthXClient,
  type AuthXClientOptions,
  type ClientEvent,
  type ClientEventType,
  type TokensIn,
} from 'koa-authx/client'
import { koaBody } from 'koa-body'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { authRouter } from '../../src/router/index.js'
import { FaultyTokenStore, TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET } from '../support/app.js'
import { Jar } from './jar.js'

export const LOCATIONS: Record<TokensIn, AuthXOptions['tokenLocation']> = {
  cookies: ['cookies'],
  dual: { access: ['headers'], refresh: ['cookies'] },
  headers: ['headers'],
}
export const MODES = Object.keys(LOCATIONS) as TokensIn[]

export const CREDENTIALS = { username: 'ada', password: 'lovelace' }
/** Of somebody else. */
export const OTHERS = { username: 'grace', password: 'lovelace' }

/** What becomes of an answer. `undefined`: it arrives; `held`: it never does, and the connection stays open. */
type Fate = 'cut' | 'held' | undefined

/** A server of `koa-authx` over HTTP, and what the network does to it. */
export interface Scene {
  readonly authx: AuthX
  readonly store: FaultyTokenStore
  readonly clock: TestClock
  readonly origin: string
  readonly jar: Jar
  /** The requests that came in, as `POST /refresh`. */
  readonly requests: readonly { readonly line: string; readonly headers: Context['headers'] }[]
  count(line: string): number
  /** Called with every request that the server has handled: what becomes of the answer. */
  fate: (line: string) => Fate
  /** From now on nobody listens, until `online`. */
  offline(): Promise<void>
  online(): Promise<void>
  /** A client with the cookies of the scene. */
  client(options?: Partial<AuthXClientOptions>): AuthXClient
}

export async function scene(t: TestContext, tokens: TokensIn, options: AuthXOptions = {}): Promise<Scene> {
  const clock = new TestClock()
  const store = new FaultyTokenStore(new MemoryTokenStore())
  const authx = new AuthX({
    secretKey: TEST_SECRET,
    store,
    now: clock.now,
    tokenLocation: LOCATIONS[tokens] ?? [],
    ...options,
  })
  const requests: Scene['requests'][number][] = []
  const app = new Koa()
  app.silent = true
  app.use(async (ctx, next) => {
    const line = `${ctx.method} ${ctx.path}`
    requests.push({ line, headers: ctx.headers })
    await next()
    const fate = made.fate(line)
    if (fate === 'cut') ctx.res.destroy()
    if (fate === 'held') ctx.respond = false
  })
  app.use(authx.middleware()).use(authRouter(authx, { login: logIn }).routes())
  app.use(routes(authx).routes())
  const handle = app.callback()
  let server = createServer(handle)
  const listen = (port: number) => new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const end = async () => {
    const closed = new Promise(resolve => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  await listen(0)
  t.after(end)
  t.after(() => authx.close())
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const jar = new Jar()
  const made: Scene = {
    authx,
    store,
    clock,
    origin,
    jar,
    requests,
    count: line => requests.filter(request => request.line === line).length,
    fate: () => undefined,
    offline: end,
    online: () => {
      server = createServer(handle)
      return listen(port)
    },
    client(more = {}) {
      const client = new AuthXClient({ tokens, baseUrl: origin, fetch: jar.fetch, cookies: jar.cookies, ...more })
      t.after(() => client.close())
      return client
    },
  }
  return made
}

const logIn = ({ username, password }: Readonly<Record<string, unknown>>) =>
  password === 'lovelace' ? { sub: String(username), data: { role: 'countess' } } : undefined

function routes(authx: AuthX): Router {
  const router = new Router()
  const answer = (ctx: Context) => {
    ctx.body = { sub: ctx.state.token?.sub, sent: ctx.request.body }
  }
  router.all('/public', answer)
  router.all('/away', ctx => {
    ctx.status = 307
    ctx.set('Location', String(ctx.query.to))
  })
  router.get('/optional', authx.accessTokenRequired({ optional: true }), answer)
  router.get('/protected', authx.accessTokenRequired(), answer)
  router.post('/protected', authx.accessTokenRequired(), koaBody(), answer)
  router.post('/fresh', authx.freshTokenRequired(), answer)
  router.post('/guarded-logout', authx.accessTokenRequired(), async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })
  router.get('/scoped', authx.scopesRequired('admin'), answer)
  return router
}

/** What a client tells, as it comes. */
export function heardBy(client: AuthXClient): [ClientEventType, ClientEvent][] {
  const heard: [ClientEventType, ClientEvent][] = []
  for (const type of ['login', 'refresh', 'logout'] as const) client.on(type, event => heard.push([type, event]))
  return heard
}

/** The client and a login of it. */
export async function loggedIn(t: TestContext, tokens: TokensIn, options: AuthXOptions = {}) {
  const server = await scene(t, tokens, options)
  const client = server.client()
  await client.login(CREDENTIALS)
  return { server, client, heard: heardBy(client) }
}
