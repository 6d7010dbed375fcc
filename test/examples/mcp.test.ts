import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { audit } from 'koa-authx'
import type { Configuration } from 'oidc-provider'
import { freePort } from '../support/free-port.js'
import { oidcLogin, PersonsBrowser, TEST_CALLBACK } from '../support/oidc-login.js'
import { oidcServer } from '../support/oidc-server.js'
import { claimsOf } from './client.js'

const SCOPES = 'notes:read notes:write'
const port = await freePort()
const RESOURCE = `http://127.0.0.1:${port}/mcp`

/** A provider as MCP clients need it: they register themselves, and ask for tokens for one resource. */
const CONFIGURATION: Configuration = {
  scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({ scope: SCOPES, audience: resource, accessTokenFormat: 'jwt' }),
    },
  },
}

/** A person with an MCP client: the SDK's, which asks `person` to log in where the provider says. */
class McpUser implements OAuthClientProvider {
  readonly redirectUrl = TEST_CALLBACK
  readonly clientMetadata = {
    client_name: 'a client of the tests',
    redirect_uris: [TEST_CALLBACK],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
  }
  /** The addresses that the client has sent the person to. */
  readonly visited: URL[] = []
  /** The requests of the client, with the status of each response. */
  readonly requests: string[] = []
  /** The last challenge. */
  challenge = ''
  saved: OAuthTokens | undefined
  #information: OAuthClientInformationMixed | undefined
  #verifier = ''
  readonly #browser = new PersonsBrowser()
  #client: Client | undefined
  #transport: StreamableHTTPClientTransport | undefined

  clientInformation = () => this.#information
  saveClientInformation = (information: OAuthClientInformationMixed) => {
    this.#information = information
  }
  tokens = () => this.saved
  saveTokens = (tokens: OAuthTokens) => {
    this.saved = tokens
  }
  saveCodeVerifier = (verifier: string) => {
    this.#verifier = verifier
  }
  codeVerifier = () => this.#verifier
  redirectToAuthorization = (url: URL) => {
    this.visited.push(url)
  }

  /** Connects. Resolves to true if the client has a token that is accepted, to false if it sends the person to log in. */
  async connect(t: TestContext): Promise<boolean> {
    await this.#client?.close()
    this.#client = new Client({ name: 'test', version: '1' })
    this.#transport = new StreamableHTTPClientTransport(new URL(RESOURCE), {
      authProvider: this,
      fetch: (url, init) => this.#fetch(url, init),
    })
    t.after(() => this.#client?.close())
    return this.#orLogin(this.#client.connect(this.#transport as Transport))
  }

  /** Logs in where the client has sent the person, and allows these scopes. The client gets its token. */
  async logIn(scope: string): Promise<void> {
    const asked = new URL(this.visited.at(-1) as URL)
    asked.searchParams.set('scope', scope)
    const { url } = await this.#browser.open(asked, TEST_CALLBACK)
    await this.#transport?.finishAuth(url.searchParams.get('code') ?? '')
  }

  /** Calls a tool. Resolves to its text; to false if the client sends the person to log in. */
  async call(name: string, args: Record<string, unknown> = {}): Promise<string | false> {
    let text = ''
    const answered = (this.#client as Client).callTool({ name, arguments: args }).then(result => {
      const [first] = result.content as { text: string }[]
      text = first?.text ?? ''
    })
    return (await this.#orLogin(answered)) && text
  }

  async #orLogin(answer: Promise<void>): Promise<boolean> {
    try {
      await answer
      return true
    } catch (error) {
      if (error instanceof UnauthorizedError) return false
      throw error
    }
  }

  async #fetch(url: URL | string, init?: RequestInit): Promise<Response> {
    const response = await fetch(url, init)
    this.requests.push(`${init?.method ?? 'GET'} ${new URL(url).pathname} ${response.status}`)
    this.challenge = response.headers.get('WWW-Authenticate') ?? this.challenge
    return response
  }
}

const METADATA = `http://127.0.0.1:${port}/.well-known/oauth-protected-resource/mcp`
const post = (body: unknown, token?: string) =>
  fetch(RESOURCE, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  })

const toolCall = (name: string, args = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})

test('examples/mcp.ts', async t => {
  const { issuer } = await oidcServer(t, {}, CONFIGURATION)
  process.env.PORT = `${port}`
  process.env.ISSUER = issuer
  const { app, authx, server } = await import('../../examples/mcp.js')
  t.after(() => server.close())
  if (!server.listening) await once(server, 'listening')

  await t.test(
    'an MCP client goes from a 401 to a tool, asks for more scopes, and logs in again when its token is revoked',
    async t => {
      const ada = new McpUser()

      // 1. No token: the client finds the provider, registers itself and sends the person there.
      assert.equal(await ada.connect(t), false)
      assert.equal(ada.challenge, `Bearer realm="authx", resource_metadata="${METADATA}"`)
      assert.deepEqual(ada.requests, [
        'POST /mcp 401',
        'GET /.well-known/oauth-protected-resource/mcp 200',
        'GET /.well-known/oauth-authorization-server 200',
        'POST /reg 201',
      ])
      const asked = ada.visited[0]?.searchParams
      assert.equal(asked?.get('resource'), RESOURCE)
      assert.equal(asked?.get('scope'), SCOPES)
      assert.equal(asked?.get('code_challenge_method'), 'S256')

      // 2. The person allows reading only. The token is for this resource.
      await ada.logIn('notes:read')
      const { aud, scope, iss } = claimsOf(ada.saved?.access_token)
      assert.deepEqual([aud, scope, iss], [RESOURCE, 'notes:read', issuer])
      assert.equal(await ada.connect(t), true)
      assert.equal(await ada.call('list_notes'), '')

      // 3. A tool that needs another scope: 403, and the client asks for the scopes of the challenge.
      assert.equal(await ada.call('add_note', { text: 'buy tea' }), false)
      assert.ok(ada.requests.includes('POST /mcp 403'))
      assert.match(ada.challenge, /error="insufficient_scope", scope="notes:read notes:write", resource_metadata="/)
      assert.equal(ada.visited.at(-1)?.searchParams.get('scope'), SCOPES)
      await ada.logIn(SCOPES)
      assert.equal(await ada.call('add_note', { text: 'buy tea' }), 'added')
      assert.equal(await ada.call('list_notes'), 'buy tea')

      // 4. The token is revoked: 401, and the person has to log in.
      await authx.revoke(String(ada.saved?.access_token))
      assert.equal(await ada.call('list_notes'), false)
      assert.match(ada.challenge, /error="invalid_token", resource_metadata="/)
      await ada.logIn('notes:read')
      assert.equal(await ada.call('list_notes'), 'buy tea')

      // A list of messages, and a tool that nobody knows, get past no scope.
      const token = ada.saved?.access_token
      assert.equal((await post(toolCall('list_notes'), token)).status, 200)
      for (const body of [
        toolCall('add_note', { text: 'x' }),
        toolCall('drop_notes'),
        [toolCall('list_notes'), toolCall('add_note')],
      ]) {
        assert.equal((await post(body, token)).status, 403, JSON.stringify(body))
      }
      assert.equal(await ada.call('list_notes'), 'buy tea')
    },
  )

  await t.test('refuses a token for another resource, although the same provider has issued it', async () => {
    const tokenFor = async (resource: string) =>
      (await oidcLogin(issuer, { resource, scope: 'openid notes:read' })).tokens.access_token
    assert.equal((await post(toolCall('list_notes'), await tokenFor(RESOURCE))).status, 200)
    const refused = await post(toolCall('list_notes'), await tokenFor('https://other.example/mcp'))
    assert.equal(refused.status, 401)
    assert.match(String(refused.headers.get('WWW-Authenticate')), /error="invalid_token", resource_metadata="/)
  })

  await t.test('keeps all notes that a list of messages adds', async () => {
    const login = await oidcLogin(issuer, { person: 'bob', resource: RESOURCE, scope: `openid ${SCOPES}` })
    const token = login.tokens.access_token
    const list = ['tea', 'milk'].map((text, n) => ({ ...toolCall('add_note', { text }), id: n }))
    assert.equal((await post(list, token)).status, 200)
    assert.match(await (await post(toolCall('list_notes'), token)).text(), /tea\\nmilk/)
  })

  await t.test('runs no tool of a body that the parser has not read: of HTTP/2 without Content-Length', async t => {
    const http2 = createServer(app.callback()).listen(0, '127.0.0.1')
    await once(http2, 'listening')
    const session = connect(`http://127.0.0.1:${(http2.address() as AddressInfo).port}`)
    t.after(() => {
      session.destroy()
      http2.close()
    })
    const { access_token } = (await oidcLogin(issuer, { resource: RESOURCE, scope: 'openid' })).tokens
    const request = session.request({
      ':method': 'POST',
      ':path': '/mcp',
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${access_token}`,
    })
    request.end(JSON.stringify(toolCall('add_note', { text: 'x' })))
    const [headers] = await once(request, 'response')
    assert.equal(headers[':status'], 400)
  })

  await t.test('refuses a request without a valid token before it reads the body', async () => {
    assert.equal((await post('not JSON-RPC')).status, 401)
    assert.equal((await post(toolCall('list_notes'), 'forged')).status, 401)
  })

  await t.test('guards its one route, and says so to an audit', () => {
    const { routes, unprotected, unsafe } = audit(app)
    assert.deepEqual([unprotected, unsafe], [[], []])
    assert.deepEqual(
      routes.map(({ method, path, guards }) => [`${method} ${path}`, guards]),
      [['POST /mcp', ['accessTokenRequired']]],
    )
  })
})
