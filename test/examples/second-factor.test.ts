import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { audit } from 'koa-authx'
import { generateSync } from 'otplib'
import { type Answer, Client, claimsOf } from './client.js'

process.env.PORT = '0'
const { app, server } = await import('../../examples/second-factor.js')
app.silent = true

const told = ({ status, body }: Answer) => [status, body.error_type]

describe('examples/second-factor.ts', () => {
  after(() => server.close())

  test('guards all but the login, and says what a payment requires', () => {
    const { routes, unprotected, unsafe } = audit(app)
    assert.deepEqual([unprotected, unsafe], [['POST /login'], []])
    assert.deepEqual(routes.at(-1)?.guards, ['freshTokenRequired(within: 5m, amr: otp)'])
  })

  test('lets a payment pass after a code, which works once', async () => {
    const client = await Client.of(server)
    const { access_token: token, refresh_token } = (await client.login()).body
    assert.deepEqual(claimsOf(token).amr, ['pwd'])
    const refused = await client.post('/payments', { token })
    assert.deepEqual(told(refused), [401, 'FreshTokenRequiredError'])
    assert.match(refused.headers.get('www-authenticate') ?? '', /, max_age="300"$/)

    const none = await client.post('/second-factor', { token, json: { code: '123456' } })
    assert.equal(none.status, 403, 'there is no second factor yet')
    const { body: setup } = await client.post('/second-factor/setup', { token })
    assert.match(String(setup.uri), /^otpauth:\/\/totp\//)
    const code = generateSync({ secret: String(setup.secret) })
    const wrong = [...code].map(digit => (Number(digit) + 1) % 10).join('')
    assert.equal((await client.post('/second-factor', { token, json: { code: wrong } })).status, 403)

    const { status, body } = await client.post('/second-factor', { token, json: { code } })
    assert.deepEqual([status, Object.keys(body)], [200, ['access_token', 'token_type', 'expires_in']])
    const paid = await client.post('/payments', { token: body.access_token })
    assert.deepEqual([paid.status, paid.body], [200, { paid: true, amr: ['pwd', 'otp'] }])
    assert.equal((await client.post('/second-factor', { token, json: { code } })).status, 403, 'the code is used up')
    assert.equal((await client.post('/second-factor/setup', { token })).status, 409)

    assert.deepEqual(told(await client.post('/payments', { token })), [401, 'FreshTokenRequiredError'])
    assert.equal(typeof refresh_token, 'string')
  })

  test('limits the guesses of a user', async () => {
    const client = await Client.of(server)
    const { access_token: token } = (await client.login()).body
    const guess = async () => (await client.post('/second-factor', { token, json: { code: '000000' } })).status
    const statuses = [await guess(), await guess()]
    assert.equal(statuses.at(-1), 429, 'the first test has used four of five')
  })
})
