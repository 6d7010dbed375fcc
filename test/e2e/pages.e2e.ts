/** The example of pages without a script, in Chromium with JavaScript switched off. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { TestClock } from 'koa-authx/testing'
import { pagesApp } from '../../examples/pages/app.js'
import { TEST_SECRET } from '../support/app.js'
import { newTab, newVisitor, newVisitorWithPageCache } from './support/browser.js'
import { serveSite } from './support/site.js'

async function scene(t: TestContext, makeVisitor = newVisitor) {
  const clock = new TestClock()
  const options = { secretKey: TEST_SECRET, store: new MemoryTokenStore(), now: clock.now }
  const authx = new AuthX({ ...options, tokenLocation: ['cookies'], csrfCheck: 'origin', accessTokenExpires: '2h' })
  const events: string[] = []
  for (const name of ['refreshed', 'replayed', 'recovered', 'reuse', 'revoked'] as const) {
    authx.on(name, () => events.push(name))
  }
  const app = pagesApp(authx)
  app.silent = true
  const { origin } = await serveSite(t, app)
  const visitor = await makeVisitor(t, { javaScriptEnabled: false })
  const tab = await newTab(visitor, `${origin}/list?page=2`)
  const press = async (button: string) => {
    const loaded = tab.waitForEvent('load')
    await tab.getByRole('button', { name: button, exact: true }).click()
    await loaded
  }
  const logIn = async (password = 'test') => {
    await tab.getByLabel('Username').fill('test')
    await tab.getByLabel('Password').fill(password)
    await press('Log in')
  }
  const add = async (item: string) => {
    await tab.getByLabel('Item').fill(item)
    await press('Add')
  }
  const items = () => tab.getByRole('listitem').allTextContents()
  const shown = async () => [tab.url().replace(origin, ''), await tab.getByRole('heading').textContent()]
  return { clock, events, origin, visitor, tab, press, logIn, add, items, shown }
}

const LIST = ['/list', 'List of test']

describe('pages without a script', () => {
  test('lead to the login form and back to where the visitor was, also after a wrong password', async t => {
    const { logIn, shown, tab } = await scene(t)
    assert.deepEqual(await shown(), ['/login?next=%2Flist%3Fpage%3D2', 'Log in'])
    await logIn('wrong')
    assert.equal(await tab.getByRole('alert').textContent(), 'Wrong username or password')
    await logIn()
    assert.deepEqual(await shown(), ['/list?page=2', 'List of test'])
  })

  test('stay logged in when the access token has expired, and change data by a form', async t => {
    const { logIn, add, items, shown, tab, clock, events, origin } = await scene(t)
    await logIn()
    await add('<i>tea</i>')
    assert.deepEqual([await shown(), await items()], [LIST, ['<i>tea</i>']])
    for (let visit = 1; visit <= 3; visit++) {
      clock.advance('3h')
      await tab.goto(`${origin}/list`)
      await add(`visit ${visit}`)
      assert.deepEqual(await shown(), LIST)
    }
    assert.deepEqual(await items(), ['<i>tea</i>', 'visit 1', 'visit 2', 'visit 3'])
    assert.deepEqual(events, ['refreshed', 'refreshed', 'refreshed'])
  })

  test('stay logged in after a reload, a link of another site and several tabs at once', async t => {
    const { logIn, shown, tab, clock, events, visitor, origin } = await scene(t)
    await logIn()
    clock.advance('3h')
    await tab.reload()
    assert.deepEqual(await shown(), ['/list?page=2', 'List of test'])
    const other = await serveSite(t, pageWith(`<a href="${origin}/list">a link</a>`))
    clock.advance('3h')
    await tab.goto(other.at('127.0.0.1'))
    await tab.getByRole('link').click()
    assert.deepEqual(await shown(), LIST)
    clock.advance('3h')
    const tabs = await Promise.all(Array.from({ length: 4 }, () => newTab(visitor, `${origin}/list`)))
    for (const each of tabs) assert.equal(await each.getByRole('heading').textContent(), 'List of test')
    assert.equal(events.includes('reuse'), false)
  })

  test('show nothing by the back button after a logout, and nothing in the other tab', async t => {
    const { logIn, add, press, shown, tab, visitor, origin } = await scene(t)
    await logIn()
    await add('a secret')
    const second = await newTab(visitor, `${origin}/list`)
    await press('Log out')
    assert.deepEqual(await shown(), ['/login', 'Log in'])
    for (let back = 0; back < 3; back++) {
      await tab.goBack()
      assert.match(String((await shown())[0]), /^\/login/)
      assert.doesNotMatch(await tab.content(), /a secret/)
    }
    await second.reload()
    assert.doesNotMatch(await second.content(), /a secret/)
    assert.deepEqual(await visitor.cookies(), [])
  })

  test('show nothing by the back button after a logout, though the browser keeps pages in memory', async t => {
    const { logIn, add, press, shown, tab } = await scene(t, newVisitorWithPageCache)
    const kept = await serveSite(t, pageWith('<p>kept</p>'))
    await logIn()
    await add('a secret')
    await tab.goto(kept.origin)
    await tab.goBack({ waitUntil: 'commit' })
    await tab.getByText('a secret').waitFor()
    await press('Log out')
    await tab.getByLabel('Password').waitFor()
    for (let back = 0; back < 3; back++) {
      await tab.goBack({ waitUntil: 'commit' })
      await tab.getByRole('heading').waitFor()
      assert.equal((await shown())[1], 'Log in')
      assert.doesNotMatch(await tab.content(), /a secret/)
    }
  })

  test('lead to the login form when a form is sent after the access token has expired', async t => {
    const { logIn, add, shown, clock, items } = await scene(t)
    await logIn()
    clock.advance('3h')
    await add('too late')
    assert.deepEqual(await shown(), ['/login', 'Log in'])
    await logIn()
    assert.deepEqual([await shown(), await items()], [LIST, []])
  })

  test('are changed by no form of another site', async t => {
    const { logIn, shown, tab, items, origin } = await scene(t)
    await logIn()
    const form = (path: string) =>
      `<form method="post" action="${origin}${path}"><input name="item" value="evil"><button>${path}</button></form>`
    const other = await serveSite(t, pageWith(form('/list') + form('/logout')))
    // Another origin of the site gets the cookies sent with its forms, another site does not.
    for (const [host, page] of [
      ['localhost', 'Error 403'],
      ['127.0.0.1', 'Log in'],
    ] as const) {
      for (const path of ['/list', '/logout']) {
        await tab.goto(other.at(host))
        await tab.getByRole('button', { name: path }).click()
        assert.equal((await shown())[1], page)
      }
    }
    await tab.goto(`${origin}/list`)
    assert.deepEqual([await shown(), await items()], [LIST, []])
  })
})

const pageWith = (html: string) =>
  new Koa().use(ctx => {
    ctx.body = `<!doctype html><title>Another page</title>${html}`
  })
