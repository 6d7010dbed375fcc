import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { startRedis } from '../support/redis.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'
import { newTab, newVisitor } from './support/browser.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'

async function loggedIn(t: TestContext, origin: string): Promise<Page> {
  const tab = await newTab(await newVisitor(t), origin)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  return tab
}

/** How a call in the page ended: its status, or what it was rejected with. */
const outcomeOf = (tab: Page, call: 'refresh' | 'fetch' | 'logout') =>
  tab.evaluate(async name => {
    const work = name === 'fetch' ? statusOf('/protected') : client[name]()
    return work.catch(({ name, status, errorType }) => [name, status, errorType])
  }, call)

const told = (tab: Page) => tab.evaluate(() => heard.map(([type]) => type))

for (const tokens of ['cookies', 'dual'] as const) {
  describe(`a page with tokens: '${tokens}'`, () => {
    test('survives a refresh whose answer is lost after the server has applied it', async t => {
      const api = pageApp(tokens)
      let cuts = 0
      api.beforeAnswer = async line => (line === 'POST /refresh' && cuts++ === 0 ? 'cut' : undefined)
      const { origin } = await serveSite(t, api.app)
      const tab = await loggedIn(t, origin)
      api.clock.advance('16m')
      assert.equal(await outcomeOf(tab, 'fetch'), 200)
      assert.ok(cuts > 1)
      api.clock.advance('16m')
      assert.equal(await outcomeOf(tab, 'fetch'), 200)
      assert.deepEqual(await told(tab), ['login', 'refresh', 'refresh'])
    })

    test('stays logged in while the server is started again', async t => {
      const { folder, remove } = await temporaryFolder()
      t.after(remove)
      const file = join(folder, 'tokens.sqlite')
      const first = pageApp(tokens, { store: new SqliteTokenStore(file) })
      const site = await serveSite(t, first.app)
      const tab = await loggedIn(t, site.origin)
      await site.close()
      await first.authx.close()
      assert.deepEqual(await outcomeOf(tab, 'fetch'), ['TypeError', undefined, undefined])
      assert.deepEqual(await outcomeOf(tab, 'refresh'), ['TypeError', undefined, undefined])
      assert.deepEqual(await outcomeOf(tab, 'logout'), ['TypeError', undefined, undefined])
      const second = pageApp(tokens, { store: new SqliteTokenStore(file) })
      t.after(() => second.authx.close())
      await serveSite(t, second.app, { port: site.port })
      assert.equal(await outcomeOf(tab, 'fetch'), 200)
      second.clock.advance('16m')
      assert.equal(await outcomeOf(tab, 'fetch'), 200)
      assert.deepEqual(await told(tab), ['login', 'refresh'])
    })

    test('stays logged in while the store is away, and works again afterwards', async t => {
      const { folder, remove } = await temporaryFolder()
      t.after(remove)
      const redis = await startRedis({ args: ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always'] })
      t.after(() => redis.stop())
      const api = pageApp(tokens, { store: new RedisTokenStore(redis.url) })
      t.after(() => api.authx.close())
      const { origin } = await serveSite(t, api.app)
      const tab = await loggedIn(t, origin)
      await redis.stop()
      const unavailable = ['AuthXClientError', 503, 'StoreUnavailableError']
      assert.equal(await outcomeOf(tab, 'fetch'), 503)
      assert.deepEqual(await outcomeOf(tab, 'refresh'), unavailable)
      assert.deepEqual(await outcomeOf(tab, 'logout'), unavailable)
      api.clock.advance('16m')
      assert.deepEqual(await outcomeOf(tab, 'fetch'), unavailable)
      assert.equal(await tab.evaluate(() => client.loggedIn), true)
      await redis.restart()
      await until(async () => (await outcomeOf(tab, 'fetch')) === 200)
      assert.deepEqual(await told(tab), ['login', 'refresh'])
      await outcomeOf(tab, 'logout')
      assert.deepEqual(await told(tab), ['login', 'refresh', 'logout'])
    })
  })
}
