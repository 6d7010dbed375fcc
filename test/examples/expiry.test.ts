import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { Client, claimsOf } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/expiry.js')
const client = await Client.of(server)

const lifeOf = (token: unknown) => {
  const { exp, iat } = claimsOf(token)
  return Number(exp) - Number(iat)
}

describe('examples/expiry.ts', () => {
  after(() => server.close())

  test('access tokens last ten minutes; refresh tokens a month if the user is to be remembered, else two hours', async () => {
    const remembered = (await client.login({ remember: true })).body
    assert.equal(remembered.expires_in, 600)
    assert.equal(lifeOf(remembered.access_token), 600)
    assert.equal(lifeOf(remembered.refresh_token), 30 * 86_400)
    assert.equal(lifeOf((await client.login()).body.refresh_token), 7200)
  })

  test('the successors of a refresh token last as long as it did', async () => {
    const login = (await client.login()).body
    const { body } = await client.post('/refresh', { token: login.refresh_token })
    assert.equal(lifeOf(body.refresh_token), 7200)
    assert.equal(lifeOf(body.access_token), 600)
  })

  test('a token may last a minute only', async () => {
    const login = (await client.login()).body
    const { body } = await client.post('/brief', { token: login.access_token })
    assert.equal(lifeOf(body.access_token), 60)
    assert.equal(claimsOf(body.access_token).sid, claimsOf(login.access_token).sid)
    assert.equal((await client.get('/protected', { token: body.access_token })).status, 200)
  })
})
