import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXClient } from 'koa-authx/client'
import type { AuthXOptions } from '../../src/index.js'
import { Jar } from './jar.js'
import { platform } from './platform.js'
import { CREDENTIALS, scene } from './scene.js'

/** Where the inner application is: its pages, its routes and its cookies. */
const INNER = '/inner'
const INNER_OPTIONS: AuthXOptions = {
  secretKey: 'the secret of the inner application',
  accessCookiePath: INNER,
  refreshCookiePath: INNER,
  accessCsrfCookiePath: INNER,
  refreshCsrfCookiePath: INNER,
}

/** Two applications of one origin, whose cookies have the default names. The outer one is at the root. */
async function nested(t: TestContext) {
  const outer = await scene(t, 'cookies')
  const inner = await scene(t, 'cookies', INNER_OPTIONS)
  const { origin } = outer
  const jar = new Jar((input, init) => fetch(String(input).replace(origin + INNER, inner.origin), init))
  const pageOf = async (path: '' | typeof INNER): Promise<AuthXClient> => {
    const document = {
      get cookie() {
        return jar.shownAt(`${path}/`)
      },
      set cookie(line: string) {
        jar.assign(line)
      },
    }
    const location = { origin, href: `${origin}${path}/` }
    const { AuthXClient } = await platform([], { document, location, setTimeout, clearTimeout })
    const client = new AuthXClient({ tokens: 'cookies', baseUrl: path, fetch: jar.fetch })
    t.after(() => client.close())
    return client
  }
  const outerPage = await pageOf('')
  await outerPage.login(CREDENTIALS)
  return { outer, inner, outerPage, pageOf }
}

const statusOf = async (client: AuthXClient) => (await client.fetch('/protected', { method: 'POST' })).status

describe('the page of an application below another, into which the user is logged in', () => {
  test('leaves the other login alone when its own server refuses the cookies', async t => {
    const { outerPage, pageOf } = await nested(t)
    const innerPage = await pageOf(INNER)
    assert.deepEqual([await statusOf(innerPage), innerPage.loggedIn], [401, false])
    assert.equal(await statusOf(outerPage), 200)
  })

  for (const local of [false, true])
    test(`leaves the other login alone when a logout with local: ${local} finds no login of its own`, async t => {
      const { outerPage, pageOf } = await nested(t)
      const innerPage = await pageOf(INNER)
      await innerPage.logout({ local })
      assert.deepEqual([innerPage.loggedIn, await statusOf(outerPage)], [false, 200])
    })

  test('leaves the other login alone when it forgets its own without its server', async t => {
    const { inner, outerPage, pageOf } = await nested(t)
    const innerPage = await pageOf(INNER)
    await innerPage.login(CREDENTIALS)
    await inner.offline()
    await innerPage.logout({ local: true })
    assert.deepEqual([innerPage.loggedIn, await statusOf(outerPage)], [false, 200])
  })
})

test('a page that has forgotten its login without the server finds none after a reload', async t => {
  const { outer, outerPage, pageOf } = await nested(t)
  assert.equal((await pageOf('')).loggedIn, true)
  await outer.offline()
  await outerPage.logout({ local: true })
  assert.equal((await pageOf('')).loggedIn, false)
})
