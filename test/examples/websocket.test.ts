import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { until } from '../support/until.js'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/websocket.js')

const opened: WebSocket[] = []

/** A socket to the clock, with what it is told in turn. */
function connect(path: string, protocols: string[], headers: Record<string, string> = {}) {
  const { port } = server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers })
  const told: string[] = []
  opened.push(socket.on('message', message => told.push(String(message))))
  socket.on('error', () => {})
  return { socket, told }
}

/** The status that an upgrade is refused with, and its JSON. */
async function refusal(path: string, protocols: string[]): Promise<[status: number | undefined, json: unknown]> {
  const { socket } = connect(path, protocols)
  const [request, response] = await once(socket, 'unexpected-response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  request.destroy()
  return [response.statusCode, JSON.parse(Buffer.concat(chunks).toString() || '{}')]
}

describe('examples/websocket.ts', () => {
  after(() => {
    for (const socket of opened) socket.terminate()
    server.close()
  })

  test('tells the time to whoever is logged in, with the token in the header or as a protocol', async () => {
    const client = await Client.of(server)
    const token = String((await client.login()).body.access_token)
    for (const { socket, told } of [
      connect('/clock', [], { Authorization: `Bearer ${token}` }),
      connect('/clock', ['authx', token]),
    ]) {
      await until(() => told.length === 1)
      assert.match(String(told[0]), /^Hello, test\./)
      assert.notEqual(socket.protocol, token)
      socket.send('?')
      await until(() => told.length === 2)
      assert.ok(Math.abs(Date.parse(String(told[1])) - Date.now()) < 60_000)
    }
  })

  test('refuses others, and knows no other path', async () => {
    const client = await Client.of(server)
    const { body } = await client.login()
    for (const [protocols, status, type] of [
      [[], 401, 'MissingTokenError'],
      [['authx'], 400, 'MalformedTokenRequestError'],
      [['authx', `${body.access_token}x`], 401, 'TokenInvalidSignatureError'],
      [['authx', String(body.refresh_token)], 401, 'AccessTokenRequiredError'],
    ] as const) {
      const [answered, json] = await refusal('/clock', [...protocols])
      assert.deepEqual([answered, (json as { error_type: string }).error_type], [status, type])
    }
    const elsewhere = connect('/other', ['authx', String(body.access_token)])
    const [, response] = await once(elsewhere.socket, 'unexpected-response')
    assert.equal(response.statusCode, 400)
  })

  test('closes the sockets of a session that is logged out, and goes on for the others', async () => {
    const client = await Client.of(server)
    const tokens = [(await client.login()).body, (await client.login()).body].map(body => String(body.access_token))
    const [one, other] = tokens.map(token => connect('/clock', ['authx', token]))
    assert.ok(one && other)
    await until(() => one.told.length + other.told.length === 2)
    const closed = once(one.socket, 'close')
    assert.equal((await client.post('/logout', { token: tokens[0] })).status, 204)
    const [code, reason] = await closed
    assert.deepEqual([code, String(reason)], [1008, 'RevokedTokenError'])
    other.socket.send('?')
    await until(() => other.told.length === 2)
    assert.equal((await refusal('/clock', ['authx', String(tokens[0])]))[0], 401)
  })

  test('survives whoever sends what is no frame', async () => {
    const client = await Client.of(server)
    const { socket, told } = connect('/clock', ['authx', String((await client.login()).body.access_token)])
    await until(() => told.length === 1)
    const closed = once(socket, 'close')
    socket.send('x'.repeat(2000))
    assert.equal((await closed)[0], 1009)
    assert.equal((await client.get('/protected')).status, 401)
  })
})
