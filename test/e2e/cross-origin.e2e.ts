import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newTab, newVisitor } from './support/browser.js'
import { allow } from './support/cors.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'

test("with csrfCheck: 'origin', a page of a trusted origin needs no CSRF value, and is logged in after a reload", async t => {
  const site = await serveSite(t, pageApp('cookies').app)
  const api = pageApp('cookies', { csrfCheck: 'origin', trustedOrigins: [site.origin] })
  api.app.middleware.unshift(allow(site.origin))
  const { origin } = await serveSite(t, api.app)
  const tab = await newTab(await newVisitor(t), site.origin)
  const post = (path: string, body?: object) =>
    tab.evaluate(
      async ([url, json]) => {
        const headers = { 'Content-Type': 'application/json' }
        return (await fetch(url, { method: 'POST', credentials: 'include', headers, body: json })).status
      },
      [origin + path, JSON.stringify(body ?? {})] as const,
    )
  assert.equal(await post('/login', CREDENTIALS), 200)
  assert.equal(await post('/protected'), 200)
  await tab.reload()
  assert.deepEqual([await post('/refresh'), await post('/protected'), await post('/logout')], [200, 200, 204])
})

for (const tokens of ['cookies', 'dual'] as const) {
  describe(`a page whose API is at another origin of its site, tokens: '${tokens}'`, () => {
    test('logs in, calls, refreshes, is still logged in after a reload, and logs out', async t => {
      const site = await serveSite(t, pageApp(tokens).app)
      const api = pageApp(tokens)
      api.app.middleware.unshift(allow(site.origin))
      const { origin } = await serveSite(t, api.app)
      const tab = await newTab(await newVisitor(t), `${site.origin}/?api=${origin}`)
      await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
      assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
      api.clock.advance('16m')
      assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
      assert.equal(api.count('POST /refresh'), 1)
      await tab.reload()
      assert.equal(await tab.evaluate(() => statusOf('/protected', 'POST')), 200)
      await tab.evaluate(() => client.logout())
      assert.deepEqual(await tab.evaluate(() => [client.loggedIn, document.cookie]), [false, ''])
    })
  })
}
