/** How logins begin, change and end in the tabs of real browsers. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { until } from '../support/until.js'
import { CREDENTIALS, OTHERS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, type Visitor, visit } from './support/tab.js'

type Tokens = 'cookies' | 'dual'

const NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"
/** No wait ends by itself: a slow machine changes nothing. */
const NO_TIMERS = 'window.setTimeout = () => 0'
/** The clock of the page is `lateMs` behind. */
const CLOCK = `
  window.lateMs = 0
  const now = Date.now
  window.Date = class extends Date {
    constructor(...given) {
      super(...(given.length > 0 ? given : [now() - lateMs]))
    }
    static now() {
      return now() - lateMs
    }
  }
`

declare global {
  var lateMs: number
}

/** Two tabs of one visitor who is logged in as ada. */
async function twoTabs(t: TestContext, browser: string, tokens: Tokens, { script = '', options = {} } = {}) {
  const api = pageApp(tokens)
  const { origin } = await serveSite(t, api.app)
  const visitor = await visit(t, browser)
  const one = await visitor.newTab(origin, script)
  const other = await visitor.newTab(`${origin}/?options=${encodeURIComponent(JSON.stringify(options))}`, script)
  await one.evaluate(credentials => client.login(credentials), CREDENTIALS)
  await hears(other, 'login')
  return { api, one, other }
}

const hears = (tab: Tab, wanted: 'login' | 'logout') =>
  until(() => tab.evaluate(type => heard.some(([each, { elsewhere }]) => each === type && elsewhere), wanted))

const subOf = async (tab: Tab) => (await tab.evaluate(() => answerOf('/protected', 'POST'))).sub

/** Asks until nobody is logged in. Returns the user of each answer: a request for a login that is over may not be sent. */
async function askedUntilOut(tab: Tab): Promise<unknown[]> {
  const subs: unknown[] = []
  await until(async () => {
    subs.push(await subOf(tab).catch(error => assert.match(String(error), /AbortError/)))
    return tab.evaluate(() => !client.loggedIn)
  })
  return subs
}

/** No answer to such a request goes out until this is called. */
function hold(api: PageApp, held: string): () => void {
  const gate = new EventEmitter()
  const opened = once(gate, 'open')
  api.beforeAnswer = async line => {
    if (line === held) await opened
    return undefined
  }
  return () => gate.emit('open')
}

/** Ways in which a login can begin while a refresh of another tab is under way. */
const OVERTAKING: Readonly<Record<string, { script?: string; options?: object }>> = {
  'that has waited long enough for the lock': { options: { timeouts: { lock: 100 } } },
  'where there are no locks': { script: NO_LOCKS },
}

for (const browser of Object.keys(VISITORS))
  for (const tokens of ['cookies', 'dual'] as const)
    describe(`tabs in ${browser}, tokens: '${tokens}'`, () => {
      test('act as the user who logs in during a refresh of another tab, one after the other', async t => {
        const { api, one, other } = await twoTabs(t, browser, tokens, { script: NO_TIMERS })
        const answer = hold(api, 'POST /refresh')
        const refreshed = one.evaluate(() => client.refresh())
        await until(() => api.requests.some(({ line }) => line === 'POST /refresh'))
        const loggedIn = other.evaluate(credentials => client.login(credentials), OTHERS)
        await until(async () => (await one.evaluate(() => navigator.locks.query())).pending?.length === 1)
        answer()
        await Promise.all([refreshed, loggedIn])
        await hears(one, 'login')
        for (let n = 0; n < 2; n++) {
          assert.deepEqual([await subOf(one), await subOf(other)], ['grace', 'grace'])
          api.clock.advance('16m')
        }
      })

      for (const [how, settings] of Object.entries(OVERTAKING))
        test(`act as nobody else if a login overtakes a refresh of another tab, in one ${how}`, async t => {
          const { api, one, other } = await twoTabs(t, browser, tokens, settings)
          const answer = hold(api, 'POST /refresh')
          const refreshed = one.evaluate(() =>
            client.refresh().then(
              () => 'refreshed',
              ({ name }) => name,
            ),
          )
          await until(() => api.requests.some(({ line }) => line === 'POST /refresh'))
          await other.evaluate(credentials => client.login(credentials), OTHERS)
          await hears(one, 'login')
          assert.equal(await refreshed, 'AbortError')
          answer()
          if (browser === 'Chromium') {
            // It does not end a request with `keepalive`: the cookies of the late answer replace those of the login.
            const subs = [...(await askedUntilOut(other)), ...(await askedUntilOut(one))]
            assert.ok(!subs.includes('ada'), 'a request was answered as to the user before')
            assert.deepEqual([await subOf(one), await subOf(other)], [undefined, undefined])
            await one.evaluate(credentials => client.login(credentials), OTHERS)
          }
          for (let n = 0; n < 2; n++) {
            assert.deepEqual([await subOf(one), await subOf(other)], ['grace', 'grace'])
            api.clock.advance('16m')
          }
        })

      test('hear of a logout and of a login of each other though the clock was set back by a minute', async t => {
        const { one, other } = await twoTabs(t, browser, tokens, { script: CLOCK })
        for (const tab of [one, other])
          await tab.evaluate(() => {
            window.lateMs = 60_000
          })
        await other.evaluate(() => client.logout())
        await hears(one, 'logout')
        await one.evaluate(() => void heard.splice(0))
        await other.evaluate(credentials => client.login(credentials), OTHERS)
        await hears(one, 'login')
        assert.equal(await subOf(one), 'grace')
      })

      test('log in, refresh and log out once each although somebody steals their lock meanwhile', async t => {
        const api = pageApp(tokens)
        const { origin } = await serveSite(t, api.app)
        const tab = await (await visit(t, browser)).newTab(origin, NO_TIMERS)
        for (const name of ['login', 'refresh', 'logout'] as const) {
          const answer = hold(api, `POST /${name}`)
          const ended = tab.evaluate(
            ([name, credentials]) =>
              client[name](credentials).then(
                () => 'resolved',
                ({ name }) => name,
              ),
            [name, CREDENTIALS] as const,
          )
          await until(() => api.requests.some(({ line }) => line === `POST /${name}`))
          await tab.evaluate(() =>
            navigator.locks.request(`koa-authx ${location.origin}/refresh`, { steal: true }, async () => {}),
          )
          answer()
          assert.equal(await ended, 'resolved')
          assert.equal(api.count(`POST /${name}`), 1)
          assert.equal(await tab.evaluate(() => client.loggedIn), name !== 'logout')
        }
      })
    })

/** Loads itself again at the end of a login. */
const leavingPage = (tokens: Tokens) => `<!doctype html>
<title>Notes</title>
<script type="module">
  import { AuthXClient } from '/client.js'
  window.client = new AuthXClient({ tokens: '${tokens}' })
  client.on('logout', () => location.assign('/'))
  if (client.loggedIn) client.fetch('/protected')
</script>
`

interface Login {
  readonly api: PageApp
  readonly origin: string
  readonly visitor: Visitor
  /** From now on an application with these options answers. */
  replace(options: AuthXOptions): void
}

/** Somebody who has the cookies of a visitor refreshes twice. */
async function steal({ origin, visitor }: Login): Promise<void> {
  const cookies = { ...(await visitor.cookies()) }
  for (let n = 0; n < 2; n++) {
    const Cookie = Object.entries(cookies).map(pair => pair.join('='))
    const headers = { Cookie: Cookie.join('; '), 'X-CSRF-TOKEN': String(cookies.csrf_refresh_token) }
    const response = await fetch(`${origin}/refresh`, { method: 'POST', headers })
    assert.equal(response.status, 200)
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies[name] = value
    }
  }
}

/** What ends a login at the server, by the error that the next refresh is refused with. */
const ENDS: Readonly<Record<string, (login: Login) => unknown>> = {
  RevokedTokenError: ({ api }) => api.authx.revokeAllSessions('ada'),
  ReusedTokenError: steal,
  TokenExpiredError: ({ api }) => api.clock.advance('21d'),
  SubjectNotFoundError: ({ api }) => api.authx.setSubjectGetter(async () => undefined),
  TokenInvalidSignatureError: ({ replace }) => replace({ secretKey: 'another-secret-'.repeat(5) }),
}

const comesToRest = (tab: Tab) =>
  until(() =>
    tab.evaluate(async () => {
      await client.ready
      // An answer to it has come after everything that the page sent before.
      await fetch('/title')
      return client.state.status === 'unauthenticated' && document.cookie === '' && client.state.reason === undefined
    }),
  )

for (const browser of Object.keys(VISITORS))
  for (const tokens of ['cookies', 'dual'] as const)
    describe(`pages in ${browser} that load themselves again at a logout, tokens: '${tokens}'`, () => {
      for (const [error, end] of Object.entries(ENDS))
        test(`do it once each after a ${error}, and come to rest`, async t => {
          const api = pageApp(tokens)
          let current = api
          let handle = api.app.callback()
          let loads = 0
          const { origin } = await serveSite(t, (request, response) => {
            if (request.url !== '/') return void handle(request, response)
            loads++
            response.setHeader('Content-Type', 'text/html').end(leavingPage(tokens))
          })
          const visitor = await visit(t, browser)
          const [one, other] = [await visitor.newTab(origin), await visitor.newTab(origin)]
          await one.evaluate(credentials => client.login(credentials), CREDENTIALS)
          await until(() => other.evaluate(() => client.loggedIn))
          const replace = (options: AuthXOptions) => {
            current = pageApp(tokens, options)
            handle = current.app.callback()
          }
          await end({ api, origin, visitor, replace })
          api.clock.advance('16m')
          const handled = current.requests.length
          await one.follow(() => void client.fetch('/protected'), undefined)
          await until(() => loads === 4)
          for (const tab of [one, other]) await comesToRest(tab)
          assert.equal(loads, 4)
          assert.deepEqual(
            current.requests
              .slice(handled)
              .flatMap(({ line, errorType }) => (/ \/refresh/.test(line) ? [errorType] : [])),
            [error],
          )
        })
    })
