import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import Koa from 'koa'
import type * as Ssr from '../../examples/client/ssr.js'
import { greetSockets } from '../client/recipes/sockets.js'
import { linkPackages } from '../examples/programs.js'
import { bundlePage, bundleProgram } from '../support/bundle.js'
import { temporaryFolder } from '../support/temporary.js'
import { until } from '../support/until.js'
import { newTab, newVisitor } from './support/browser.js'
import { notesApp } from './support/notes-app.js'
import { CREDENTIALS, pageApp } from './support/page-app.js'
import { complaintsOf, logIn, WATCH_SCREENS } from './support/screens.js'
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

/** A visitor who is logged in and has a note, at a site whose page `/` is rendered by the server. */
async function renderedSite(t: TestContext) {
  const { folder, remove } = await temporaryFolder()
  t.after(remove)
  linkPackages(folder)
  const file = join(folder, 'ssr.mjs')
  await writeFile(file, await bundleProgram('examples/client/ssr.tsx'))
  const { pages } = (await import(pathToFileURL(file).href)) as typeof Ssr
  const script = await bundlePage('examples/client/ssr-browser.tsx')
  const api = await notesApp('react')
  const page = new Koa().use(ctx => pages(site.origin)(ctx, async () => {})).callback()
  const site = await serveSite(t, (request, response) => {
    if (request.url === '/') return void page(request, response)
    if (request.url !== '/ssr-browser.js') return void api.listener(request, response)
    response.setHeader('Content-Type', 'text/javascript').end(script)
  })
  const visitor = await newVisitor(t)
  await visitor.addInitScript(WATCH_SCREENS)
  const complaints = complaintsOf(visitor)
  const form = await newTab(visitor, `${site.origin}/notes-app`)
  await logIn(form)
  await form.fill('[name=text]', 'Buy milk')
  await form.click('text=Add')
  await form.waitForSelector('li:has-text("Buy milk")')
  return { api, complaints, form, open: () => newTab(visitor, `${site.origin}/`) }
}

describe('a page that the server has rendered', () => {
  test('goes on in the browser without showing anything else, and with one refresh for both', async t => {
    const { api, complaints, form, open } = await renderedSite(t)
    api.clock.advance('16m')
    const tab = await open()
    assert.equal(await tab.textContent('li'), 'Buy milk')
    await form.click('text=Log out')
    await tab.waitForSelector('[data-screen=login]')
    assert.deepEqual(await tab.evaluate(() => screens), ['notes', 'login'])
    assert.equal(api.count('POST /refresh'), 1)
    assert.deepEqual(complaints, [])
  })
})

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
