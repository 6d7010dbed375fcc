import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client } from './client.js'

/** The tests of an example that serves examples/app.ts with all tokens in headers. */
export function testHeaderLife(client: () => Client): void {
  test('a wrong password gets no tokens', async () => {
    for (const json of [{ username: 'test', password: 'wrong' }, { username: 'test' }, {}]) {
      const refused = await client().post('/login', { json })
      assert.equal(refused.status, 401)
      assert.equal(refused.body.error_type, 'InvalidCredentialsError')
    }
    assert.equal((await client().post('/login')).status, 401)
  })

  test('no token, no access', async () => {
    const refused = await client().get('/protected')
    assert.equal(refused.status, 401)
    assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="authx"')
    assert.equal(refused.body.error_type, 'MissingTokenError')
  })

  test('log in, call, refresh, log out, be refused', async () => {
    const login = await client().login()
    assert.equal(login.status, 200)
    assert.equal(login.body.token_type, 'bearer')
    assert.equal(login.body.expires_in, 900)
    assert.equal(login.headers.get('cache-control'), 'no-store')

    const passed = await client().get('/protected', { token: login.body.access_token })
    assert.deepEqual([passed.status, passed.body], [200, { message: 'You have access', sub: 'test' }])

    const refreshed = await client().post('/refresh', { token: login.body.refresh_token })
    assert.equal(refreshed.status, 200)
    assert.notEqual(refreshed.body.refresh_token, login.body.refresh_token)
    assert.equal((await client().get('/protected', { token: refreshed.body.access_token })).status, 200)

    assert.equal((await client().post('/logout', { token: refreshed.body.access_token })).status, 204)
    for (const { body } of [login, refreshed]) {
      const call = await client().get('/protected', { token: body.access_token })
      assert.deepEqual([call.status, call.body.error_type], [401, 'RevokedTokenError'])
      const refresh = await client().post('/refresh', { token: body.refresh_token })
      assert.deepEqual([refresh.status, refresh.body.error_type], [401, 'RevokedTokenError'])
    }
  })

  test('an access token does not refresh, and a refresh token gives no access', async () => {
    const { body } = await client().login()
    const refresh = await client().post('/refresh', { token: body.access_token })
    assert.deepEqual([refresh.status, refresh.body.error_type], [401, 'RefreshTokenRequiredError'])
    const call = await client().get('/protected', { token: body.refresh_token })
    assert.deepEqual([call.status, call.body.error_type], [401, 'AccessTokenRequiredError'])
  })
}
