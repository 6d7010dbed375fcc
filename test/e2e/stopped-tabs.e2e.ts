import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { until } from '../support/until.js'
import { CREDENTIALS, OTHERS, type PageApp, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { type Tab, visit } from './support/tab.js'

type How = 'dialog' | 'breakpoint'
type Tokens = 'cookies' | 'dual'

const CASES: readonly (readonly [browser: string, how: How, tokens: Tokens])[] = [
  ['Chromium', 'dialog', 'cookies'],
  ['Chromium', 'breakpoint', 'dual'],
  ['Firefox', 'dialog', 'dual'],
]

interface Scene {
  readonly api: PageApp
  /** It holds the lock, and does not run until `runs` is called. */
  readonly stopped: Tab
  readonly other: Tab
  /** Lets the stopped tab run again. Resolves to how its refresh ended. */
  runs(): Promise<unknown>
}

/** Two tabs of one visitor. One of them has stopped in the middle of a refresh. */
async function scene(t: TestContext, [browser, how, tokens]: (typeof CASES)[number], options: object): Promise<Scene> {
  const api = pageApp(tokens)
  const { origin } = await serveSite(t, api.app)
  const visitor = await visit(t, browser)
  const stopped = await visitor.newTab(origin)
  const other = await visitor.newTab(`${origin}/?options=${encodeURIComponent(JSON.stringify(options))}`)
  await stopped.evaluate(credentials => client.login(credentials), CREDENTIALS)
  await until(() => other.evaluate(() => client.loggedIn))
  api.clock.advance('16m')
  const gate = new EventEmitter()
  const opened = once(gate, 'open')
  let held = 0
  api.beforeAnswer = async line => {
    if (line !== 'POST /refresh') return undefined
    held++
    await opened
    return undefined
  }
  await stopped.evaluate(() => {
    window.ended = client.refresh().then(
      () => 'refreshed',
      error => error.name,
    )
  })
  await until(() => held > 0)
  const run = await stopped.stop(how)
  gate.emit('open')
  let isRunning = false
  const runs = async () => {
    isRunning = true
    await run()
    return stopped.evaluate(() => window.ended)
  }
  t.after(() => isRunning || run())
  return { api, stopped, other, runs }
}

declare global {
  var ended: Promise<string>
  var caller: AbortController
}

const locks = (tab: Tab) =>
  tab.evaluate(async () => {
    const { held, pending } = await navigator.locks.query()
    return [held?.length, pending?.length]
  })

const subOf = async (tab: Tab) => (await tab.evaluate(() => answerOf('/protected', 'POST'))).sub

for (const each of CASES)
  describe(`a tab that holds the lock and has stopped: ${each.join(', ')}`, () => {
    test('lets another call, log out and log in, and goes on as the user who is logged in then', async t => {
      const { stopped, other, runs } = await scene(t, each, { timeouts: { lock: 100 } })
      assert.equal(await subOf(other), 'ada')
      await other.evaluate(() => client.logout())
      assert.equal(await subOf(other), undefined)
      await other.evaluate(credentials => client.login(credentials), OTHERS)
      assert.equal(await subOf(other), 'grace')
      assert.deepEqual(await locks(other), [1, 0])
      await runs()
      assert.equal(await subOf(stopped), 'grace')
      assert.equal(await subOf(other), 'grace')
    })

    test('does not keep a caller that gives up waiting', async t => {
      const { api, other, runs } = await scene(t, each, { timeouts: { lock: 60_000 } })
      // What the browser got for the stopped tab has expired too.
      api.clock.advance('16m')
      const call = other.evaluate(() => {
        window.caller = new AbortController()
        return client.fetch('/protected', { signal: caller.signal }).then(
          ({ status }) => status,
          error => error.message,
        )
      })
      await until(async () => (await locks(other))[1] === 1)
      await other.evaluate(() => caller.abort(new Error('enough')))
      assert.equal(await call, 'enough')
      assert.deepEqual(await locks(other), [1, 1])
      assert.equal(await runs(), 'refreshed')
      assert.equal(await subOf(other), 'ada')
    })
  })
