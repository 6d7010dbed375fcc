import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { until } from '../support/until.js'
import { CREDENTIALS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, VISITORS, type Visitor, visit } from './support/tab.js'

type Tokens = 'cookies' | 'dual'

/** Ways in which a page ends, as its visitor sees it. */
const ENDS: Record<string, (tab: Tab) => Promise<unknown>> = {
  closed: tab => tab.close(),
  'left for another': tab => tab.goto('about:blank'),
  reloaded: tab => tab.reload(),
}

interface Scene {
  readonly api: PageApp
  readonly origin: string
  readonly visitor: Visitor
  readonly tab: Tab
}

async function loggedIn(t: TestContext, browser: string, tokens: Tokens): Promise<Scene> {
  const api = pageApp(tokens)
  const { origin } = await serveSite(t, api.app)
  const visitor = await visit(t, browser)
  const tab = await visitor.newTab(origin)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  return { api, origin, visitor, tab }
}

/** Let the page `call` the server, end it when the server has done what it was asked for, and only then answer. */
async function endDuring({ api, tab }: Scene, line: string, call: () => Promise<unknown>, end: (tab: Tab) => unknown) {
  const gate = new EventEmitter()
  const ended = once(gate, 'ended')
  api.beforeAnswer = async each => {
    if (each === line) await ended
    return undefined
  }
  const lost = tab.evaluate(call).then(
    () => 'answered',
    () => 'lost',
  )
  await until(() => api.requests.some(request => request.line === line))
  await end(tab)
  gate.emit('ended')
  assert.equal(await lost, 'lost')
}

const refreshCookieOf = async (visitor: Visitor) => (await visitor.cookies()).refresh_token_cookie

for (const browser of Object.keys(VISITORS))
  for (const tokens of ['cookies', 'dual'] as const)
    describe(`a page in ${browser} with tokens: '${tokens}'`, () => {
      for (const [how, end] of Object.entries(ENDS)) {
        test(`that is ${how} in the middle of a refresh stays logged in`, async t => {
          const made = await loggedIn(t, browser, tokens)
          const { api, origin, visitor } = made
          api.clock.advance('16m')
          const before = await refreshCookieOf(visitor)
          assert.ok(before)
          await endDuring(made, 'POST /refresh', () => client.refresh(), end)
          await until(async () => (await refreshCookieOf(visitor)) !== before)
          // The grace period of what was used up is over.
          api.clock.advance('16m')
          const next = await visitor.newTab(origin)
          assert.equal(await next.evaluate(() => statusOf('/protected', 'POST')), 200)
          assert.deepEqual(
            api.requests.filter(({ line, status }) => line === 'POST /refresh' && status !== 200),
            [],
          )
        })

        test(`that is ${how} in the middle of a logout keeps no cookie`, async t => {
          const made = await loggedIn(t, browser, tokens)
          await endDuring(made, 'POST /logout', () => client.logout(), end)
          await until(async () => Object.keys(await made.visitor.cookies()).length === 0)
          assert.deepEqual(await made.api.authx.listSessions('ada'), [])
        })
      }
    })
