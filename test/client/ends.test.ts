import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthXClientError } from 'koa-authx/client'
import * as errors from '../../src/errors.js'
import { heardBy, loggedIn, MODES, type Scene } from './scene.js'

/** What a 401 with this `error_type` to a refresh means for the login. */
const MEANINGS: Record<string, 'ends' | 'goes on'> = {
  AuthXError: 'goes on',
  MissingTokenError: 'goes on',
  InvalidCredentialsError: 'goes on',
  MalformedTokenRequestError: 'goes on',
  MalformedBodyError: 'goes on',
  BodyTooLargeError: 'goes on',
  UnsupportedBodyError: 'goes on',
  JWTDecodeError: 'goes on',
  TokenExpiredError: 'ends',
  TokenInvalidSignatureError: 'ends',
  TokenInvalidAudienceError: 'goes on',
  TokenInvalidIssuerError: 'goes on',
  TokenTypeError: 'goes on',
  AccessTokenRequiredError: 'goes on',
  RefreshTokenRequiredError: 'goes on',
  LoginTypeMismatchError: 'goes on',
  RevokedTokenError: 'ends',
  ReusedTokenError: 'ends',
  SubjectNotFoundError: 'ends',
  FreshTokenRequiredError: 'goes on',
  InsufficientScopeError: 'goes on',
  CSRFError: 'goes on',
  MissingCSRFTokenError: 'goes on',
  PolicyDeniedError: 'goes on',
  PolicyEvaluationError: 'goes on',
  TooManySessionsError: 'goes on',
  SessionNotFoundError: 'goes on',
  RateLimitExceeded: 'goes on',
  UnavailableError: 'goes on',
  StoreUnavailableError: 'goes on',
  CallbackUnavailableError: 'goes on',
  CookieTooLargeError: 'goes on',
  BadConfigurationError: 'goes on',
}

const answer = (status: number, body: string, type = 'application/json') =>
  new Response(body, { status, headers: { 'Content-Type': type } })

/** A client of the scene's login whose refreshes are answered with this. */
function answered(server: Scene, response: () => Response) {
  let isLoggedIn = false
  const client = server.client({
    fetch: async (input, init) => {
      if (isLoggedIn && /\/(refresh|logout)$/.test(String(input))) return response()
      return server.jar.fetch(input, init)
    },
  })
  return {
    client,
    async login() {
      await client.login({ username: 'ada', password: 'lovelace' })
      isLoggedIn = true
      return heardBy(client)
    },
  }
}

test('the table of this file names every error of the server', () => {
  const names = Object.values(errors).map(({ prototype }) => prototype.name)
  assert.deepEqual(Object.keys(MEANINGS).sort(), names.sort())
})

for (const tokens of MODES) {
  describe(`a login of a client with tokens: '${tokens}'`, () => {
    for (const [name, meaning] of Object.entries(MEANINGS)) {
      test(`${meaning} after a refresh was refused with 401 and ${name}`, async t => {
        const { server } = await loggedIn(t, tokens)
        const { client, login } = answered(server, () => answer(401, `{"error_type":"${name}"}`))
        const heard = await login()
        await assert.rejects(client.refresh(), { name: 'AuthXClientError', status: 401, errorType: name })
        const ends = meaning === 'ends'
        assert.equal(client.loggedIn, !ends)
        assert.deepEqual(heard, ends ? [['logout', { elsewhere: false, reason: name }]] : [])
      })
    }

    test('goes on after any other answer to a refresh or a logout', async t => {
      const { server } = await loggedIn(t, tokens)
      for (const status of [400, 403, 404, 429, 500, 502, 503])
        for (const errorType of ['RevokedTokenError', 'TokenExpiredError', 'StoreUnavailableError']) {
          const { client, login } = answered(server, () => answer(status, `{"error_type":"${errorType}"}`))
          const heard = await login()
          await assert.rejects(client.refresh(), { status, errorType })
          await assert.rejects(client.logout(), { status, errorType })
          assert.deepEqual([client.loggedIn, heard], [true, []])
        }
      const pages: [number, string, string][] = [
        [401, '<h1>Sign in</h1>', 'text/html'],
        [401, 'RevokedTokenError', 'text/plain'],
        [401, '{"message":"RevokedTokenError"}', 'application/json'],
        [401, '{"error_type":["RevokedTokenError"]}', 'application/json'],
        // The page that a captive portal or a service worker answers everything with.
        [200, '<h1>Welcome to our network</h1>', 'text/html; charset=utf-8'],
      ]
      for (const [status, body, type] of pages) {
        const { client, login } = answered(server, () => answer(status, body, type))
        const heard = await login()
        await assert.rejects(client.refresh(), AuthXClientError)
        await assert.rejects(client.logout(), AuthXClientError)
        assert.deepEqual([client.loggedIn, heard], [true, []])
      }
    })

    test('goes on at a server whose clock is behind, and is there again when the clock is right', async t => {
      const { server, client, heard } = await loggedIn(t, tokens)
      server.clock.set(server.clock.now() - 3 * 60_000)
      await assert.rejects(client.refresh(), { status: 401, errorType: 'JWTDecodeError' })
      assert.deepEqual([client.loggedIn, heard], [true, []])
      server.clock.advance('3m')
      await client.refresh()
      assert.equal((await client.fetch('/protected', { method: 'POST' })).status, 200)
    })
  })
}

test('a login whose cookies the browser has dropped is over at the next refresh', async t => {
  for (const tokens of ['cookies', 'dual'] as const) {
    const { server, client, heard } = await loggedIn(t, tokens)
    for (const name of ['access_token_cookie', 'csrf_access_token', 'refresh_token_cookie', 'csrf_refresh_token'])
      server.jar.drop(name)
    await assert.rejects(client.refresh(), { status: 401, errorType: 'MissingTokenError' })
    assert.deepEqual([client.loggedIn, heard], [false, [['logout', { elsewhere: false, reason: 'MissingTokenError' }]]])
  }
})

test('a login whose cookies do not arrive goes on', async t => {
  for (const cookieCsrfProtect of [true, false]) {
    const { server } = await loggedIn(t, 'cookies', { cookieCsrfProtect })
    const client = server.client()
    await client.login({ username: 'ada', password: 'lovelace' })
    server.jar.drop('refresh_token_cookie')
    await assert.rejects(client.refresh(), { status: 401, errorType: 'MissingTokenError' })
    assert.equal(client.loggedIn, true)
  }
})

for (const tokens of MODES) {
  test(`a request that meets a login which the server has ended lets the client find out (${tokens})`, async t => {
    const { server, client, heard } = await loggedIn(t, tokens)
    await server.authx.revokeAllSessions('ada')
    assert.equal((await client.fetch('/protected')).status, 401)
    assert.deepEqual([client.loggedIn, client.state.reason], [false, 'RevokedTokenError'])
    assert.deepEqual(heard, [['logout', { elsewhere: false, reason: 'RevokedTokenError' }]])
  })
}
