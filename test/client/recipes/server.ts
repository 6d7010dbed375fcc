import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import Router from '@koa/router'
import { AuthX, type AuthXOptions } from 'koa-authx'
import { AuthXClient, type AuthXClientOptions, type TokensIn } from 'koa-authx/client'
import { authRouter } from 'koa-authx/router'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { TestClock } from 'koa-authx/testing'
import { koaBody } from 'koa-body'
import { appOf, TEST_SECRET } from '../../support/app.js'

export const ADA = { username: 'ada', password: 'lovelace' }
export const GRACE = { username: 'grace', password: 'hopper' }

export interface RecipeServer {
  readonly authx: AuthX
  readonly clock: TestClock
  readonly origin: string
  readonly server: Server
  /** Takes further routes at any time. */
  readonly router: Router
  /** The requests that came in, as `POST /refresh`. */
  readonly lines: readonly string[]
  count(line: string): number
  /** Called with each request that was handled: its answer waits for this. */
  beforeAnswer: (line: string) => Promise<void> | undefined
  client(options?: Partial<AuthXClientOptions>): AuthXClient
}

const LOCATIONS: Record<TokensIn, AuthXOptions['tokenLocation'] & object> = {
  cookies: ['cookies'],
  dual: { access: ['headers'], refresh: ['cookies'] },
  headers: ['headers'],
}

/** An API with the notes of each user, and a clock that decides when tokens expire. */
export async function recipeServer(t: TestContext, tokens: TokensIn): Promise<RecipeServer> {
  const clock = new TestClock()
  const store = new MemoryTokenStore()
  const authx = new AuthX({ secretKey: TEST_SECRET, store, now: clock.now, tokenLocation: LOCATIONS[tokens] })
  const router = new Router()
  const notes = new Map<string, string[]>()
  router.all('/notes', authx.accessTokenRequired(), koaBody(), ctx => {
    const { sub } = ctx.state.token
    if (ctx.method === 'POST') notes.set(sub, [...(notes.get(sub) ?? []), Object(ctx.request.body).text])
    ctx.body = { sub, notes: (notes.get(sub) ?? []).map((text, id) => ({ id, text })) }
  })
  const lines: string[] = []
  const app = appOf(async (ctx, next) => {
    const line = `${ctx.method} ${ctx.path}`
    lines.push(line)
    await next()
    await made.beforeAnswer(line)
  }, authx.middleware())
  const login = ({ username, password }: Readonly<Record<string, unknown>>) =>
    [ADA, GRACE].some(user => user.username === username && user.password === password) ? String(username) : undefined
  app.use(authRouter(authx, { login }).routes()).use(router.routes())
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
    return authx.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const made: RecipeServer = {
    authx,
    clock,
    origin,
    server,
    router,
    lines,
    count: line => lines.filter(each => each === line).length,
    beforeAnswer: () => undefined,
    client: options => {
      const client = new AuthXClient({ tokens, baseUrl: origin, ...options })
      t.after(() => client.close())
      return client
    },
  }
  return made
}

/** Logs in, and lets the access token expire. */
export async function withExpiredToken(server: RecipeServer, client: AuthXClient): Promise<void> {
  await client.login(ADA)
  server.clock.advance('16m')
}
