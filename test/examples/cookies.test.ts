import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { type Answer, Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/cookies.js')

const csrfOf = (client: Client, type: 'access' | 'refresh') => ({
  'X-CSRF-TOKEN': client.cookies.get(`csrf_${type}_token`) ?? '',
})

async function loggedIn(): Promise<Client> {
  const client = await Client.of(server)
  assert.equal((await client.login()).status, 200)
  return client
}

function assertRefused(answer: Answer, status: number, errorType: string): void {
  assert.deepEqual([answer.status, answer.body.error_type], [status, errorType])
}

describe('examples/cookies.ts', () => {
  after(() => server.close())

  test('a login sets four cookies, and no token is in its body', async () => {
    const client = await Client.of(server)
    const login = await client.login()
    assert.equal(login.body.token_type, 'bearer')
    const lines = login.headers.getSetCookie()
    const names = ['access_token_cookie', 'csrf_access_token', 'refresh_token_cookie', 'csrf_refresh_token']
    assert.deepEqual([...client.cookies.keys()], names)
    for (const line of lines) assert.match(line, /; Path=\/; Secure; (HttpOnly; )?SameSite=Lax$/)
    assert.deepEqual(
      lines.map(line => line.includes('HttpOnly')),
      [true, false, true, false],
    )
    assert.equal((await client.post('/login', { json: { username: 'test' } })).status, 401)
  })

  test('GET passes with the cookie alone, POST takes the CSRF value', async () => {
    const client = await loggedIn()
    const read = await client.get('/protected')
    assert.deepEqual([read.status, read.body], [200, { message: 'You have access', sub: 'test' }])
    assertRefused(await client.post('/protected'), 403, 'MissingCSRFTokenError')
    assertRefused(await client.post('/protected', { headers: { 'X-CSRF-TOKEN': 'guessed' } }), 403, 'CSRFError')
    const written = await client.post('/protected', { headers: csrfOf(client, 'access') })
    assert.deepEqual([written.status, written.body], [200, { message: 'Changed', sub: 'test' }])
  })

  test('a refresh takes the CSRF value, replaces the cookies and keeps the CSRF value', async () => {
    const client = await loggedIn()
    assertRefused(await client.post('/refresh'), 403, 'MissingCSRFTokenError')
    const before = new Map(client.cookies)
    const refreshed = await client.post('/refresh', { headers: csrfOf(client, 'refresh') })
    assert.deepEqual([refreshed.status, refreshed.body], [200, { token_type: 'bearer', expires_in: 900 }])
    assert.notEqual(client.cookies.get('refresh_token_cookie'), before.get('refresh_token_cookie'))
    assert.equal(client.cookies.get('csrf_access_token'), before.get('csrf_access_token'))
    assert.equal((await client.get('/protected')).status, 200)
  })

  test('a logout takes the CSRF value, clears the cookies and revokes what was in them', async () => {
    const client = await loggedIn()
    assertRefused(await client.post('/logout'), 403, 'MissingCSRFTokenError')
    const copied = new Map(client.cookies)
    assert.equal((await client.post('/logout', { headers: csrfOf(client, 'access') })).status, 200)
    assert.equal(client.cookies.size, 0)
    assertRefused(await client.get('/protected'), 401, 'MissingTokenError')

    for (const [name, value] of copied) client.cookies.set(name, value)
    assertRefused(await client.get('/protected'), 401, 'RevokedTokenError')
    assertRefused(await client.post('/refresh', { headers: csrfOf(client, 'refresh') }), 401, 'RevokedTokenError')
  })

  test('a logout everywhere ends the sessions of other browsers too', async () => {
    const [here, there] = [await loggedIn(), await loggedIn()]
    assert.equal((await here.post('/logout-everywhere', { headers: csrfOf(here, 'access') })).status, 200)
    assert.equal(here.cookies.size, 0)
    assertRefused(await there.get('/protected'), 401, 'RevokedTokenError')
  })
})
