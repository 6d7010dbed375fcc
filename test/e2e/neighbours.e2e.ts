/** Two servers of the library on one origin: their clients share cookies, locks and channels of the browser. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import Koa from 'koa'
import type { AuthXClient, AuthXClientOptions } from 'koa-authx/client'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { authRouter } from '../../src/router/index.js'
import { TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { mount } from '../support/mount.js'
import { clientScript } from './support/client-script.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, visit } from './support/tab.js'

interface Neighbour {
  /** Where the application is mounted; `''` is the root. */
  readonly path: string
  /** Where its page is. Two of one page have their clients there side by side. */
  readonly page: string
  readonly options: AuthXOptions
  readonly client: Partial<AuthXClientOptions>
}

const NAMES = ['accessCookieName', 'refreshCookieName', 'accessCsrfCookieName', 'refreshCsrfCookieName'] as const
const PATHS = ['accessCookiePath', 'refreshCookiePath', 'accessCsrfCookiePath', 'refreshCsrfCookiePath'] as const
const all = <K extends string>(keys: readonly K[], value: (key: K) => string) =>
  Object.fromEntries(keys.map(key => [key, value(key)])) as Record<K, string>

/** A server whose cookies have names of their own. */
const named = (path: string): Neighbour => {
  const names = all(NAMES, key => `${path.slice(1)}_${key}`)
  const { accessCsrfCookieName, refreshCsrfCookieName } = names
  return { path, page: '/', options: names, client: { accessCsrfCookieName, refreshCsrfCookieName } }
}
/** A server whose cookies have the default names, and a path. */
const below = (path: string): Neighbour => ({
  path,
  page: `${path}/`,
  options: all(PATHS, () => path || '/'),
  client: {},
})

const NEIGHBOURS: Readonly<Record<string, readonly [Neighbour, Neighbour]>> = {
  'with names of their own, on one page': [named('/a'), named('/b')],
  'with paths of their own, of which one begins like the other': [below('/app'), below('/app2')],
  'of which one is below the other': [below(''), below('/app')],
}

declare global {
  /** By the path of the application. */
  var clients: Record<string, AuthXClient>
}

function pageOf(clients: readonly AuthXClientOptions[]): string {
  return `<!doctype html><title>Neighbours</title><script type="module">
    import { AuthXClient } from '/client.js'
    window.clients = {}
    for (const options of ${JSON.stringify(clients)}) {
      clients[options.baseUrl] = new AuthXClient(options)
    }
  </script>`
}

function application({ options }: Neighbour, secretKey: string, now: () => number) {
  const authx = new AuthX({ secretKey, now, store: new MemoryTokenStore(), tokenLocation: ['cookies'], ...options })
  const router = new Router().post('/who', authx.accessTokenRequired(), ctx => {
    ctx.body = { sub: ctx.state.token.sub }
  })
  const login = ({ username }: Readonly<Record<string, unknown>>) => String(username)
  const app = new Koa().use(authx.middleware())
  app.use(authRouter(authx, { login }).routes()).use(router.routes())
  return app
}

interface Side {
  readonly tab: Tab
  /** The option `baseUrl` of its client. */
  readonly base: string
}

async function scene(t: TestContext, browser: string, neighbours: readonly [Neighbour, Neighbour]) {
  const clock = new TestClock()
  const app = new Koa().use(clientScript)
  app.silent = true
  for (const { page } of neighbours) {
    const own = neighbours.filter(each => each.page === page)
    const clients = own.map(({ path, client }) => ({ tokens: 'cookies' as const, baseUrl: path, ...client }))
    app.use((ctx, next) => {
      if (ctx.path !== page) return next()
      ctx.body = pageOf(clients)
    })
  }
  // The longer path first: the application at the root takes what is left.
  for (const n of [1, 0] as const)
    app.use(mount(neighbours[n].path, application(neighbours[n], `${n}`.repeat(32), clock.now)))
  const { origin } = await serveSite(t, app)
  const visitor = await visit(t, browser)
  const tabs = new Map<string, Tab>()
  const sides: Side[] = []
  for (const { page, path } of neighbours) {
    const tab = tabs.get(page) ?? (await visitor.newTab(origin + page))
    tabs.set(page, tab)
    sides.push({ tab, base: path })
  }
  const [one, other] = sides
  assert.ok(one && other)
  const reload = async () => {
    for (const [page, tab] of tabs) await tab.goto(origin + page)
  }
  return { clock, one, other, reload }
}

const logIn = ({ tab, base }: Side, username: string) =>
  tab.evaluate(async ([base, username]) => void (await clients[base]?.login({ username })), [base, username] as const)
const logOut = ({ tab, base }: Side) => tab.evaluate(async base => void (await clients[base]?.logout()), base)
const isIn = ({ tab, base }: Side) => tab.evaluate(base => clients[base]?.loggedIn, base)
const subOf = ({ tab, base }: Side) =>
  tab.evaluate(async base => {
    const response = await clients[base]?.fetch('/who', { method: 'POST' })
    return ((await response?.json()) as { sub?: string } | undefined)?.sub ?? null
  }, base)

for (const browser of Object.keys(VISITORS))
  describe(`two servers on one origin in ${browser}`, () => {
    // What the browsers differ in is the order of cookies: it matters where one path is below the other.
    for (const [how, neighbours] of Object.entries(NEIGHBOURS).slice(browser === 'Firefox' ? -1 : 0))
      test(`${how}, do not disturb each other`, async t => {
        const { clock, one, other, reload } = await scene(t, browser, neighbours)
        await logIn(one, 'ada')
        await logIn(other, 'grace')
        for (let n = 0; n < 2; n++) {
          assert.deepEqual([await subOf(one), await subOf(other)], ['ada', 'grace'])
          clock.advance('16m')
        }
        await logOut(one)
        assert.deepEqual([await isIn(one), await subOf(other)], [false, 'grace'])
        await reload()
        assert.deepEqual([await subOf(one), await subOf(other)], [null, 'grace'])
        await logIn(one, 'ada')
        await logOut(other)
        assert.deepEqual([await subOf(one), await isIn(other)], ['ada', false])
        await reload()
        assert.equal(await subOf(one), 'ada')
      })
  })
