import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { type Answer, Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/routes.js')

const logIn = async (client: Client, username = 'test', password: unknown = 'test') =>
  client.post('/auth/login', { json: { username, password } })

async function loggedIn(client: Client): Promise<{ access: string; refresh: string }> {
  const { body } = await logIn(client)
  return { access: String(body.access_token), refresh: String(body.refresh_token) }
}

const refused = ({ status, body }: Answer) => [status, body.error_type]
const status = async (client: Client, token: string) => (await client.get('/protected', { token })).status

describe('examples/routes.ts', () => {
  after(() => server.close())

  test('lets in who knows the password, and nobody else', async () => {
    const client = await Client.of(server)
    const { access } = await loggedIn(client)
    assert.deepEqual((await client.get('/protected', { token: access })).body, {
      message: 'You have access',
      sub: 'test',
    })
    for (const [username, password] of [
      ['test', 'wrong'],
      ['test', null],
      ['test', ['test']],
      ['nobody', 'test'],
      ['__proto__', 'test'],
    ] as const) {
      assert.deepEqual(refused(await logIn(client, username, password)), [401, 'InvalidCredentialsError'])
    }
  })

  test('refreshes, logs out and revokes', async () => {
    const client = await Client.of(server)
    const { refresh } = await loggedIn(client)
    const { body } = await client.post('/auth/refresh', { token: refresh })
    assert.equal(await status(client, String(body.access_token)), 200)
    assert.equal((await client.post('/auth/logout', { token: body.access_token })).status, 204)
    assert.equal(await status(client, String(body.access_token)), 401)

    const other = await loggedIn(client)
    assert.equal((await client.post('/auth/revoke', { json: { token: other.refresh } })).status, 200)
    assert.equal(await status(client, other.access), 401)
  })

  test('lists sessions, ends one, ends all', async () => {
    const client = await Client.of(server)
    const [one, other, third] = [await loggedIn(client), await loggedIn(client), await loggedIn(client)]
    const { body } = await client.get('/auth/sessions', { token: other.access })
    const sessions = Object.values(body) as { sid: string; current: boolean; device: { ip: string } }[]
    const [here] = sessions.filter(({ current }) => current)
    assert.equal(here?.device.ip, '127.0.0.1')
    assert.equal((await client.delete(`/auth/sessions/${here?.sid}`, { token: one.access })).status, 204)
    assert.deepEqual([await status(client, other.access), await status(client, third.access)], [401, 200])
    assert.equal((await client.delete('/auth/sessions', { token: one.access })).status, 204)
    assert.deepEqual([await status(client, one.access), await status(client, third.access)], [401, 401])
  })
})
