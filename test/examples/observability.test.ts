import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, describe, mock, test } from 'node:test'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/observability.js')

async function textOf(path: string): Promise<string> {
  const { port } = server.address() as AddressInfo
  return (await fetch(`http://127.0.0.1:${port}${path}`)).text()
}

describe('the example of observability', () => {
  after(() => server.close())

  test('logs logins and logouts by ids, and counts what guards and the store did', async t => {
    const log = mock.method(console, 'log', () => {})
    t.after(() => log.mock.restore())
    const client = await Client.of(server)
    const { body } = await client.login()
    const withToken = { token: body.access_token }
    await client.get('/protected', withToken)
    await client.post('/logout', withToken)
    assert.equal((await client.get('/protected', withToken)).status, 401)

    const lines = log.mock.calls.map(({ arguments: [line] }) => JSON.parse(String(line)))
    const [login, logout, ...more] = lines
    assert.equal(more.length, 0)
    assert.deepEqual([login.event, login.sub], ['login', 'test'])
    assert.deepEqual(logout, { event: 'logout', sid: login.sid, sub: 'test' })

    const text = await textOf('/metrics')
    assert.match(text, /^verified\{outcome="valid"\} \d+$/m)
    assert.match(text, /^verified\{outcome="RevokedTokenError"\} 2$/m)
    assert.match(text, /^store_milliseconds\{operation="revoke"\} \d+\.\d+$/m)
  })
})
