/** An application of pages without a script: a login form, a counter, a logout. Its pages need no CSRF value. */
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import Router from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
import { koaBody } from 'koa-body'
import websockify from 'koa-websocket'
import { WebSocketServer } from 'ws'
import { AuthX, AuthXError, type AuthXOptions } from '../../../src/index.js'
import { MemoryTokenStore } from '../../../stores/memory.js'
import { TEST_SECRET } from '../../support/app.js'

export interface Handled {
  /** As `POST /count`. */
  readonly line: string
  /** Whether it came with a cookie that holds a token. */
  readonly withToken: boolean
  readonly status: number
  readonly errorType: string | undefined
}

export interface FormApp {
  readonly app: Koa
  readonly authx: AuthX
  /** How often it was counted up. */
  readonly count: () => number
  /** The `Cookie` header of the last request for the page `/`. */
  readonly cookies: () => string
  /** The next answer to a request. */
  next(line: string): Promise<Handled>
  /** Answers upgrades: `/socket` by `authenticateUpgrade`, `/koa` by a guard behind koa-websocket. */
  acceptSockets(server: Server, origins: readonly string[]): void
}

export interface FormAppOptions extends AuthXOptions {
  /** Of the pages. Default: none. */
  readonly referrerPolicy?: string
}

/** Lets pages of every origin ask with cookies, and with every header. No application should. */
const carelessCors: Middleware = async (ctx, next) => {
  ctx.set({ 'Access-Control-Allow-Origin': ctx.get('Origin') || '*', 'Access-Control-Allow-Credentials': 'true' })
  if (ctx.method !== 'OPTIONS') return next()
  ctx.set('Access-Control-Allow-Headers', ctx.get('Access-Control-Request-Headers'))
  ctx.status = 204
}

/** Makes an application with `csrfCheck: 'origin'`. */
export function formApp({ referrerPolicy, ...options }: FormAppOptions): FormApp {
  const store = new MemoryTokenStore()
  const authx = new AuthX({
    secretKey: TEST_SECRET,
    store,
    tokenLocation: ['cookies'],
    csrfCheck: 'origin',
    ...options,
  })
  const app = websockify(new Koa())
  app.silent = true
  const state = { count: 0, cookies: '' }
  const events = new EventEmitter()
  app.use(async (ctx, next) => {
    if (ctx.path === '/') state.cookies = ctx.get('Cookie')
    await next()
    const line = `${ctx.method} ${ctx.path}`
    const { error_type: errorType } = Object(ctx.body)
    events.emit(line, { line, withToken: /token_cookie=/.test(ctx.get('Cookie')), status: ctx.status, errorType })
  })
  app.use(carelessCors).use(authx.middleware())
  app.use(routes(authx, state, referrerPolicy).routes())
  app.ws.use(async ({ websocket }, next) => {
    await next().catch(() => websocket.close(1008))
  })
  app.ws.use(authx.middleware() as never)
  app.ws.use(authx.accessTokenRequired() as never)
  app.ws.use(({ websocket, state }) => websocket.send(state.token.sub))
  return {
    app,
    authx,
    count: () => state.count,
    cookies: () => state.cookies,
    next: async line => (await once(events, line))[0],
    acceptSockets: (server, origins) => acceptSockets(authx, app, server, origins),
  }
}

function routes(authx: AuthX, state: { count: number }, referrerPolicy: string | undefined): Router {
  const router = new Router()
  router.get('/', ctx => {
    if (referrerPolicy) ctx.set('Referrer-Policy', referrerPolicy)
    ctx.set('Cache-Control', 'no-store')
    ctx.type = 'html'
    ctx.body = page(ctx.state.token?.sub, state.count)
  })
  router.post('/count', authx.accessTokenRequired(), ctx => {
    state.count++
    home(ctx)
  })
  router.post('/login', koaBody(), async ctx => {
    const { username } = Object(ctx.request.body)
    await authx.login(ctx, String(username))
    home(ctx)
  })
  // A plain link is enough for a request with GET.
  router.all('/refresh', async ctx => {
    await authx.refresh(ctx)
    home(ctx)
  })
  router.all('/logout', async ctx => {
    await authx.logout(ctx)
    home(ctx)
  })
  return router
}

function home(ctx: Pick<Context, 'status' | 'redirect'>): void {
  ctx.status = 303
  ctx.redirect('/')
}

const page = (subject: string | undefined, count: number) => `<!doctype html>
<title>${subject ?? 'nobody'}, ${count}</title>
<form id="login" method="post" action="/login"><input name="username" value="ada"><button>Log in</button></form>
<form id="count" method="post" action="/count"><button>Count</button></form>
<form id="refresh" method="post" action="/refresh"><button>Refresh</button></form>
<form id="logout" method="post" action="/logout"><button>Log out</button></form>
`

function acceptSockets(
  authx: AuthX,
  app: ReturnType<typeof websockify>,
  server: Server,
  origins: readonly string[],
): void {
  const sockets = new WebSocketServer({ noServer: true })
  app.ws.listen({ noServer: true })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url === '/koa') {
      app.ws.server.handleUpgrade(request, socket, head, opened => app.ws.server.emit('connection', opened, request))
      return
    }
    authx.authenticateUpgrade(request, { origins }).then(
      ({ sub }) => sockets.handleUpgrade(request, socket, head, opened => opened.send(sub)),
      error => {
        if (!(error instanceof AuthXError)) throw error
        socket.end(`HTTP/1.1 ${error.status} Refused\r\nConnection: close\r\n\r\n`)
      },
    )
  })
}
