import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HTTPError } from 'ky'
import { kyFor } from '../../../examples/client/ky.js'
import { recipeServer, withExpiredToken } from './server.js'

describe('ky with a client', () => {
  test('gets and posts with a token that is renewed when it has expired', async t => {
    const server = await recipeServer(t, 'headers')
    const client = server.client()
    const api = kyFor(client, server.origin)
    await withExpiredToken(server, client)
    assert.deepEqual(await api.get('notes').json(), { sub: 'ada', notes: [] })
    server.clock.advance('16m')
    const posted = await api.post('notes', { json: { text: 'Buy milk' } }).json()
    assert.deepEqual(posted, { sub: 'ada', notes: [{ id: 0, text: 'Buy milk' }] })
    assert.equal(server.count('POST /refresh'), 2)
  })

  test('rejects with the error of ky once the login is over', async t => {
    const server = await recipeServer(t, 'headers')
    const client = server.client()
    const api = kyFor(client, server.origin)
    await withExpiredToken(server, client)
    await server.authx.revokeAllSessions('ada')
    await assert.rejects(api.get('notes'), error => error instanceof HTTPError && error.response.status === 401)
    assert.equal(client.getState().status, 'unauthenticated')
  })
})
