/** What is between a page and its server may answer in place of the server: a captive portal, a service worker. */
import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { CREDENTIALS, OTHERS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, visit } from './support/tab.js'

const PAGE = '<!doctype html><title>Welcome to the airport</title>'

/** Service workers of an application. */
const WORKERS: Readonly<Record<string, string>> = {
  /** Passes every request on. */
  '/passing.js':
    'onactivate = event => event.waitUntil(clients.claim()); onfetch = event => event.respondWith(fetch(event.request))',
  /** Answers every request but those for its own script with a page from its cache. */
  '/caching.js': `
    const page = new Response('${PAGE}', { headers: { 'Content-Type': 'text/html' } })
    oninstall = event => event.waitUntil(caches.open('pages').then(cache => cache.put('/welcome', page)))
    onactivate = event => event.waitUntil(clients.claim())
    onfetch = event => event.respondWith(caches.match('/welcome'))
  `,
}

interface Scene {
  readonly api: PageApp
  readonly origin: string
  readonly tab: Tab
  /** From now on something else answers every request with a page, until the function is called that it returns. */
  divert(): () => void
}

async function scene(t: TestContext, browser: string, tokens: 'cookies' | 'dual'): Promise<Scene> {
  const api = pageApp(tokens)
  const handle = api.app.callback()
  let isCaptive = false
  const listener: RequestListener = (request, response) => {
    const script = WORKERS[request.url ?? '']
    if (!isCaptive && !script) return handle(request, response)
    response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html')
    response.end(script ?? PAGE)
  }
  const { origin } = await serveSite(t, listener)
  const visitor = await visit(t, browser)
  const divert = () => {
    isCaptive = true
    return () => {
      isCaptive = false
    }
  }
  return { api, origin, tab: await visitor.newTab(origin), divert }
}

/** Resolves when the service worker answers the requests of the page. */
const control = (tab: Tab, script: string) =>
  tab.evaluate(async path => {
    const controlled = new Promise(resolve => {
      navigator.serviceWorker.oncontrollerchange = resolve
    })
    await navigator.serviceWorker.register(path)
    await controlled
  }, script)

const CALLS = ['login', 'refresh', 'logout'] as const

/** How calls of the client end, one after another. */
const outcomes = (tab: Tab, calls: readonly (typeof CALLS)[number][]) =>
  tab.evaluate(
    async ([names, credentials]) => {
      const ends: unknown[] = []
      for (const name of names)
        ends.push(
          await client[name](credentials).then(
            () => 'resolved',
            ({ name, status, errorType, message }) => [name, status, errorType ?? null, message],
          ),
        )
      return ends
    },
    [calls, OTHERS] as const,
  )

const REFUSED = ['AuthXClientError', 200, null, '200 is no answer of koa-authx']

/** What the page knows, and what it was told. */
const known = (tab: Tab) =>
  tab.evaluate(() => [client.state, client.accessToken ?? null, document.cookie, heard.map(([type]) => type)])

const subOf = async (tab: Tab) => (await tab.evaluate(() => answerOf('/protected', 'POST'))).sub

for (const browser of Object.keys(VISITORS))
  for (const tokens of ['cookies', 'dual'] as const)
    describe(`a page in ${browser}, tokens: '${tokens}'`, () => {
      test('takes a captive portal for no answer: nothing has changed, and it goes on afterwards', async t => {
        const { api, tab, divert } = await scene(t, browser, tokens)
        await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
        const before = await known(tab)
        const end = divert()
        assert.deepEqual(await outcomes(tab, CALLS), [REFUSED, REFUSED, REFUSED])
        assert.deepEqual(await known(tab), before)
        end()
        assert.equal(await subOf(tab), 'ada')
        api.clock.advance('16m')
        assert.equal(await subOf(tab), 'ada')
      })

      test('takes a service worker that answers from its cache for no answer: nothing has changed, and it goes on afterwards', async t => {
        const { tab, origin } = await scene(t, browser, tokens)
        await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
        const before = await known(tab)
        await control(tab, '/caching.js')
        // Firefox asks no service worker about requests with `keepalive`.
        const calls = browser === 'Firefox' ? (['login'] as const) : CALLS
        assert.deepEqual(
          await outcomes(tab, calls),
          calls.map(() => REFUSED),
        )
        assert.deepEqual(await known(tab), before)
        await tab.evaluate(async () => (await navigator.serviceWorker.ready).unregister())
        await tab.goto(origin)
        assert.equal(await subOf(tab), 'ada')
      })

      test('logs in, calls, refreshes and logs out by way of a service worker that passes requests on', async t => {
        const { api, tab } = await scene(t, browser, tokens)
        await control(tab, '/passing.js')
        await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
        assert.equal(await subOf(tab), 'ada')
        api.clock.advance('16m')
        assert.equal(await subOf(tab), 'ada')
        await tab.evaluate(() => client.logout())
        assert.deepEqual(await tab.evaluate(() => [client.loggedIn, document.cookie]), [false, ''])
        assert.deepEqual(await api.authx.listSessions('ada'), [])
      })
    })
