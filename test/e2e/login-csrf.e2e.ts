/**
 * With the default `csrfCheck: 'token'`, in Chromium and Firefox: no form and no plain request of another page logs a
 * visitor in, and none clears the cookies of a login. Over HTTP with a name, browsers send `Origin` only.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formApp } from './support/form-app.js'
import { serveSite } from './support/site.js'
import { postForm, stranger, WAYS } from './support/stranger.js'
import { BROWSERS } from './support/tab.js'

const PLACES = [
  { name: 'http://localhost', tls: false, own: 'localhost', others: ['127.0.0.1', 'localhost'] },
  { name: 'https', tls: true, own: 'www.app.test', others: ['evil.test', 'evil.app.test'] },
  { name: 'http, a name', tls: false, own: 'www.app.test', others: ['evil.test', 'evil.app.test'] },
] as const

/** Without the way that needs CORS: the application of this test allows it to every page, which no application should. */
const ways = Object.entries(WAYS).filter(([way]) => way !== 'fetch with a header')

for (const browser of Object.keys(BROWSERS)) {
  describe(`${browser}, csrfCheck: 'token'`, () => {
    for (const { name, tls, own: host, others } of PLACES) {
      test(`${name}: a page of another site logs nobody in, and the own form does`, async t => {
        const api = formApp({ csrfCheck: 'token', ...(name === 'http, a name' && { cookieSecure: false }) })
        const target = (await serveSite(t, api.app, { tls })).at(host)
        const visitor = await BROWSERS[browser]?.(t)
        assert.ok(visitor)
        const own = await visitor.newTab(target)
        const at = await stranger(t, tls)
        for (const page of others.map(at)) {
          const evil = await visitor.newTab(page)
          for (const [way, send] of ways) {
            const handled = api.next('POST /login')
            await send(evil, `${target}/login`, page)
            const { status, errorType } = await handled
            assert.deepEqual([status, errorType], [403, 'CSRFError'], `${way} of ${page}`)
            if (/^form(?! in)/.test(way)) await evil.goto(page)
          }
        }
        await own.goto(target)
        assert.equal(api.cookies(), '')
        assert.deepEqual(await api.authx.listSessions('mallory'), [])

        await own.follow(() => (document.getElementById('login') as HTMLFormElement).requestSubmit(), null)
        assert.match(await own.evaluate(() => document.title, null), /^ada/)

        await api.authx.revokeAllSessions('ada')
        for (const page of others.map(at)) {
          const evil = await visitor.newTab(page)
          const handled = api.next('POST /refresh')
          await postForm(evil, `${target}/refresh`)
          assert.ok((await handled).status >= 401)
        }
        await own.goto(target)
        assert.match(api.cookies(), /refresh_token_cookie=/)
      })
    }
  })
}
