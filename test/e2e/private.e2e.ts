import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { until } from '../support/until.js'
import { newVisitor } from './support/browser.js'
import { newPrivateFirefoxVisitor } from './support/firefox.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { HOSTS, type Tab, type Visitor, visitorOf } from './support/tab.js'

/** A visitor in private windows. In Chromium, all visitors of these tests use private windows. */
const PRIVATE: Readonly<Record<string, (t: TestContext) => Promise<Visitor>>> = {
  Chromium: async t => visitorOf(await newVisitor(t)),
  Firefox: t => newPrivateFirefoxVisitor(t, HOSTS),
}

/** Private windows of Firefox keep no files for pages. */
const isPrivate = (tab: Tab) =>
  tab.evaluate(() =>
    navigator.storage.getDirectory().then(
      () => false,
      ({ name }) => name === 'SecurityError',
    ),
  )

for (const [browser, newPrivateVisitor] of Object.entries(PRIVATE))
  for (const tokens of ['cookies', 'dual'] as const)
    test(`private windows of ${browser}, ${tokens}: two tabs log in, refresh once and log out together`, async t => {
      const api = pageApp(tokens)
      const { origin } = await serveSite(t, api.app)
      const visitor = await newPrivateVisitor(t)
      const [one, other] = [await visitor.newTab(origin), await visitor.newTab(origin)]
      if (browser === 'Firefox') assert.equal(await isPrivate(one), true)
      await one.evaluate(credentials => client.login(credentials), CREDENTIALS)
      await until(() => other.evaluate(() => client.loggedIn))
      api.clock.advance('16m')
      const answers = await Promise.all([one, other].map(tab => tab.evaluate(() => answerOf('/protected', 'POST'))))
      assert.deepEqual(
        answers.map(({ sub }) => sub),
        ['ada', 'ada'],
      )
      // With `dual`, each tab needs an access token of its own.
      assert.equal(api.count('POST /refresh'), tokens === 'cookies' ? 1 : 2)
      await other.evaluate(() => client.logout())
      await until(async () => !(await one.evaluate(() => client.loggedIn)))
      const after = await one.evaluate(() => answerOf('/protected', 'POST'))
      assert.equal(after.sub, undefined)
    })
