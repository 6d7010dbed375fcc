import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/dual.js')

describe('examples/dual.ts', () => {
  after(() => server.close())

  test('a login gives the access token in the body and the refresh token in a cookie', async () => {
    const client = await Client.of(server)
    const { body } = await client.login()
    assert.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'token_type'])
    assert.deepEqual([...client.cookies.keys()], ['refresh_token_cookie', 'csrf_refresh_token'])
    const passed = await client.get('/protected', { token: body.access_token })
    assert.deepEqual([passed.status, passed.body], [200, { message: 'You have access', sub: 'test' }])
  })

  test('neither token is taken from the place of the other', async () => {
    const client = await Client.of(server)
    const { body } = await client.login()
    const refreshToken = client.cookies.get('refresh_token_cookie')
    assert.equal((await client.get('/protected')).body.error_type, 'MissingTokenError')

    client.cookies.clear()
    client.cookies.set('access_token_cookie', String(body.access_token))
    assert.equal((await client.get('/protected')).body.error_type, 'MissingTokenError')
    assert.equal((await client.post('/refresh', { token: refreshToken })).body.error_type, 'MissingTokenError')
  })

  test('a refresh takes the cookie with its CSRF value, a logout the access token', async () => {
    const client = await Client.of(server)
    await client.login()
    assert.equal((await client.post('/refresh')).status, 403)
    const headers = { 'X-CSRF-TOKEN': client.cookies.get('csrf_refresh_token') ?? '' }
    const { status, body } = await client.post('/refresh', { headers })
    assert.equal(status, 200)
    assert.equal(body.refresh_token, undefined)
    assert.equal((await client.get('/protected', { token: body.access_token })).status, 200)

    const copied = new Map(client.cookies)
    assert.equal((await client.post('/logout', { token: body.access_token })).status, 204)
    assert.equal(client.cookies.size, 0)
    const refused = await client.get('/protected', { token: body.access_token })
    assert.deepEqual([refused.status, refused.body.error_type], [401, 'RevokedTokenError'])
    for (const [name, value] of copied) client.cookies.set(name, value)
    const again = await client.post('/refresh', { headers })
    assert.deepEqual([again.status, again.body.error_type], [401, 'RevokedTokenError'])
  })
})
