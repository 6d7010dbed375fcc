import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/server-sent-events.js')

/** Opens the stream. `next` reads up to the end of the next event; `undefined` at the end of the response. */
async function open(token: unknown) {
  const { port } = server.address() as AddressInfo
  const abort = new AbortController()
  const response = await fetch(`http://127.0.0.1:${port}/clock`, {
    headers: { authorization: `Bearer ${token}` },
    signal: abort.signal,
  })
  assert.ok(response.body)
  const chunks = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (): Promise<string | undefined> => {
    for (;;) {
      const [event, ...rest] = text.split('\n\n')
      if (rest.length > 0) {
        text = rest.join('\n\n')
        return event
      }
      const { value, done } = await chunks.read()
      if (done) return undefined
      text += value
    }
  }
  return { response, next, leave: () => abort.abort() }
}

describe('examples/server-sent-events.ts', () => {
  after(() => {
    server.close()
    server.closeAllConnections()
  })

  test('streams the time until the session is logged out, says why, and ends no other stream', async () => {
    const client = await Client.of(server)
    const [ada, other] = [(await client.login()).body.access_token, (await client.login()).body.access_token]
    const [stream, another] = [await open(ada), await open(other)]
    assert.match(String(stream.response.headers.get('content-type')), /^text\/event-stream/)
    for (const each of [stream, another]) assert.match(String(await each.next()), /^event: time\ndata: \d{4}-/)
    assert.equal((await client.post('/logout', { token: ada })).status, 204)
    let last = await stream.next()
    while (last?.startsWith('event: time')) last = await stream.next()
    assert.equal(last, 'event: over\ndata: RevokedTokenError')
    assert.equal(await stream.next(), undefined)
    assert.match(String(await another.next()), /^event: time/)
    another.leave()
    assert.equal((await open(ada)).response.status, 401)
  })

  test('refuses clients without a token', async () => {
    const client = await Client.of(server)
    const { status, body } = await client.get('/clock')
    assert.deepEqual([status, body.error_type], [401, 'MissingTokenError'])
  })
})
