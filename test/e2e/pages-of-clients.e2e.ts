import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'
import { BROWSERS } from './support/tab.js'

for (const [name, visit] of Object.entries(BROWSERS))
  describe(`a client in ${name}`, () => {
    test('takes no address from a <base>, and Requests of a frame as its own', async t => {
      const api = pageApp('cookies')
      const { origin } = await serveSite(t, api.app)
      const tab = await (await visit(t)).newTab(origin)
      const statuses = await tab.evaluate(async credentials => {
        const base = document.createElement('base')
        base.href = 'http://evil.test/'
        document.head.append(base)
        await client.login(credentials)
        await client.refresh()
        const frame = document.body.appendChild(document.createElement('iframe'))
        const { Request: Foreign } = frame.contentWindow as unknown as typeof globalThis
        const request = new Foreign(`${location.origin}/protected`, { method: 'POST', body: 'a=b' })
        const { status } = await client.fetch(request)
        return [status, await statusOf('/protected'), await statusOf('protected', 'POST')]
      }, CREDENTIALS)
      assert.deepEqual(statuses, [200, 200, 200])
      assert.equal(api.count('POST /refresh'), 1)
    })
  })
