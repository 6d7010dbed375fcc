import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { until } from '../support/until.js'
import { CREDENTIALS, OTHERS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, visit } from './support/tab.js'

type Tokens = 'cookies' | 'dual'

/** Two tabs of one visitor, who has logged in with the first; the access token has expired since. */
async function twoTabs(
  t: TestContext,
  browser: string,
  tokens: Tokens,
  { script = '', ...options }: AuthXOptions & { script?: string } = {},
): Promise<[PageApp, Tab, Tab]> {
  const api = pageApp(tokens, options)
  const { origin } = await serveSite(t, api.app)
  const visitor = await visit(t, browser)
  const one = await visitor.newTab(origin, script)
  await one.evaluate(credentials => client.login(credentials), CREDENTIALS)
  const other = await visitor.newTab(origin, script)
  for (const tab of [one, other]) assert.equal(await tab.evaluate(() => statusOf('/protected')), 200)
  api.clock.advance('16m')
  return [api, one, other]
}

/** No answer to a refresh goes out until this is called. */
function holdRefreshes(api: PageApp): () => void {
  const gate = new EventEmitter()
  const opened = once(gate, 'open')
  api.beforeAnswer = async line => {
    if (line === 'POST /refresh') await opened
    return undefined
  }
  return () => gate.emit('open')
}

/** Until a tab waits for its turn. */
const waiting = (tab: Tab) =>
  until(async () => (await tab.evaluate(() => navigator.locks.query())).pending?.length === 1)

const NO_LOCKS = "Object.defineProperty(navigator, 'locks', { value: undefined })"
/** The tab waits for the word of the other as long as it takes. */
const NO_TIMERS = 'window.setTimeout = () => 0'
/** What a tab is told by others waits from `late = []` on, until the functions in there are called. */
const LATE_WORD = `
  window.BroadcastChannel = class extends BroadcastChannel {
    set onmessage(listener) {
      super.onmessage = event => window.late ? late.push(() => listener(event)) : listener(event)
    }
  }
`

declare global {
  var late: (() => void)[] | undefined
  /** What the page reported as uncaught. */
  var reported: string[]
}

/** Until a tab has been told of a login in another one. */
const hearsOfLogin = (tab: Tab) =>
  until(() => tab.evaluate(() => heard.some(([type, { elsewhere }]) => type === 'login' && elsewhere)))

for (const browser of Object.keys(VISITORS)) {
  for (const tokens of ['cookies', 'dual'] as const)
    describe(`two tabs in ${browser}, tokens: '${tokens}'`, () => {
      test('that refresh at the same moment take turns, and both stay logged in', async t => {
        const [api, one, other] = await twoTabs(t, browser, tokens, { script: NO_TIMERS })
        const before = api.count('POST /refresh')
        const answer = holdRefreshes(api)
        const calls = [one, other].map(tab => tab.evaluate(() => statusOf('/protected')))
        await waiting(one)
        answer()
        assert.deepEqual(await Promise.all(calls), [200, 200])
        // What is in cookies is there for both. What is in the memory of a tab never leaves it.
        assert.equal(api.count('POST /refresh') - before, tokens === 'cookies' ? 1 : 2)
        api.clock.advance('20m')
        for (const tab of [one, other]) assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
      })

      test('that refresh with the same token, for want of locks, both stay logged in', async t => {
        const [api, one, other] = await twoTabs(t, browser, tokens, { script: NO_LOCKS })
        const before = api.count('POST /refresh')
        const answer = holdRefreshes(api)
        const calls = [one, other].map(tab => tab.evaluate(() => statusOf('/protected')))
        await until(() => api.count('POST /refresh') - before === 2)
        answer()
        assert.deepEqual(await Promise.all(calls), [200, 200])
        api.clock.advance('20m')
        for (const tab of [one, other]) assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
      })

      test('are logged out together, and hear of it', async t => {
        const [api, one, other] = await twoTabs(t, browser, tokens)
        await one.evaluate(() => client.logout())
        await until(() => other.evaluate(() => heard.some(([type, { elsewhere }]) => type === 'logout' && elsewhere)))
        assert.deepEqual(await other.evaluate(() => [client.loggedIn, client.accessToken ?? null]), [false, null])
        const refreshes = api.count('POST /refresh')
        assert.equal(await other.evaluate(() => statusOf('/protected')), 401)
        assert.equal(api.count('POST /refresh'), refreshes)
      })

      test('hear of a login of each other, and go on as who that is', async t => {
        for (const cookieCsrfProtect of [true, false]) {
          const { origin } = await serveSite(t, pageApp(tokens, { cookieCsrfProtect }).app)
          const visitor = await visit(t, browser)
          const [one, other] = [await visitor.newTab(origin), await visitor.newTab(origin)]
          await one.evaluate(credentials => client.login(credentials), CREDENTIALS)
          await other.evaluate(credentials => client.login(credentials), OTHERS)
          await hearsOfLogin(one)
          assert.equal((await one.evaluate(() => answerOf('/protected', 'POST'))).sub, 'grace')
        }
      })

      test('know of the turn of the other before they have theirs', async t => {
        const [api, one, other] = await twoTabs(t, browser, tokens, { script: NO_TIMERS + LATE_WORD })
        const before = api.count('POST /refresh')
        const answer = holdRefreshes(api)
        const first = one.evaluate(() => statusOf('/protected'))
        await until(() => api.count('POST /refresh') - before === 1)
        await other.evaluate(() => {
          window.late = []
        })
        const second = other.evaluate(() => statusOf('/protected'))
        await waiting(one)
        answer()
        assert.equal(await first, 200)
        await until(() => other.evaluate(() => (window.late ?? []).length === 2))
        await other.evaluate(() => {
          for (const hear of window.late ?? []) hear()
          window.late = undefined
        })
        assert.equal(await second, 200)
        assert.equal(api.count('POST /refresh') - before, tokens === 'cookies' ? 1 : 2)
      })

      test('go on when the one that was refreshing is closed', async t => {
        const [api, one, other] = await twoTabs(t, browser, tokens)
        const before = api.count('POST /refresh')
        const answer = holdRefreshes(api)
        const lost = one.evaluate(() => statusOf('/protected')).catch(() => 'closed')
        await until(() => api.count('POST /refresh') - before === 1)
        const kept = other.evaluate(() => statusOf('/protected'))
        await waiting(one)
        await one.close()
        assert.equal(await lost, 'closed')
        answer()
        assert.equal(await kept, 200)
      })

      test('stay logged in over a reload', async t => {
        const [, one] = await twoTabs(t, browser, tokens)
        await one.reload()
        assert.equal(await one.evaluate(() => client.loggedIn), true)
        assert.equal(await one.evaluate(() => statusOf('/protected', 'POST')), 200)
      })
    })

  describe(`a tab in ${browser}`, () => {
    test('a listener that throws is reported, and changes nothing for others', async t => {
      const api = pageApp('cookies')
      const { origin } = await serveSite(t, api.app)
      const tab = await (await visit(t, browser)).newTab(origin)
      await tab.evaluate(async credentials => {
        window.reported = []
        addEventListener('error', ({ message }) => reported.push(message))
        client.on('login', () => {
          throw new Error('thrown by a listener')
        })
        client.on('login', () => void heard.push(['logout', { elsewhere: false, reason: 'the listener after it' }]))
        await client.login(credentials)
      }, CREDENTIALS)
      await until(async () => (await tab.evaluate(() => reported.length)) > 0)
      assert.match(await tab.evaluate(() => reported.join()), /thrown by a listener/)
      assert.equal(await tab.evaluate(() => heard.at(-1)?.[1].reason), 'the listener after it')
    })

    test('a tab with the CSRF value of a login in memory sends it no more after a login in another tab', async t => {
      const [, one, other] = await twoTabs(t, browser, 'cookies', { csrfInCookies: false })
      await one.evaluate(() => client.refresh())
      await other.evaluate(credentials => client.login(credentials), OTHERS)
      await hearsOfLogin(one)
      const { error_type } = await one.evaluate(() => answerOf('/protected', 'POST'))
      assert.equal(error_type, 'MissingCSRFTokenError')
    })

    test('a late word of an earlier logout does not end a login in another tab that has begun since', async t => {
      const [, tab, other] = await twoTabs(t, browser, 'dual')
      await tab.evaluate(() => void heard.splice(0))
      await other.evaluate(credentials => client.login(credentials), OTHERS)
      await hearsOfLogin(tab)
      await other.evaluate(() => {
        const channel = new BroadcastChannel(`koa-authx ${location.origin}/refresh`)
        for (const type of ['logout', 'refresh']) channel.postMessage({ type })
      })
      await until(() => tab.evaluate(() => heard.some(([type]) => type === 'refresh')))
      assert.deepEqual(await tab.evaluate(() => heard.map(([type]) => type)), ['login', 'refresh'])
      assert.equal(await tab.evaluate(() => client.loggedIn), true)
    })

    test('a late word of an earlier logout does not end a login that has begun since', async t => {
      const { origin } = await serveSite(t, pageApp('dual').app)
      const visitor = await visit(t, browser)
      const tab = await visitor.newTab(origin)
      const other = await visitor.newTab(origin)
      const past = Date.now() - 60_000
      await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
      await other.evaluate(
        ([url, at]) => {
          const channel = new BroadcastChannel(`koa-authx ${url}/refresh`)
          channel.postMessage({ type: 'logout', at })
          channel.postMessage({ type: 'refresh', at: Date.now() + 60_000 })
        },
        [origin, past] as const,
      )
      await until(() => tab.evaluate(() => heard.some(([type]) => type === 'refresh')))
      assert.deepEqual(await tab.evaluate(() => heard.map(([type]) => type)), ['login', 'refresh'])
      assert.equal(await tab.evaluate(() => client.accessToken !== undefined), true)
    })
  })
}
