import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { sendAtRate } from '../../bench/open-load.js'
import { bearer } from '../../bench/row.js'

test('requests are sent whether or not earlier ones were answered, each is counted once, also without a response', async t => {
  let waiting: (() => void)[] = []
  let count = 0
  const server = createServer((request, response) => {
    const place = count++
    const answer = () => {
      if (place === 0) request.socket.destroy()
      else response.writeHead(place === 1 ? 503 : 200).end(request.headers.authorization)
    }
    waiting.push(answer)
    // The first answer is only sent when all requests have arrived.
    if (waiting.length < 50) return
    for (const each of waiting) each()
    waiting = []
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const request = { method: 'GET', path: '/', tokens: 'access', use: 'same', headers: bearer } as const
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const sent = await sendAtRate(origin, request, 'token', { rate: 500, seconds: 0.1 })
  const statuses = sent.map(({ status }) => status).sort((a, b) => a - b)
  assert.deepEqual(statuses, [0, ...Array(48).fill(200), 503])
  assert.ok(sent.every(({ milliseconds }) => milliseconds > 0))
})
