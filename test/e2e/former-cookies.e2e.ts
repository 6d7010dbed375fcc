/** What becomes of a visitor's cookies when a deployment changes their domain or path, and when another site meddles. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type Koa from 'koa'
import type { BrowserContext, Page } from 'playwright-core'
import type { AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { newTab, newVisitor } from './support/browser.js'
import { CREDENTIALS, type PageApp, pageApp } from './support/page-app.js'
import { type Site, serveSite } from './support/site.js'

interface Deployed {
  readonly visitor: BrowserContext
  readonly site: Site
  readonly tab: Page
  /** Puts another version in the place of the present one. */
  deploy(options: AuthXOptions): PageApp
}

/** One address, at which one deployment after another answers. */
async function deployed(t: TestContext, first: AuthXOptions): Promise<Deployed> {
  const store = new MemoryTokenStore()
  const make = (options: AuthXOptions) => pageApp('cookies', { store, ...options })
  let present: Koa = make(first).app
  let answer = present.callback()
  const site = await serveSite(t, (request, response) => void answer(request, response))
  const visitor = await newVisitor(t)
  return {
    visitor,
    site,
    tab: await newTab(visitor, site.origin),
    deploy(options) {
      const next = make(options)
      present = next.app
      answer = present.callback()
      return next
    },
  }
}

const logIn = (tab: Page) => tab.evaluate(credentials => client.login(credentials), CREDENTIALS)
const ask = (tab: Page, path: string, method = 'GET') =>
  tab.evaluate(([path, method]) => statusOf(path, method), [path, method] as const)

const PATHS = { refreshCookiePath: '/refresh', refreshCsrfCookiePath: '/' }

const CHANGES: readonly [what: string, before: AuthXOptions, after: AuthXOptions][] = [
  ['cookieDomain is added', {}, { cookieDomain: 'localhost' }],
  ['cookieDomain is taken away', { cookieDomain: 'localhost' }, { formerCookies: [{ domain: 'localhost' }] }],
  ['the path is widened', PATHS, { formerCookies: [{ path: '/refresh' }] }],
]

describe('after a deployment that changes cookies a visitor of Chromium', () => {
  for (const [what, before, after] of CHANGES) {
    test(`stays logged in, logs in again and logs out: ${what}`, async t => {
      const { tab, visitor, deploy } = await deployed(t, before)
      await logIn(tab)
      deploy(after)
      assert.equal(await ask(tab, '/protected'), 200)
      await tab.evaluate(() => client.refresh())
      assert.equal(await ask(tab, '/protected', 'POST'), 200)
      deploy(before)
      await logIn(tab)
      deploy(after)
      await logIn(tab)
      assert.equal(await ask(tab, '/protected', 'POST'), 200)
      await tab.evaluate(() => client.refresh())
      await tab.evaluate(() => client.logout())
      assert.deepEqual(await visitor.cookies(), [])
    })
  }
})

test('a link of another site with a token of its own logs nobody out, though SameSite is Strict', async t => {
  const tokenLocation = { access: ['query', 'cookies'], refresh: ['cookies'] } as const
  const { tab, visitor, site, deploy } = await deployed(t, {})
  const { authx } = deploy({ tokenLocation, cookieSamesite: 'strict' })
  await logIn(tab)
  const kept = (await visitor.cookies()).length
  const { access_token: own } = await authx.createTokenPair('mallory')
  const evil = await newTab(visitor, site.at('127.0.0.1'))
  const target = `${site.origin}/logout?token=${own}`
  // It stays on its page: an answer without content is no page to go to.
  const answered = evil.waitForResponse(target)
  await evil.evaluate(action => {
    const form = Object.assign(document.createElement('form'), { method: 'POST', action })
    document.body.append(form)
    form.submit()
  }, target)
  assert.equal((await answered).status(), 204)
  assert.equal((await visitor.cookies(site.origin)).length, kept)
  assert.equal(await ask(tab, '/protected'), 200)
})
