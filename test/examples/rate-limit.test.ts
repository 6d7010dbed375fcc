import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { type Answer, Client } from './client.js'

process.env.PORT = '0'
process.env.JWT_SECRET_KEY = randomBytes(32).toString('hex')

let started = 0

/** A client of a server that has counted nothing yet. */
async function clientOf(t: TestContext): Promise<Client> {
  const { server } = await import(`../../examples/rate-limit.js?${started++}`)
  t.after(() => server.close())
  return Client.of(server)
}

const attempt = async (client: Client, username: unknown, password: string) =>
  (await client.post('/login', { json: { username, password } })).status

const refused = ({ status, headers, body }: Answer) => {
  assert.deepEqual([status, body.error_type], [429, 'RateLimitExceeded'])
  assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
}

describe('examples/rate-limit.ts', () => {
  test('a login starts the count of its name anew', async t => {
    const client = await clientOf(t)
    for (let round = 1; round <= 3; round++) {
      for (let n = 1; n <= 4; n++) assert.equal(await attempt(client, 'test', 'wrong'), 401)
      assert.equal(await attempt(client, 'test', 'test'), 200)
    }
  })

  test('after five wrong passwords in a row, or at once, the right one does not help either', async t => {
    const client = await clientOf(t)
    const guesses = Array.from({ length: 6 }, () => attempt(client, 'test', 'wrong'))
    assert.deepEqual((await Promise.all(guesses)).sort(), [401, 401, 401, 401, 401, 429])
    refused(await client.login())
    assert.equal(await attempt(client, 'nobody', 'test'), 401)
  })

  test('names that nobody has are counted too, and so is whatever is no name', async t => {
    const client = await clientOf(t)
    for (const name of ['nobody', { toString: 'test' }]) {
      for (let n = 1; n <= 5; n++) assert.equal(await attempt(client, name, 'test'), 401)
      assert.equal(await attempt(client, name, 'test'), 429)
    }
  })

  test('an address has only so many logins, under whatever name, and logging in does not change that', async t => {
    const client = await clientOf(t)
    const others = await clientOf(t)
    let [own, any] = [0, 0]
    for (let n = 1; n <= 21 && own !== 429; n++) own = await attempt(client, 'test', 'test')
    for (let n = 1; n <= 21 && any !== 429; n++) any = await attempt(others, `somebody ${n}`, 'test')
    assert.deepEqual([own, any], [429, 429])
    refused(await client.post('/login', { json: { username: 'somebody else', password: 'test' } }))
  })

  test('the route is limited for each person', async t => {
    const client = await clientOf(t)
    const issuer = AuthX.fromEnv({ store: new MemoryTokenStore() })
    const [one, other] = ['one', 'other'].map(sub => issuer.createAccessToken(sub))
    for (let n = 1; n <= 10; n++) assert.equal((await client.get('/reports', { token: one })).status, 200)
    refused(await client.get('/reports', { token: one }))
    assert.deepEqual((await client.get('/reports', { token: other })).body, { reports: [], sub: 'other' })
    assert.equal((await client.get('/reports')).status, 401)
  })
})
