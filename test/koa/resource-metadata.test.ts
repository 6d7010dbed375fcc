import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Middleware } from 'koa'
import { AuthManager, AuthX, type AuthXOptions, type ResourceMetadataOptions } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { authRouter } from 'koa-authx/router'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { appOf, bearer, makeAuthX, type Reply, type Sent, serve, TEST_SECRET } from '../support/app.js'
import { type IssuerServer, issuerServer } from '../support/issuer-server.js'
import { problemsIn } from '../support/problems.js'
import { askForUpgrade, serveUpgrades } from '../support/upgrades.js'

const RESOURCE = 'https://api.example/mcp'
const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const METADATA = `https://api.example${WELL_KNOWN}/mcp`

/** An issuer that no test asks for keys. */
const ISSUER = remoteIssuer({ issuer: 'https://login.example/', audience: RESOURCE })

const protectedBy = (options: AuthXOptions = {}) =>
  new AuthX({ issuers: [ISSUER], store: new MemoryTokenStore(), ...options })

const answering =
  (text: string): Middleware =>
  ctx => {
    ctx.body = text
  }

const challengeOf = ({ headers }: Reply) => String(headers['www-authenticate'])

/** The parameter of the challenge. `undefined` if there is none, or more than one. */
function metadataIn(reply: Reply): string | undefined {
  const found = [...challengeOf(reply).matchAll(/(?:^|, )resource_metadata="([^"]*)"/g)]
  return found.length === 1 ? found[0]?.[1] : undefined
}

/** An instance that accepts tokens of a real issuer on loopback. */
async function withIssuer(t: TestContext, options: AuthXOptions = {}): Promise<[AuthX, IssuerServer]> {
  const server = await issuerServer(t)
  const issuers = [remoteIssuer({ issuer: server.issuer, audience: RESOURCE })]
  return [protectedBy({ issuers, ...options }), server]
}

describe('the document', () => {
  const serving = async (t: TestContext, options: Partial<ResourceMetadataOptions> = {}, authx = protectedBy()) =>
    serve(t, appOf(authx.resourceMetadata({ resource: RESOURCE, ...options }), answering('next')))

  test('names the resource, its issuers, its scopes and how tokens are sent', async t => {
    const other = remoteIssuer({ issuer: 'https://tenant.example/v2.0', audience: RESOURCE })
    const authx = protectedBy({ issuers: [ISSUER, other] })
    const client = await serving(t, { scopes: ['notes:read', 'notes:write', 'notes:read'] }, authx)
    const { status, headers, json } = await client({ path: `${WELL_KNOWN}/mcp` })
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'application/json')
    assert.deepEqual(json, {
      resource: RESOURCE,
      authorization_servers: ['https://login.example/', 'https://tenant.example/v2.0'],
      scopes_supported: ['notes:read', 'notes:write'],
      bearer_methods_supported: ['header'],
    })
  })

  test('does not name scopes that nobody has given', async t => {
    for (const scopes of [{}, { scopes: undefined }]) {
      const { json } = await (await serving(t, scopes))({ path: `${WELL_KNOWN}/mcp` })
      assert.deepEqual(Object.keys(json), ['resource', 'authorization_servers', 'bearer_methods_supported'])
    }
  })

  const METHODS: readonly (readonly [what: string, options: AuthXOptions, methods: readonly string[]])[] = [
    ['headers and cookies', { tokenLocation: ['headers', 'cookies'] }, ['header']],
    ['a scheme in lower case', { headerType: 'bearer', headerName: 'authorization' }, ['header']],
    [
      'access_token in the query',
      { tokenLocation: { access: ['query'], refresh: ['json'] }, queryStringName: 'access_token' },
      ['query'],
    ],
    [
      'another parameter of the query',
      { tokenLocation: { access: ['headers', 'query'], refresh: ['json'] } },
      ['header'],
    ],
    ['JSON bodies', { tokenLocation: ['json', 'headers'] }, ['header']],
  ]
  for (const [what, options, methods] of METHODS) {
    test(`names the ways of RFC 6750 in which tokens may be sent: with ${what}, ${methods}`, async t => {
      const { json } = await (await serving(t, {}, protectedBy(options)))({ path: `${WELL_KNOWN}/mcp` })
      assert.deepEqual(json.bearer_methods_supported, methods)
    })
  }

  const PATHS: readonly (readonly [resource: string, path: string])[] = [
    ['https://api.example', WELL_KNOWN],
    ['https://api.example/', WELL_KNOWN],
    ['https://api.example/mcp', `${WELL_KNOWN}/mcp`],
    ['https://api.example/mcp/', `${WELL_KNOWN}/mcp/`],
    ['https://api.example:8443/v1/na%C3%AFve', `${WELL_KNOWN}/v1/na%C3%AFve`],
    ['http://localhost:3000/mcp', `${WELL_KNOWN}/mcp`],
    ['http://127.0.0.1:3000/mcp', `${WELL_KNOWN}/mcp`],
    ['http://[::1]:3000/mcp', `${WELL_KNOWN}/mcp`],
  ]
  for (const [resource, path] of PATHS) {
    test(`of ${resource} is at ${path}, and has the resource letter for letter`, async t => {
      const client = await serving(t, { resource })
      for (const target of [path, `${path}?a=b`, `https://api.example${path}`]) {
        assert.equal((await client({ path: target })).json.resource, resource, target)
      }
    })
  }

  test("is nowhere else: every other path is the next handler's", async t => {
    const client = await serving(t)
    const others = [
      '/',
      '/mcp',
      WELL_KNOWN,
      `${WELL_KNOWN}/`,
      `${WELL_KNOWN}/mcp/`,
      `${WELL_KNOWN}/mcp/x`,
      `/a${WELL_KNOWN}/mcp`,
    ]
    for (const path of [...others, `${WELL_KNOWN}/MCP`, 'http://[/', '/%']) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const reply = await client({ path, method })
        assert.deepEqual([reply.status, reply.text], [200, 'next'], `${method} ${path}`)
        assert.equal(reply.headers['access-control-allow-origin'], undefined)
      }
    }
  })

  test('may be cached for five minutes, and is 304 for who has it', async t => {
    const client = await serving(t)
    const { headers } = await client({ path: `${WELL_KNOWN}/mcp` })
    assert.equal(headers['cache-control'], 'public, max-age=300')
    const again = await client({ path: `${WELL_KNOWN}/mcp`, headers: [['If-None-Match', String(headers.etag)]] })
    assert.deepEqual([again.status, again.text, again.headers['access-control-allow-origin']], [304, '', '*'])
  })

  test('answers HEAD without a body, and refuses what would change it', async t => {
    const client = await serving(t)
    const got = await client({ path: `${WELL_KNOWN}/mcp` })
    const head = await client({ path: `${WELL_KNOWN}/mcp`, method: 'HEAD' })
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', got.headers['content-length']])
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      const reply = await client({ path: `${WELL_KNOWN}/mcp`, method })
      assert.deepEqual([reply.status, reply.headers.allow], [405, 'GET, HEAD, OPTIONS'], method)
    }
  })

  test('may be read by pages of every site, with the header that MCP clients send', async t => {
    const client = await serving(t)
    const preflight = await client({
      path: `${WELL_KNOWN}/mcp`,
      method: 'OPTIONS',
      headers: [
        ['Origin', 'https://inspector.example'],
        ['Access-Control-Request-Method', 'GET'],
        ['Access-Control-Request-Headers', 'mcp-protocol-version'],
      ],
    })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers['access-control-allow-origin'], '*')
    assert.equal(preflight.headers['access-control-allow-headers'], '*')
    assert.match(String(preflight.headers['access-control-allow-methods']), /GET/)
    const reply = await client({ path: `${WELL_KNOWN}/mcp`, headers: [['Origin', 'https://inspector.example']] })
    assert.equal(reply.headers['access-control-allow-origin'], '*')
    assert.equal(reply.headers['access-control-allow-credentials'], undefined)
  })

  test('is not for callers with a token alone, and says nothing about them', async t => {
    const [authx, issuer] = await withIssuer(t)
    const app = appOf(authx.middleware(), authx.resourceMetadata({ resource: RESOURCE }), authx.accessTokenRequired())
    const client = await serve(t, app)
    const open = await client({ path: `${WELL_KNOWN}/mcp` })
    const known = await client({ path: `${WELL_KNOWN}/mcp`, headers: [bearer(await issuer.token({ aud: RESOURCE }))] })
    assert.deepEqual([open.status, known.text], [200, open.text])
    assert.equal((await client({ path: '/mcp' })).status, 401)
  })
})

describe('the challenge', () => {
  test('names the document when a token is missing, invalid, revoked or lacks a scope', async t => {
    const [authx, issuer] = await withIssuer(t)
    const app = appOf(authx.middleware(), authx.resourceMetadata({ resource: RESOURCE }), authx.scopesRequired('write'))
    app.use(answering('in'))
    const client = await serve(t, app)
    const call = (...headers: (readonly [string, string])[]) => client({ path: '/mcp', headers })
    const aud = RESOURCE
    const [good, other] = [
      await issuer.token({ aud, scope: 'write' }),
      await issuer.token({ aud, scope: 'write', jti: 'b' }),
    ]
    assert.equal((await call(bearer(good))).text, 'in')
    await authx.revoke(other)

    const REFUSALS: readonly (readonly [
      status: number,
      error: string | undefined,
      headers: (readonly [string, string])[],
    ])[] = [
      [401, undefined, []],
      [401, 'invalid_token', [bearer('forged')]],
      [401, 'invalid_token', [bearer(await issuer.token({ scope: 'write' }))]],
      [401, 'invalid_token', [bearer(await issuer.token({ aud, exp: 1 }))]],
      [401, 'invalid_token', [bearer(other)]],
      [403, 'insufficient_scope', [bearer(await issuer.token({ aud, scope: 'read' }))]],
      [400, 'invalid_request', [['Authorization', 'Bearer a b']]],
    ]
    for (const [status, error, headers] of REFUSALS) {
      const reply = await call(...headers)
      assert.equal(reply.status, status)
      assert.equal(metadataIn(reply), METADATA, challengeOf(reply))
      assert.equal(/error="(\w+)"/.exec(challengeOf(reply))?.[1], error)
      assert.ok(challengeOf(reply).startsWith('Bearer '))
    }
    assert.match(challengeOf(await call(bearer(await issuer.token({ aud })))), /scope="write"/)
  })

  test('names the document without our middleware too, and where a handler asks', async t => {
    const [authx, issuer] = await withIssuer(t)
    const app = appOf(authx.resourceMetadata({ resource: RESOURCE }), async ctx => {
      if (ctx.path === '/verify') await authx.verifyToken('forged')
      else if (ctx.path === '/logout') await authx.logout(ctx)
      else if (ctx.path === '/refresh') await authx.refresh(ctx)
      else if (ctx.path === '/reauthenticate') await authx.reauthenticate(ctx)
      else if (ctx.path === '/authorize') {
        const engine = { evaluate: () => ({ allowed: true }) as never }
        await authx.authorize(ctx, 'read', 'notes', { engine })
      }
    })
    const client = await serve(t, app)
    const headers = [bearer(await issuer.token({ aud: 'another' }))]
    for (const path of ['/verify', '/logout', '/refresh', '/reauthenticate', '/authorize']) {
      const reply = await client({ path, headers })
      assert.deepEqual([reply.status, metadataIn(reply)], [401, METADATA], path)
    }
  })

  test('names the document where the session routes refuse', async t => {
    const [authx, issuer] = await withIssuer(t, { secretKey: TEST_SECRET })
    const router = authRouter(authx, { login: () => 'ada' })
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.resourceMetadata({ resource: RESOURCE })).use(router.routes()),
    )
    const foreign = bearer(await issuer.token({ aud: RESOURCE }))
    const narrow = bearer((await authx.createTokenPair('ada', { scopes: ['read'] })).access_token)
    const CALLS: readonly (readonly [number, Sent])[] = [
      [401, { path: '/sessions', headers: [foreign] }],
      [403, { path: '/sessions', headers: [narrow] }],
      [403, { path: '/sessions', method: 'DELETE', headers: [narrow] }],
      [403, { path: '/sessions/a', method: 'DELETE', headers: [narrow] }],
    ]
    for (const [status, sent] of CALLS) {
      const reply = await client(sent)
      assert.deepEqual([reply.status, metadataIn(reply)], [status, METADATA], sent.path)
    }
  })

  test('names the document when a WebSocket is refused', async t => {
    const [authx] = await withIssuer(t)
    authx.resourceMetadata({ resource: RESOURCE })
    const { port } = await serveUpgrades(t, authx)
    const { status, headers } = await askForUpgrade(port, [])
    assert.equal(status, 401)
    assert.ok(headers['www-authenticate']?.endsWith(`, resource_metadata="${METADATA}"`))
  })

  test('names no document before there is one, and none of an instance without it', async t => {
    const authx = protectedBy()
    const guard = authx.accessTokenRequired()
    const client = await serve(t, appOf(authx.middleware(), guard))
    assert.equal(metadataIn(await client()), undefined)
    authx.resourceMetadata({ resource: RESOURCE })
    assert.equal(metadataIn(await client()), METADATA)
  })

  test('names the document of the instance that has refused, whichever middleware renders the error', async t => {
    const [notes, files, own] = [protectedBy(), protectedBy(), makeAuthX()]
    const guards: Readonly<Record<string, ReturnType<AuthX['accessTokenRequired']>>> = {
      '/notes': notes.accessTokenRequired(),
      '/files': files.accessTokenRequired(),
      '/own': own.accessTokenRequired(),
    }
    for (const order of [
      [notes, files, own],
      [own, files, notes],
    ]) {
      const client = await serve(
        t,
        appOf(
          ...order.map(authx => authx.middleware()),
          notes.resourceMetadata({ resource: 'https://api.example/notes', scopes: ['notes'] }),
          files.resourceMetadata({ resource: 'https://files.example/files' }),
          (ctx, next) => guards[ctx.path]?.(ctx, next),
        ),
      )
      assert.equal(metadataIn(await client({ path: '/notes' })), `https://api.example${WELL_KNOWN}/notes`)
      assert.equal(metadataIn(await client({ path: '/files' })), `https://files.example${WELL_KNOWN}/files`)
      const reply = await client({ path: '/own' })
      assert.deepEqual([reply.status, metadataIn(reply)], [401, undefined])
      assert.equal((await client({ path: `${WELL_KNOWN}/notes` })).json.resource, 'https://api.example/notes')
      assert.equal((await client({ path: `${WELL_KNOWN}/files` })).json.resource, 'https://files.example/files')
    }
  })

  test('names the document of the login type whose guard of a manager refuses', async t => {
    const [user, machine] = [makeAuthX({ loginType: 'user' }), protectedBy({ loginType: 'machine' })]
    const manager = new AuthManager({ user, machine })
    const guards = { '/user': manager.accessTokenRequired('user'), '/machine': manager.accessTokenRequired('machine') }
    const client = await serve(
      t,
      appOf(manager.middleware(), machine.resourceMetadata({ resource: RESOURCE }), (ctx, next) =>
        guards[ctx.path as keyof typeof guards](ctx as never, next),
      ),
    )
    assert.equal(metadataIn(await client({ path: '/machine' })), METADATA)
    assert.equal(metadataIn(await client({ path: '/user' })), undefined)
    // A token of the other login type is refused with another error.
    const reply = await client({ path: '/machine', headers: [bearer(user.createAccessToken('ada'))] })
    assert.deepEqual([reply.json.error_type, metadataIn(reply)], ['LoginTypeMismatchError', METADATA])
  })

  test('names the first instance if a guard runs inside a guard of another one', async t => {
    const [inner, outer] = [protectedBy(), protectedBy({ secretKey: TEST_SECRET })]
    outer.resourceMetadata({ resource: 'https://other.example' })
    outer.setSubjectGetter((_sub, ctx) =>
      inner.authorize(ctx as never, 'read', 'notes', { engine: { evaluate: () => ({}) as never } }),
    )
    const client = await serve(
      t,
      appOf(outer.middleware(), inner.resourceMetadata({ resource: RESOURCE }), outer.subjectRequired()),
    )
    const reply = await client({ headers: [bearer(outer.createAccessToken('ada'))] })
    assert.deepEqual([reply.status, metadataIn(reply)], [401, METADATA])
  })
})

describe('wrong options are named when the app starts', () => {
  const WRONG: readonly (readonly [what: string, options: unknown, message: RegExp])[] = [
    ['no options', undefined, /the options must be an object with resource, scopes/],
    ['no resource', {}, /resource must be a URL with https/],
    ['no URL', { resource: 'api.example/mcp' }, /resource must be a URL with https/],
    ['a URL object', { resource: new URL(RESOURCE) }, /resource must be a URL with https/],
    ['http', { resource: 'http://api.example/mcp' }, /resource must be a URL with https, or with http for localhost/],
    ['a fragment', { resource: `${RESOURCE}#a` }, /without query and fragment/],
    ['an empty fragment', { resource: `${RESOURCE}#` }, /without query and fragment/],
    ['a query', { resource: `${RESOURCE}?a=b` }, /without query and fragment/],
    ['a user', { resource: 'https://ada@api.example/mcp' }, /resource must be a URL with https/],
    ['a host in capitals', { resource: 'https://API.example/mcp' }, /as clients write it/],
    ['the default port', { resource: 'https://api.example:443/mcp' }, /as clients write it/],
    ['dots', { resource: 'https://api.example/a/../mcp' }, /as clients write it/],
    ['a quote', { resource: 'https://api.example/"' }, /as clients write it/],
    ['a line break', { resource: 'https://api.example/a\n' }, /as clients write it/],
    ['scopes as text', { resource: RESOURCE, scopes: 'read write' }, /scopes must be a non-empty list of scopes/],
    ['an empty list of scopes', { resource: RESOURCE, scopes: [] }, /scopes must be a non-empty list of scopes/],
    ['two scopes in one', { resource: RESOURCE, scopes: ['read write'] }, /scopes must be a non-empty list/],
    ['an unknown option', { resource: RESOURCE, scope: ['read'] }, /unknown option "scope"; it takes resource, scopes/],
  ]
  for (const [what, options, message] of WRONG) {
    test(`${what}`, () => {
      assert.throws(() => protectedBy().resourceMetadata(options as never), { name: 'TypeError', message })
    })
  }

  test('an instance that lacks what the document needs says what to set', () => {
    const INSTANCES: readonly (readonly [AuthX, RegExp])[] = [
      [makeAuthX(), /needs issuers.*set issuers: \[remoteIssuer/],
      [protectedBy({ tokenLocation: ['cookies'], secretKey: TEST_SECRET }), /add 'headers' to tokenLocation/],
      [protectedBy({ headerName: 'X-Token' }), /headerName 'Authorization'/],
      [
        protectedBy({
          issuers: [remoteIssuer({ issuer: 'accounts', audience: 'a', jwksUri: 'https://login.example/jwks' })],
        }),
        /issuer is a URL with https/,
      ],
    ]
    for (const [authx, message] of INSTANCES) {
      assert.throws(() => authx.resourceMetadata({ resource: RESOURCE }), { name: 'BadConfigurationError', message })
    }
    const lacksBoth = makeAuthX({ tokenLocation: ['cookies'] })
    assert.equal(problemsIn(() => lacksBoth.resourceMetadata({ resource: RESOURCE })).length, 2)
  })

  test('a second resource needs an instance of its own; one resource may be served by two apps', async t => {
    const authx = protectedBy()
    const [one, two] = [1, 2].map(() => authx.resourceMetadata({ resource: RESOURCE }))
    assert.throws(() => authx.resourceMetadata({ resource: `${RESOURCE}/2` }), /create an AuthX for each resource/)
    for (const each of [one, two]) {
      const client = await serve(t, appOf(authx.middleware(), each as never, authx.accessTokenRequired()))
      assert.equal((await client({ path: `${WELL_KNOWN}/mcp` })).status, 200)
      assert.equal(metadataIn(await client()), METADATA)
    }
  })

  test('a failed call changes no challenge', async t => {
    const authx = protectedBy()
    assert.throws(() => authx.resourceMetadata({ resource: RESOURCE, scopes: [] }))
    const cookies = protectedBy({ tokenLocation: ['cookies'], secretKey: TEST_SECRET })
    assert.throws(() => cookies.resourceMetadata({ resource: RESOURCE }))
    for (const each of [authx, cookies]) {
      const client = await serve(t, appOf(each.middleware(), each.accessTokenRequired()))
      assert.deepEqual(metadataIn(await client()), undefined)
    }
  })

  test('the method itself, mounted instead of called, says so', () => {
    const { resourceMetadata } = protectedBy()
    assert.throws(
      () => resourceMetadata.call(undefined as never, { resource: RESOURCE }),
      /write authx.resourceMetadata/,
    )
    assert.equal(protectedBy().resourceMetadata({ resource: RESOURCE }).name, 'resourceMetadata')
  })
})
