import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { keepSocket } from '../../../examples/client/websocket.js'
import { until } from '../../support/until.js'
import { ADA, GRACE, recipeServer } from './server.js'
import { greetSockets } from './sockets.js'

// Node 20 has none of its own.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket

async function kept(t: TestContext) {
  const server = await recipeServer(t, 'headers')
  const sockets = greetSockets(t, server)
  const client = server.client()
  const received: unknown[] = []
  t.after(keepSocket(client, server.origin.replace('http', 'ws'), message => received.push(message)))
  return { server, sockets, client, received }
}

describe('a socket that is kept open', () => {
  test('connects with each login, and ends with it', async t => {
    const { sockets, client, received } = await kept(t)
    await client.login(ADA)
    await until(() => received.length === 1)
    await client.logout()
    await until(() => sockets.open === 0)
    await client.login(GRACE)
    await until(() => received.length === 2)
    assert.deepEqual(received, ['Hello, ada', 'Hello, grace'])
    assert.equal(sockets.refused, 0)
  })

  test('connects again after a broken connection', async t => {
    const { sockets, client, received } = await kept(t)
    await client.login(ADA)
    for (const times of [1, 2, 3]) {
      await until(() => received.length === times)
      sockets.cut()
    }
    assert.equal(sockets.refused, 0)
  })

  test('gets a new token if the server refuses the one that it has', async t => {
    const { server, sockets, client, received } = await kept(t)
    await client.login(ADA)
    await until(() => received.length === 1)
    // As after a sleep of the device, in which its clock stood still.
    server.clock.advance('16m')
    sockets.cut()
    await until(() => received.length === 2)
    assert.equal(server.count('POST /refresh'), 1)
    // Some platforms repeat a refused upgrade by themselves.
    assert.ok(sockets.refused > 0)
  })

  test('stays closed once the login was ended on the server', async t => {
    const { server, sockets, client, received } = await kept(t)
    await client.login(ADA)
    await until(() => received.length === 1)
    await server.authx.revokeAllSessions('ada')
    await until(() => client.getState().status === 'unauthenticated')
    assert.deepEqual([sockets.open, sockets.greeted], [0, ['ada']])
  })

  test('belongs to the user who logged in last', async t => {
    const { sockets, client, received } = await kept(t)
    await client.login(ADA)
    await until(() => received.length === 1)
    await client.login(GRACE)
    await until(() => received.length === 2)
    await until(() => sockets.open === 1)
    assert.deepEqual(received, ['Hello, ada', 'Hello, grace'])
  })
})
