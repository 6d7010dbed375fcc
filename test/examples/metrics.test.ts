import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/metrics.js')

async function metrics(): Promise<string> {
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  assert.match(String(response.headers.get('content-type')), /^text\/plain; version=0\.0\.4/)
  return response.text()
}

describe('examples/metrics.ts', () => {
  after(() => server.close())

  test('counts logins, refusals by their reason, and the time of the store', async () => {
    const client = await Client.of(server)
    const { access_token: token, refresh_token } = (await client.login()).body
    await client.post('/refresh', { token: refresh_token })
    await client.post('/logout', { token })
    await client.get('/protected', { token })
    await client.get('/protected')
    await client.get('/protected')
    const text = await metrics()
    for (const line of [
      'authx_events_total{event="issued"} 1',
      'authx_events_total{event="refreshed"} 1',
      'authx_events_total{event="revoked"} 1',
      'authx_refused_total{reason="ERR_TOKEN_REVOKED"} 1',
      'authx_refused_total{reason="ERR_TOKEN_MISSING"} 2',
      'authx_store_seconds_count{operation="revoke",outcome="done"} 1',
    ])
      assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
    assert.doesNotMatch(text, /test|sid/)
  })
})
