import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { greetSockets } from '../client/recipes/sockets.js'
import { bundlePage } from '../support/bundle.js'
import { until } from '../support/until.js'
import { newTab, newVisitor } from './support/browser.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { serveSite } from './support/site.js'

declare global {
  /** What the recipe has received. */
  var received: unknown[]
}

/** A tab in which `window.client` is logged in, and the recipe is served as `/recipe.js`. */
async function tabWith(t: TestContext, recipe: string, tokens: 'cookies' | 'dual') {
  const api = pageApp(tokens)
  const script = await bundlePage(`examples/client/${recipe}.ts`)
  const rest = api.app.callback()
  const listener: RequestListener = (request, response) => {
    if (request.url !== '/recipe.js') return void rest(request, response)
    response.setHeader('Content-Type', 'text/javascript').end(script)
  }
  const site = await serveSite(t, listener)
  const tab = await newTab(await newVisitor(t), site.origin)
  await tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
  return { api, site, tab }
}

describe('in a browser', () => {
  for (const tokens of ['cookies', 'dual'] as const) {
    test(`axios changes data, and goes on after the access token has expired: tokens in ${tokens}`, async t => {
      const { api, tab } = await tabWith(t, 'axios', tokens)
      const post = `import('/recipe.js').then(async ({ axiosFor }) => {
        window.api ??= axiosFor(client, location.origin)
        return (await api.post('/protected', { text: 'Buy milk' })).data
      })`
      assert.deepEqual(await tab.evaluate(post), { sub: 'ada' })
      api.clock.advance('16m')
      assert.deepEqual(await tab.evaluate(post), { sub: 'ada' })
      assert.equal(api.count('POST /refresh'), 1)
    })
  }

  test('a socket is kept open with a token that is valid at each connection', async t => {
    const { api, site, tab } = await tabWith(t, 'websocket', 'dual')
    const sockets = greetSockets(t, { server: site.server, authx: api.authx })
    await tab.evaluate(`import('/recipe.js').then(({ keepSocket }) => {
      window.received = []
      keepSocket(client, location.origin.replace('http', 'ws'), message => received.push(message))
    })`)
    for (const times of [1, 2, 3]) {
      await until(async () => (await tab.evaluate(() => received.length)) === times)
      api.clock.advance('16m')
      sockets.cut()
    }
    assert.deepEqual([...new Set(sockets.greeted)], ['ada'])
    await tab.evaluate(() => client.logout())
    await until(() => sockets.open === 0)
  })
})
