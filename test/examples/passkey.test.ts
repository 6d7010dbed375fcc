/** What needs no authenticator; test/e2e/passkey.e2e.ts uses passkeys in a real browser. */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { audit } from 'koa-authx'
import { type Answer, Client, claimsOf } from './client.js'

process.env.PORT = '0'
process.env.ORIGIN = 'http://localhost:8000'
const { app, server } = await import('../../examples/passkey.js')
app.silent = true

const told = ({ status, body }: Answer) => [status, body.error_type]

/** Answers of a broken or hostile page to a challenge. */
const WRONG: Record<string, unknown> = {
  nothing: undefined,
  'a list': [],
  'an empty object': {},
  'an id that is no string': { id: { toString: 'x' } },
  'an unknown id': { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {}, clientExtensionResults: {} },
  'no response': { id: 'AAAA', rawId: 'AAAA', type: 'public-key' },
  'a response that is no object': { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: 'x' },
  'client data that is no JSON': {
    id: 'AAAA',
    rawId: 'AAAA',
    type: 'public-key',
    response: { clientDataJSON: 'AAAA' },
  },
}

async function loggedIn() {
  const client = await Client.of(server)
  assert.equal((await client.login()).status, 200)
  const headers = { 'X-CSRF-TOKEN': client.cookies.get('csrf_access_token') ?? '' }
  return { client, post: (path: string, json?: unknown) => client.post(path, { json, headers }) }
}

describe('examples/passkey.ts', () => {
  after(() => server.close())

  test('guards all but the page and the logins, and says what a payment requires', () => {
    const { routes, unprotected, unsafe } = audit(app)
    const pages = ['GET /', 'GET /page.js', 'GET /simplewebauthn.js']
    const logins = ['POST /login', 'POST /login/passkey/options', 'POST /login/passkey']
    assert.deepEqual([unprotected.toSorted(), unsafe], [[...pages, ...logins, 'POST /logout'].toSorted(), []])
    const payments = routes.find(({ path }) => path === '/payments')
    assert.deepEqual(payments?.guards, ['freshTokenRequired(within: 5m, amr: pop and user and mfa)'])
  })

  test('serves the page and its scripts, which no other site can frame', async () => {
    const client = await Client.of(server)
    for (const [path, type] of [
      ['/', 'text/html'],
      ['/page.js', 'text/javascript'],
      ['/simplewebauthn.js', 'text/javascript'],
    ] as const) {
      const { status, headers } = await client.get(path)
      assert.deepEqual([status, headers.get('content-type')?.split(';')[0]], [200, type])
      assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
    }
  })

  test('asks for a passkey that the device checks, with a cookie that scripts cannot read', async () => {
    const { status, headers, body } = await (await Client.of(server)).post('/login/passkey/options')
    assert.deepEqual([status, body.rpId, body.userVerification], [200, 'localhost', 'required'])
    assert.deepEqual(body.allowCredentials, [], 'it says nothing about users')
    const [cookie = ''] = headers.getSetCookie()
    assert.match(cookie, /^passkey_attempt=[\w-]{36}; Path=\/; Max-Age=300; HttpOnly; Secure; SameSite=Strict$/)
  })

  for (const [name, json] of Object.entries(WRONG)) {
    test(`refuses ${name} at the login and at the registration, and the challenge is used up`, async () => {
      const visitor = await Client.of(server)
      await visitor.post('/login/passkey/options')
      assert.equal((await visitor.post('/login/passkey', { json })).status, 401)
      assert.equal((await visitor.post('/login/passkey', { json })).status, 400)
      assert.equal(visitor.cookies.has('access_token_cookie'), false)

      const { post } = await loggedIn()
      await post('/passkeys/options')
      assert.equal((await post('/passkeys', json)).status, 400)
      assert.equal((await post('/confirm/options')).status, 403, 'there is no passkey')
    })
  }

  test('refuses what is no JSON, and a body that is too large', async () => {
    const visitor = await Client.of(server)
    const raw = (type: string) => visitor.post('/login/passkey', { json: {}, headers: { 'content-type': type } })
    await visitor.post('/login/passkey/options')
    assert.equal((await visitor.post('/login/passkey', { json: null })).status, 400, 'not an object or a list')
    assert.equal((await raw('text/plain')).status, 401)
    await visitor.post('/login/passkey/options')
    assert.equal((await visitor.post('/login/passkey', { json: { id: 'A'.repeat(65 * 1024) } })).status, 413)
    const form = { json: { username: 'test', password: 'test' }, headers: { 'content-type': 'text/plain' } }
    assert.equal((await visitor.post('/login', form)).status, 401)
  })

  test('takes no answer without a challenge, or with one for another purpose', async () => {
    const { client, post } = await loggedIn()
    for (const path of ['/passkeys', '/confirm', '/login/passkey']) assert.equal((await post(path, {})).status, 400)
    await post('/passkeys/options')
    assert.equal((await post('/confirm', {})).status, 400)
    await post('/login/passkey/options')
    assert.equal((await post('/passkeys', {})).status, 400)
    assert.deepEqual(claimsOf(client.cookies.get('access_token_cookie')).amr, ['pwd'])
  })

  test('requires the CSRF value and a login', async () => {
    const { client } = await loggedIn()
    const visitor = await Client.of(server)
    for (const path of ['/passkeys/options', '/passkeys', '/confirm/options', '/confirm', '/payments']) {
      assert.deepEqual(told(await client.post(path, { json: {} })), [403, 'MissingCSRFTokenError'], path)
      assert.deepEqual(told(await visitor.post(path, { json: {} })), [401, 'MissingTokenError'], path)
    }
  })

  test('refuses a payment after a login with the password, and says what it requires', async () => {
    const refused = await (await loggedIn()).post('/payments')
    assert.deepEqual(told(refused), [401, 'FreshTokenRequiredError'])
    assert.match(refused.headers.get('www-authenticate') ?? '', /, max_age="300"$/)
  })
})
