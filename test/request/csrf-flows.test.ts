import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bearer, cookie } from '../support/app.js'
import { type Header, loggedIn } from './scene.js'

describe('refresh and logout', () => {
  for (const method of ['GET', 'POST']) {
    for (const path of ['/refresh', '/logout']) {
      test(`${method} ${path} needs the CSRF value of a token from a cookie`, async t => {
        const { client, jar, csrf, authx } = await loggedIn(t)
        const send = (...headers: Header[]) => client({ method, path, headers: [cookie(jar), ...headers] })
        for (const headers of [[], [['X-CSRF-TOKEN', 'wrong'] as const]]) {
          const { status, cookies } = await send(...headers)
          assert.equal(status, 403)
          assert.deepEqual(cookies, [])
        }
        assert.equal((await authx.listSessions('test')).length, 1)
        assert.ok((await send(['X-CSRF-TOKEN', csrf])).status < 300)
      })
    }
  }

  test('need none for a token in a header', async t => {
    const { client, jar } = await loggedIn(t)
    for (const path of ['/refresh', '/logout']) {
      const headers = [bearer(jar.refresh_token_cookie ?? '')]
      assert.ok((await client({ method: 'POST', path, headers })).status < 300, path)
    }
  })

  test('keep the CSRF value of a session, so that a second tab keeps working', async t => {
    const { client, jar, csrf, authx } = await loggedIn(t)
    const { cookies } = await client({
      method: 'POST',
      path: '/refresh',
      headers: [cookie(jar), ['X-CSRF-TOKEN', csrf]],
    })
    const renewed = cookies.find(line => line.startsWith('access_token_cookie='))?.split(/[=;]/)[1] ?? ''
    assert.equal(authx.getCsrfToken(renewed), csrf)
  })
})
