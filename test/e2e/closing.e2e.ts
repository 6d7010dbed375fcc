import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { until } from '../support/until.js'
import { newTab, newVisitor } from './support/browser.js'
import { CREDENTIALS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'

/** Ways in which a page ends, as its visitor sees it. */
const ENDS: Record<string, (tab: Page) => Promise<unknown>> = {
  closed: tab => tab.close(),
  'left for another': tab => tab.goto('about:blank'),
  reloaded: tab => tab.reload(),
}

interface Scene {
  readonly api: PageApp
  readonly origin: string
  readonly visitor: BrowserContext
  readonly tab: Page
}

async function loggedIn(t: TestContext, tokens: 'cookies' | 'dual'): Promise<Scene> {
  const api = pageApp(tokens)
  const { origin } = await serveSite(t, api.app)
  const visitor = await newVisitor(t)
  const tab = await newTab(visitor, origin)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  return { api, origin, visitor, tab }
}

/** Let the page `call` the server, end it when the server has done what it was asked for, and only then answer. */
async function endDuring({ api, tab }: Scene, line: string, call: () => Promise<unknown>, end: (tab: Page) => unknown) {
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

const refreshCookieOf = async (visitor: BrowserContext) =>
  (await visitor.cookies()).find(({ name }) => name === 'refresh_token_cookie')?.value

for (const tokens of ['cookies', 'dual'] as const) {
  describe(`a page with tokens: '${tokens}'`, () => {
    for (const [how, end] of Object.entries(ENDS)) {
      test(`that is ${how} in the middle of a refresh stays logged in`, async t => {
        const made = await loggedIn(t, tokens)
        const { api, origin, visitor } = made
        api.clock.advance('16m')
        const before = await refreshCookieOf(visitor)
        await endDuring(made, 'POST /refresh', () => client.refresh(), end)
        await until(async () => (await refreshCookieOf(visitor)) !== before)
        // The grace period of what was used up is over.
        api.clock.advance('16m')
        const next = await newTab(visitor, origin)
        assert.equal(await next.evaluate(() => statusOf('/protected', 'POST')), 200)
        assert.deepEqual(
          api.requests.filter(({ line, status }) => line === 'POST /refresh' && status !== 200),
          [],
        )
      })

      test(`that is ${how} in the middle of a logout keeps no cookie`, async t => {
        const made = await loggedIn(t, tokens)
        await endDuring(made, 'POST /logout', () => client.logout(), end)
        await until(async () => (await made.visitor.cookies()).length === 0)
        assert.deepEqual(await made.api.authx.listSessions('ada'), [])
      })
    }
  })
}
