import assert from 'node:assert/strict'
import { after, describe, type TestContext, test } from 'node:test'
import { AuthX, audit } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { TestClock } from 'koa-authx/testing'
import { pagesApp } from '../../examples/pages/app.js'
import { type Reply, serve, TEST_SECRET } from '../support/app.js'
import { NAVIGATION, Visitor } from '../support/visitor.js'
import { Client } from './client.js'

process.env.PORT = '0'
const { app, server } = await import('../../examples/pages.js')

const CREDENTIALS = { username: 'test', password: 'test' }
const target = ({ status, headers }: Reply) => [status, headers.location]
const from = (site: string) =>
  NAVIGATION.map(([name, value]) => [name, name === 'Sec-Fetch-Site' ? site : value] as const)

async function visitor(t: TestContext) {
  const clock = new TestClock()
  const options = { secretKey: TEST_SECRET, store: new MemoryTokenStore(), now: clock.now }
  const authx = new AuthX({ ...options, tokenLocation: ['cookies'], csrfCheck: 'origin', accessTokenExpires: '2h' })
  return { clock, ada: new Visitor(await serve(t, pagesApp(authx))) }
}

describe('examples/pages.ts', () => {
  after(() => server.close())

  test('guards the list, and answers a script with JSON', async () => {
    const { routes, unsafe } = audit(app)
    const guarded = routes.filter(({ guards }) => guards.length > 0).map(({ method, path }) => `${method} ${path}`)
    assert.deepEqual([guarded, unsafe], [['GET /list', 'POST /list'], []])
    const answer = await (await Client.of(server)).get('/list')
    assert.deepEqual([answer.status, answer.body.error_type], [401, 'MissingTokenError'])
  })

  test('leads a visitor to the login form and back to the page', async t => {
    const { ada } = await visitor(t)
    assert.deepEqual(target(await ada.visit('/list?page=2')), [303, '/login?next=%2Flist%3Fpage%3D2'])
    const { text } = await ada.visit('/login?next=%2Flist%3Fpage%3D2')
    assert.match(text, /<input type="hidden" name="next" value="\/list\?page=2">/)
    const wrong = await ada.submit('/login', { username: 'test', password: 'wrong', next: '/list?page=2' })
    assert.equal(wrong.status, 401)
    assert.match(wrong.text, /value="\/list\?page=2"[\s\S]*Wrong username or password/)
    assert.deepEqual(target(await ada.submit('/login', { ...CREDENTIALS, next: '/list?page=2' })), [
      303,
      '/list?page=2',
    ])
    assert.match((await ada.visit('/list?page=2')).text, /List of test/)
  })

  test('changes the list by a form, and keeps the login when the access token has expired', async t => {
    const { ada, clock } = await visitor(t)
    await ada.submit('/login', CREDENTIALS)
    assert.deepEqual(target(await ada.submit('/list', { item: '<b>tea</b>' })), [303, '/list'])
    clock.advance('3h')
    const { text, headers } = await ada.visit('/list')
    assert.match(text, /<li>&#60;b&#62;tea&#60;\/b&#62;<\/li>/)
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal((await ada.submit('/list', { item: ' ' })).status, 400)
  })

  test('logs out, and shows the list no more', async t => {
    const { ada } = await visitor(t)
    await ada.submit('/login', CREDENTIALS)
    const out = await ada.submit('/logout')
    assert.deepEqual([target(out), out.headers['clear-site-data']], [[303, '/login'], '"cache"'])
    assert.deepEqual(ada.cookies(), {})
    assert.deepEqual(target(await ada.visit('/list')), [303, '/login?next=%2Flist'])
    assert.deepEqual(target(await ada.submit('/logout')), [303, '/login'])
  })

  test('refuses forms of another site with a page: a login, a change and a logout', async t => {
    const { ada } = await visitor(t)
    for (const site of ['cross-site', 'same-site']) {
      assert.equal((await ada.submit('/login', CREDENTIALS, from(site))).status, 403)
    }
    await ada.submit('/login', CREDENTIALS)
    for (const path of ['/list', '/logout']) {
      const { status, text } = await ada.submit(path, { item: 'evil' }, from('cross-site'))
      assert.deepEqual([status, text.includes('<h1>Error 403</h1>')], [403, true])
    }
    assert.doesNotMatch((await ada.visit('/list')).text, /evil/)
  })

  test('puts no markup of the address into the login form, and leads to no other site', async t => {
    const { ada } = await visitor(t)
    const { text } = await ada.visit(`/login?next=${encodeURIComponent('/"><script>alert(1)</script>')}`)
    assert.match(text, /name="next" value="\/&#34;&#62;&#60;script&#62;alert\(1\)&#60;\/script&#62;"/)
    const evil = await ada.visit(`/login?next=${encodeURIComponent('//evil.example')}`)
    assert.match(evil.text, /name="next" value="\/"/)
    assert.deepEqual(target(await ada.submit('/login', { ...CREDENTIALS, next: '//evil.example' })), [303, '/'])
  })
})
