import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Koa from 'koa'
import type { AuthXClientOptions, TokensIn } from 'koa-authx/client'
import { AuthX } from '../../src/index.js'
import { authRouter } from '../../src/router/index.js'
import { TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET } from '../support/app.js'
import { clientScript } from './support/client-script.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, visit } from './support/tab.js'

/** Runs what it is asked for with its client, and answers on the port. */
const CALLS = `
  let client
  const calls = {
    start(options) {
      client = new AuthXClient({ ...options, cookies })
      return client.ready
    },
    login: credentials => client.login(credentials).then(() => {}),
    logout: () => client.logout(),
    fetch: async path => (await (await client.fetch(path, { method: 'POST' })).json()).sub ?? null,
    status: () => client.state.status,
  }
  const serve = port => {
    port.onmessage = async ({ data: { call, argument, cookies } }) => {
      told = cookies
      port.postMessage(await Promise.resolve(calls[call](argument)).then(value => [value], error => [null, String(error)]))
    }
  }
  self.onconnect = ({ ports }) => serve(ports[0])
  self.onmessage = ({ data, ports }) => data === 'port' && serve(ports[0])
  let told = ''
`

/** Such workers have no `cookieStore`: their page tells them the cookies in each message. */
const WORKER = `
  import { AuthXClient } from '/client.js'
  const cookies = () => told
  ${CALLS}
`

const SERVICE_WORKER = `
  import { AuthXClient } from '/client.js'
  const cookies = async () => (await cookieStore.getAll()).map(({ name, value }) => name + '=' + value).join('; ')
  ${CALLS}
`

const SCRIPTS: Readonly<Record<string, string>> = { '/worker.js': WORKER, '/service-worker.js': SERVICE_WORKER }

declare global {
  var port: MessagePort
}

/** Ways of a page to start a worker and to get a port to it. */
const KINDS: Readonly<Record<string, (tab: Tab) => Promise<void>>> = {
  Worker: tab =>
    tab.evaluate(() => {
      const channel = new MessageChannel()
      new Worker('/worker.js', { type: 'module' }).postMessage('port', [channel.port2])
      window.port = channel.port1
    }),
  SharedWorker: tab =>
    tab.evaluate(() => {
      window.port = new SharedWorker('/worker.js', { type: 'module' }).port
    }),
  'service worker': tab =>
    tab.evaluate(async () => {
      await navigator.serviceWorker.register('/service-worker.js', { type: 'module' })
      const { active } = await navigator.serviceWorker.ready
      const channel = new MessageChannel()
      active?.postMessage('port', [channel.port2])
      window.port = channel.port1
    }),
}

const TOKENS = {
  cookies: ['cookies'],
  dual: { access: ['headers'], refresh: ['cookies'] },
  headers: ['headers'],
} as const

async function scene(t: TestContext, browser: string, kind: string, tokens: keyof typeof TOKENS) {
  const clock = new TestClock()
  const store = new MemoryTokenStore()
  const authx = new AuthX({ secretKey: TEST_SECRET, store, now: clock.now, tokenLocation: TOKENS[tokens] })
  const app = new Koa().use(clientScript)
  app.silent = true
  app.use((ctx, next) => {
    const script = SCRIPTS[ctx.path]
    if (ctx.path !== '/' && !script) return next()
    ctx.type = script ? 'text/javascript' : 'text/html'
    ctx.body = script ?? '<!doctype html><title>A page with a worker</title>'
  })
  app.use(authx.middleware())
  app.use(authRouter(authx, { login: ({ username }) => String(username) }).routes())
  app.use(authx.accessTokenRequired()).use(ctx => {
    ctx.body = { sub: ctx.state.token?.sub }
  })
  const { origin } = await serveSite(t, app)
  const visitor = await visit(t, browser)
  const tab = await visitor.newTab(origin)
  await KINDS[kind]?.(tab)
  const call = async (name: string, argument?: unknown): Promise<unknown> => {
    const [value, error] = await tab.evaluate(
      ([call, argument]) =>
        new Promise<[unknown, string?]>(resolve => {
          port.onmessage = ({ data }) => resolve(data)
          port.postMessage({ call, argument, cookies: document.cookie })
        }),
      [name, argument ?? null] as const,
    )
    assert.equal(error, undefined)
    return value
  }
  const options: Partial<AuthXClientOptions> & { tokens: TokensIn } = { tokens }
  await call('start', options)
  return { clock, authx, call }
}

for (const browser of Object.keys(VISITORS))
  describe(`a client in ${browser}`, () => {
    for (const kind of Object.keys(KINDS))
      for (const tokens of kind === 'service worker'
        ? (['cookies', 'dual'] as const)
        : (['cookies', 'headers'] as const))
        test(`in a ${kind} with tokens: '${tokens}' logs in, calls, refreshes and logs out`, async t => {
          const { clock, authx, call } = await scene(t, browser, kind, tokens)
          assert.equal(await call('status'), 'unauthenticated')
          await call('login', { username: 'ada' })
          for (let n = 0; n < 2; n++) {
            assert.equal(await call('fetch', '/who'), 'ada')
            clock.advance('16m')
          }
          await call('logout')
          assert.equal(await call('status'), 'unauthenticated')
          assert.deepEqual(await authx.listSessions('ada'), [])
        })
  })
