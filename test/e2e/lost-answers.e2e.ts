import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuthX, AuthXOptions } from '../../src/index.js'
import { until } from '../support/until.js'
import { CREDENTIALS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, type Visitor, visit } from './support/tab.js'

type Tokens = 'cookies' | 'dual'

const EVENTS = ['refreshed', 'replayed', 'recovered', 'reuse', 'revoked', 'allRevoked'] as const

/** The client waits for an answer, and for its turn, as long as it takes: a slow machine causes no second refresh. */
const NO_DEADLINES = 'window.setTimeout = () => 0; AbortSignal.timeout = undefined'
/** Tabs that cannot take turns. */
const NO_TURNS = "Object.defineProperty(navigator, 'locks', { value: undefined }); delete globalThis.BroadcastChannel"

interface Scene {
  readonly api: PageApp
  readonly visitor: Visitor
  /** A new tab with the page of the application, which is on two ports. */
  newTab(port?: 0 | 1): Promise<Tab>
  /** The names of the events that the application got. */
  readonly events: readonly string[]
}

/** A visitor who has logged in and closed the page; the access token has expired since. */
async function loggedIn(
  t: TestContext,
  browser: string,
  tokens: Tokens,
  { script = '', ...options }: AuthXOptions & { script?: string } = {},
): Promise<Scene> {
  const api = pageApp(tokens, options)
  // Cookies do not know ports: the pages of both share one cookie jar.
  const origins = [(await serveSite(t, api.app)).origin, (await serveSite(t, api.app)).origin] as const
  const visitor = await visit(t, browser)
  const newTab = (port: 0 | 1 = 0) => visitor.newTab(origins[port], `${NO_DEADLINES};${script}`)
  const tab = await newTab()
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  await tab.close()
  api.clock.advance('16m')
  return { api, visitor, newTab, events: eventsOf(api.authx) }
}

function eventsOf(authx: AuthX): string[] {
  const events: string[] = []
  for (const name of EVENTS) authx.on(name, () => events.push(name))
  return events
}

const refreshCookieOf = async (visitor: Visitor) => (await visitor.cookies()).refresh_token_cookie

/** A page begins a refresh and is closed when the server has rotated the token. The answer never reaches the browser. */
async function closeMidRefresh({ api, newTab, visitor }: Scene): Promise<void> {
  const gate = new EventEmitter()
  const closed = once(gate, 'closed')
  const handled = api.requests.length
  api.beforeAnswer = async line => {
    if (line !== 'POST /refresh') return undefined
    await closed
    return 'truncate'
  }
  const before = await refreshCookieOf(visitor)
  const tab = await newTab()
  const lost = tab
    .evaluate(() => statusOf('/protected'))
    .then(
      () => 'answered',
      () => 'lost',
    )
  const refreshes = () => api.requests.slice(handled).filter(({ line }) => line === 'POST /refresh')
  await until(() => refreshes().length === 1)
  await tab.close()
  gate.emit('closed')
  assert.equal(await lost, 'lost')
  assert.deepEqual(
    refreshes().map(({ status }) => status),
    [200],
  )
  assert.equal(await refreshCookieOf(visitor), before)
  api.beforeAnswer = async () => undefined
}

/** Opens the page again: the status of its first request, which needs a refresh. */
async function returns({ newTab }: Scene): Promise<number> {
  const tab = await newTab()
  const status = await tab.evaluate(() => statusOf('/protected', 'POST'))
  await tab.close()
  return status
}

/** The page is logged in, and can refresh. */
async function goesOn(scene: Scene): Promise<void> {
  assert.equal(await returns(scene), 200)
  scene.api.clock.advance('16m')
  assert.equal(await returns(scene), 200)
}

for (const [browser, tokens] of [
  ['Chromium', 'cookies'],
  ['Chromium', 'dual'],
  ['Firefox', 'cookies'],
] as const) {
  describe(`a page in ${browser} with tokens: '${tokens}'`, () => {
    test('that is closed mid-refresh is still logged in an hour and 23 hours later', async t => {
      for (const hours of ['1h', '23h']) {
        for (const sessionCookie of [true, false]) {
          const scene = await loggedIn(t, browser, tokens, { sessionCookie })
          await closeMidRefresh(scene)
          scene.api.clock.advance(hours)
          await goesOn(scene)
          assert.deepEqual(scene.events, ['refreshed', 'recovered', 'refreshed'])
        }
      }
    })

    test('that is closed mid-refresh three times is still logged in', async t => {
      const scene = await loggedIn(t, browser, tokens)
      for (let n = 0; n < 3; n++) {
        await closeMidRefresh(scene)
        scene.api.clock.advance('1h')
      }
      await goesOn(scene)
      assert.deepEqual(scene.events, ['refreshed', 'recovered', 'recovered', 'recovered', 'refreshed'])
    })

    test('that is closed mid-refresh has to log in 25 hours later', async t => {
      const scene = await loggedIn(t, browser, tokens)
      await closeMidRefresh(scene)
      scene.api.clock.advance('25h')
      const tab = await scene.newTab()
      assert.equal(await tab.evaluate(() => statusOf('/protected')), 401)
      assert.equal(await tab.evaluate(() => client.loggedIn), false)
      assert.deepEqual(scene.events, ['refreshed', 'reuse'])
    })
  })
}

/** How late the answers to ten refreshes go out, milliseconds. The first, which rotates the token, comes last. */
const DELAYS = [300, 20, 270, 50, 240, 80, 210, 110, 180, 140]

/** Each answer to a refresh is late. With `together`, none goes out before ten refreshes have been handled. */
function delayRefreshes(api: PageApp, { together = false } = {}): void {
  const gate = new EventEmitter()
  const allHandled = once(gate, 'ten')
  let handled = 0
  api.beforeAnswer = async line => {
    if (line !== 'POST /refresh') return undefined
    const delay = DELAYS[handled++ % DELAYS.length]
    if (handled === DELAYS.length) gate.emit('ten')
    if (together) await allHandled
    await sleep(delay)
    return undefined
  }
}

/** The status of a request by a page's own code, which has no lock and refreshes first. */
const statusByHand = (tab: Tab): Promise<number> =>
  tab.evaluate(async () => {
    const csrf = /csrf_refresh_token=([^;]*)/.exec(document.cookie)?.[1] ?? ''
    const refreshed = await fetch('/refresh', { method: 'POST', headers: { 'X-CSRF-TOKEN': csrf } })
    const { access_token: token } = await refreshed.json()
    const headers = token ? { Authorization: `Bearer ${token}` } : undefined
    return (await fetch('/protected', headers && { headers })).status
  })

const statusByClient = (tab: Tab): Promise<number> => tab.evaluate(() => statusOf('/protected'))

const TEN = Array.from({ length: 10 }, (_, n) => n)
const ALL_200 = TEN.map(() => 200)

/** Nobody was logged out, and no lost answer was made up for. */
const assertNoAlarm = ({ events }: Scene) =>
  assert.deepEqual(
    events.filter(event => event !== 'refreshed' && event !== 'replayed'),
    [],
  )

for (const tokens of ['cookies', 'dual'] as const) {
  describe(`ten tabs with tokens: '${tokens}'`, () => {
    test('that are restored together all stay logged in', async t => {
      const scene = await loggedIn(t, 'Chromium', tokens)
      delayRefreshes(scene.api)
      const tabs = TEN.map(() => scene.newTab())
      assert.deepEqual(await Promise.all(tabs.map(async tab => statusByClient(await tab))), ALL_200)
      for (const tab of await Promise.all(tabs)) {
        scene.api.clock.advance('16m')
        assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
      }
      assertNoAlarm(scene)
    })

    test('that refresh at once with one token, without Web Locks and messages, all stay logged in', async t => {
      const scene = await loggedIn(t, 'Chromium', tokens, { script: NO_TURNS })
      await staysLoggedIn(scene, statusByClient)
    })

    test('that refresh at once with one token, without the client, all stay logged in', async t => {
      await staysLoggedIn(await loggedIn(t, 'Chromium', tokens), statusByHand)
    })
  })
}

/** All ten tabs refresh with one token, twice, and then one after another. */
async function staysLoggedIn(scene: Scene, statusBy: (tab: Tab) => Promise<number>): Promise<void> {
  const { api, events, newTab } = scene
  // Half of them use the other port: Chromium opens at most six connections to one.
  const tabs = await Promise.all(TEN.map(n => newTab(n % 2 ? 1 : 0)))
  for (const round of [1, 2]) {
    delayRefreshes(api, { together: true })
    assert.deepEqual(await Promise.all(tabs.map(statusBy)), ALL_200)
    assert.equal(api.count('POST /refresh'), 10 * round)
    assert.equal(events.filter(event => event === 'refreshed').length, round)
    assert.equal(events.filter(event => event === 'replayed').length, 9 * round)
    api.clock.advance('16m')
  }
  delayRefreshes(api)
  for (const tab of tabs) {
    assert.equal(await statusBy(tab), 200)
    api.clock.advance('16m')
  }
  assertNoAlarm(scene)
}
