import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/blocklist.js')
const client = await Client.of(server)

describe('examples/blocklist.ts', () => {
  after(() => server.close())

  test('a logout blocks the access token, the refresh token and what was refreshed, and no other login', async () => {
    const [login, other] = [(await client.login()).body, (await client.login()).body]
    const refreshed = (await client.post('/refresh', { token: login.refresh_token })).body
    assert.equal((await client.get('/protected', { token: refreshed.access_token })).status, 200)

    assert.equal((await client.post('/logout', { token: refreshed.access_token })).status, 204)
    for (const token of [login.access_token, refreshed.access_token]) {
      const refused = await client.get('/protected', { token })
      assert.deepEqual([refused.status, refused.body.error_type], [401, 'RevokedTokenError'])
    }
    const refused = await client.post('/refresh', { token: login.refresh_token })
    assert.deepEqual([refused.status, refused.body.error_type], [401, 'RevokedTokenError'])
    assert.equal((await client.get('/protected', { token: other.access_token })).status, 200)
  })
})
