import Router from '@koa/router'
import Koa from 'koa'
import type { AuthXClient, AuthXClientOptions, ClientEvent, ClientEventType, TokensIn } from 'koa-authx/client'
import { koaBody } from 'koa-body'
import { AuthX, type AuthXOptions } from '../../../src/index.js'
import { authRouter } from '../../../src/router/index.js'
import { TestClock } from '../../../src/testing/index.js'
import { MemoryTokenStore } from '../../../stores/memory.js'
import { TEST_SECRET } from '../../support/app.js'
import { clientScript } from './client-script.js'

/** What scripts of the page find. */
declare global {
  var client: AuthXClient
  var heard: [ClientEventType, ClientEvent][]
  /** The status of a request by the client. */
  function statusOf(path: string, method?: string): Promise<number>
  /** The body of its answer. */
  function answerOf(path: string, method?: string): Promise<{ sub?: string; error_type?: string }>
  /** Another client in the page. */
  function newClient(options: AuthXClientOptions): AuthXClient
}

export const LOCATIONS: Record<'cookies' | 'dual', AuthXOptions['tokenLocation']> = {
  cookies: ['cookies'],
  dual: { access: ['headers'], refresh: ['cookies'] },
}

export const CREDENTIALS = { username: 'ada', password: 'lovelace' }
/** Of somebody else. */
export const OTHERS = { username: 'grace', password: 'lovelace' }

interface Request {
  /** As `POST /refresh`. */
  readonly line: string
  readonly status: number
  readonly errorType: string | undefined
  /** Whether it came with a cookie that holds a token. */
  readonly withToken: boolean
}

export interface PageApp {
  readonly app: Koa
  readonly authx: AuthX
  readonly clock: TestClock
  /** What was handled, and how. */
  readonly requests: readonly Request[]
  /** How often that came in. */
  count(line: string): number
  /**
   * Called after each request was handled and before it is answered. `cut` ends its connection in place of the answer:
   * Chromium may send the request again by itself. `truncate` ends it after the first line of the answer: no header
   * reaches the browser, and it does not send the request again.
   */
  beforeAnswer: (line: string) => Promise<'cut' | 'truncate' | undefined>
}

/**
 * An application whose page, `/`, has a client in `window.client` and what that tells in `window.heard`. With
 * `/?api=<origin>` the client speaks to the application there, with `/?options=<JSON>` it has these options too, and with
 * `/?script=<path>` it is the one that is served there.
 */
export function pageApp(tokens: 'cookies' | 'dual', options: AuthXOptions = {}): PageApp {
  const clock = new TestClock()
  const defaults = { secretKey: TEST_SECRET, now: clock.now, tokenLocation: LOCATIONS[tokens] ?? [] }
  const authx = new AuthX({ ...defaults, ...(options.store ? {} : { store: new MemoryTokenStore() }), ...options })
  const app = new Koa()
  app.silent = true
  const lines: string[] = []
  const requests: Request[] = []
  const made: PageApp = {
    app,
    authx,
    clock,
    requests,
    count: line => lines.filter(each => each === line).length,
    beforeAnswer: async () => undefined,
  }
  app.use(async (ctx, next) => {
    const line = `${ctx.method} ${ctx.path}`
    lines.push(line)
    await next()
    const { error_type: errorType } = Object(ctx.body)
    requests.push({ line, status: ctx.status, errorType, withToken: /token_cookie=/.test(ctx.get('Cookie')) })
    const fault = await made.beforeAnswer(line)
    if (fault === 'cut') ctx.res.destroy()
    if (fault === 'truncate') {
      ctx.respond = false
      ctx.req.socket.end('HTTP/1.1 200 OK\r\n')
    }
  })
  app.use(clientScript).use(authx.middleware()).use(routes(authx, tokens).routes())
  const login = ({ username, password }: Readonly<Record<string, unknown>>) =>
    password === 'lovelace' ? String(username) : undefined
  app.use(authRouter(authx, { login }).routes())
  return made
}

function routes(authx: AuthX, tokens: TokensIn): Router {
  const router = new Router()
  router.get('/', ctx => {
    ctx.body = page(tokens, JSON.stringify(ctx.query.script ?? '/client.js'))
  })
  router.get('/protected', authx.accessTokenRequired(), ctx => {
    ctx.body = { sub: ctx.state.token.sub }
  })
  router.post('/protected', koaBody(), authx.accessTokenRequired(), ctx => {
    ctx.body = { sub: ctx.state.token.sub }
  })
  return router
}

const page = (tokens: TokensIn, script: string) => `<!doctype html>
<title>A page of the tests</title>
<script type="module">
  import { AuthXClient } from ${script}
  const query = new URLSearchParams(location.search)
  const options = { baseUrl: query.get('api') ?? undefined, ...JSON.parse(query.get('options')) }
  window.client = new AuthXClient({ tokens: '${tokens}', ...options })
  window.newClient = options => new AuthXClient(options)
  window.heard = []
  for (const type of ['login', 'refresh', 'logout']) client.on(type, event => heard.push([type, event]))
  window.answerOf = async (path, method = 'GET') => (await client.fetch(path, { method })).json()
  window.statusOf = async (path, method = 'GET') => (await client.fetch(path, { method })).status
</script>
`
