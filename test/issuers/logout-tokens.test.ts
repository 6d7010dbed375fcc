import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { describe, type TestContext, test } from 'node:test'
import { bodyParser } from '@koa/bodyparser'
import type Koa from 'koa'
import { AuthX, type AuthXOptions, type BackchannelLogoutOptions, BadConfigurationError } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { appOf, type Sent, serve } from '../support/app.js'
import { type IssuerServer, issuerKey, issuerServer } from '../support/issuer-server.js'

// It has no types.
const olderBodyParser = createRequire(import.meta.url)('koa-bodyparser') as () => Koa.Middleware

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const FORM = ['Content-Type', 'application/x-www-form-urlencoded'] as const
const now = () => Math.floor(Date.now() / 1000)

type Claims = Record<string, unknown>

/** A logout token of the issuer for the session `s` of `ada`. A claim that is `undefined` is left out. */
const logoutToken = (server: IssuerServer, claims: Claims = {}, header: Claims = {}, key = server.keys[0]) => {
  const jti = randomUUID()
  const all = { aud: 'my-app', events: { [EVENT]: {} }, sid: 's', jti, exp: now() + 120, ...claims }
  return server.token(all, { typ: 'logout+jwt', ...header }, key)
}

interface SceneOptions extends AuthXOptions {
  readonly onLogout?: BackchannelLogoutOptions['onLogout']
  readonly parser?: Koa.Middleware
  /** The clock of the key set, milliseconds. */
  readonly issuerNow?: () => number
}

/** An API with a back-channel logout, and an access token of the session `s` of `ada`. */
async function scene(t: TestContext, { onLogout, parser, issuerNow, ...options }: SceneOptions = {}) {
  const server = await issuerServer(t)
  const { issuer } = server
  const issuers = [remoteIssuer({ issuer, audience: 'my-api', clientId: 'my-app', now: issuerNow })]
  const authx = new AuthX({ issuers, store: new MemoryTokenStore(), ...options })
  const refused: string[] = []
  authx.on('refused', ({ reason }) => refused.push(reason))
  const app = appOf(authx.middleware(), ...(parser ? [parser] : []), authx.backchannelLogout({ onLogout }))
  const ask = await serve(t, app)
  const access = await server.token({ sid: 's' })
  return {
    server,
    authx,
    refused,
    ask: (sent: Sent) => ask({ method: 'POST', headers: [FORM], ...sent }),
    /** Sends a logout token as the issuer does. */
    send: (token: string) =>
      ask({ method: 'POST', headers: [FORM], body: String(new URLSearchParams({ logout_token: token })) }),
    /** Whether the session `s` is live. */
    isLive: () =>
      authx.verifyToken(access).then(
        () => true,
        ({ code }) => assert.equal(code, 'ERR_TOKEN_REVOKED') ?? false,
      ),
  }
}

/** A JWT that is not signed with the issuer's key: with `alg` none, or signed with its public key as a secret. */
function forged(server: IssuerServer, alg: 'none' | 'HS256'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const times = { iat: now(), exp: now() + 120 }
  const claims = { iss: server.issuer, aud: 'my-app', sub: 'ada', sid: 's', jti: 'forged', events: { [EVENT]: {} } }
  const content = `${part({ alg, kid: 'one', typ: 'logout+jwt' })}.${part({ ...claims, ...times })}`
  const secret = JSON.stringify(server.keys[0]?.jwk)
  return `${content}.${alg === 'none' ? '' : createHmac('sha256', secret).update(content).digest('base64url')}`
}

type Make = (server: IssuerServer) => string | Promise<string>

const withClaims =
  (claims: Claims, header?: Claims): Make =>
  server =>
    logoutToken(server, claims, header)

/** Every check of OpenID Connect Back-Channel Logout 1.0 §2.6: what is wrong, the token, and what the answer says. */
const REFUSED: readonly (readonly [what: string, make: Make, description: RegExp])[] = [
  ['is no JWT', () => 'logout', /not a signed JWT/],
  ['is encrypted', () => 'eyJhbGciOiJkaXIifQ..a.b.c', /not a signed JWT/],
  ['is empty', () => '', /not a signed JWT/],
  [
    'is signed with another key of the same kid',
    async server => logoutToken(server, {}, {}, await issuerKey('one')),
    /signature/,
  ],
  ['is signed with an unknown key', async server => logoutToken(server, {}, {}, await issuerKey('two')), /signature/],
  ['is not signed', server => forged(server, 'none'), /not a signed JWT/],
  ['is signed with the public key as a secret', server => forged(server, 'HS256'), /alg of the token/],
  ['has no iss', withClaims({ iss: undefined }), /iss/],
  ['is of an unknown issuer', withClaims({ iss: 'https://other.example' }), /iss/],
  ['has an iss that only begins like the issuer', server => logoutToken(server, { iss: `${server.issuer}/` }), /iss/],
  ['has no aud', withClaims({ aud: undefined }), /aud/],
  ['is for another client', withClaims({ aud: 'other-app' }), /aud/],
  ['is for the audience of the access tokens', withClaims({ aud: 'my-api' }), /aud/],
  ['is for a list of others', withClaims({ aud: ['my-api', 'other-app'] }), /aud/],
  ['has an aud that is not text', withClaims({ aud: { 'my-app': true } }), /aud/],
  ['has no iat', withClaims({ iat: undefined }), /claim iat/],
  ['has an iat that is text', withClaims({ iat: `${now()}` }), /claim iat/],
  ['is issued in the future', server => logoutToken(server, { iat: now() + 3600, exp: now() + 7200 }), /not valid yet/],
  [
    'has no exp and is older than two minutes',
    server => logoutToken(server, { iat: now() - 180, exp: undefined }),
    /expired/,
  ],
  ['has an exp that is null', withClaims({ exp: null }), /claim exp/],
  ['has an exp that is text', withClaims({ exp: 'tomorrow' }), /claim exp/],
  ['has expired', server => logoutToken(server, { iat: now() - 300, exp: now() - 180 }), /expired/],
  ['is not valid yet', server => logoutToken(server, { nbf: now() + 3600 }), /not valid yet/],
  ['has an nbf that is text', withClaims({ nbf: 'tomorrow' }), /claim nbf/],
  ['has no jti', withClaims({ jti: undefined }), /claim jti/],
  ['has a jti that is a number', withClaims({ jti: 7 }), /claim jti/],
  ['has an empty jti', withClaims({ jti: '' }), /claim jti/],
  ['has no events', withClaims({ events: undefined }), /events/],
  ['has events that are text', withClaims({ events: EVENT }), /events/],
  ['has events that are a list', withClaims({ events: [EVENT] }), /events/],
  ['has another event', withClaims({ events: { 'https://schemas.openid.net/event/other': {} } }), /events/],
  ['has an event that is text', withClaims({ events: { [EVENT]: 'yes' } }), /events/],
  ['has an event that is null', withClaims({ events: { [EVENT]: null } }), /events/],
  ['has an event that is a list', withClaims({ events: { [EVENT]: [] } }), /events/],
  ['has a nonce', withClaims({ nonce: 'n' }), /nonce/],
  ['has a nonce that is null', withClaims({ nonce: null }), /nonce/],
  ['names nobody', withClaims({ sub: undefined, sid: undefined }), /neither .*sub.* nor .*sid/],
  ['has a sub that is a number', withClaims({ sub: 1 }), /claim sub/],
  ['has an empty sub', withClaims({ sub: '' }), /claim sub/],
  ['has a sub that is null', withClaims({ sub: null }), /claim sub/],
  ['has a sid that is a number', withClaims({ sid: 1 }), /claim sid/],
  ['has an empty sid', withClaims({ sid: '' }), /claim sid/],
  ['has a sid that is a list', withClaims({ sid: ['s'] }), /claim sid/],
  ['is of the type of access tokens', withClaims({}, { typ: 'at+jwt' }), /typ logout\+jwt/],
  ['is of the type of security events', withClaims({}, { typ: 'secevent+jwt' }), /typ logout\+jwt/],
  ['has a type that is a number', withClaims({}, { typ: 1 }), /typ logout\+jwt/],
  ['is an access token', server => server.token({ sid: 's' }), /typ logout\+jwt/],
  ['is an access token for the client', server => server.token({ sid: 's', aud: 'my-app' }, { typ: 'JWT' }), /events/],
  ['is an ID token', server => server.token({ sid: 's', aud: 'my-app', nonce: 'n' }, { typ: undefined }), /events/],
]

describe('a logout token is refused, ends nothing, and the answer says why, if it', () => {
  for (const [what, make, description] of REFUSED) {
    test(what, async t => {
      const { server, send, isLive, refused } = await scene(t)
      const { status, headers, json } = await send(await make(server))
      assert.equal(status, 400)
      assert.equal(json.error, 'invalid_request')
      assert.match(String(json.error_description), description)
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(await isLive(), true)
      assert.equal(refused.length, 1)
    })
  }
})

describe('a logout token is accepted and ends the session, if it', () => {
  const accepted: readonly (readonly [what: string, claims: Claims, header?: Claims])[] = [
    ['names the session and the subject', {}],
    ['names only the session', { sub: undefined }],
    ['names only the subject', { sid: undefined }],
    ['is for the client and others', { aud: ['my-api', 'my-app'] }],
    ['has more events and claims', { events: { [EVENT]: {}, other: {} }, trace: 'x' }],
    ['has an event with members', { events: { [EVENT]: { reason: 'admin' } } }],
    ['has no typ', {}, { typ: undefined }],
    ['has the typ JWT', {}, { typ: 'JWT' }],
    ['has the typ in upper case', {}, { typ: 'LOGOUT+JWT' }],
    ['has the typ as a media type', {}, { typ: 'application/logout+jwt' }],
    ['is a few seconds ahead of the clock of this server', { iat: now() + 5 }],
    ['has no exp, as with older versions of some providers', { exp: undefined }],
  ]
  for (const [what, claims, header] of accepted) {
    test(what, async t => {
      const { server, send, isLive, refused } = await scene(t)
      const { status, text, headers } = await send(await logoutToken(server, claims, header))
      assert.deepEqual([status, text, headers['cache-control']], [200, '', 'no-store'])
      assert.equal(await isLive(), false)
      assert.deepEqual(refused, [])
    })
  }
})

describe('a logout token that was used', () => {
  test('is refused when it is sent again, by every process at the store', async t => {
    const store = new MemoryTokenStore()
    const { server, send } = await scene(t, { store })
    const token = await logoutToken(server)
    assert.equal((await send(token)).status, 200)
    const { status, json } = await send(token)
    assert.deepEqual([status, json.error], [400, 'invalid_request'])
    assert.match(String(json.error_description), /used before/)
    const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api', clientId: 'my-app' })]
    const other = new AuthX({ issuers, store })
    const ask = await serve(t, appOf(other.middleware(), other.backchannelLogout()))
    const body = String(new URLSearchParams({ logout_token: token }))
    assert.equal((await ask({ method: 'POST', headers: [FORM], body })).status, 400)
  })

  test('does not use up the same jti of another issuer', async t => {
    const [one, two] = [await issuerServer(t), await issuerServer(t)]
    const issuers = [one, two].map(({ issuer }) => remoteIssuer({ issuer, audience: 'my-api', clientId: 'my-app' }))
    const authx = new AuthX({ issuers, store: new MemoryTokenStore() })
    const ask = await serve(t, appOf(authx.middleware(), authx.backchannelLogout()))
    for (const each of [one, two]) {
      const body = String(new URLSearchParams({ logout_token: await logoutToken(each, { jti: 'same' }) }))
      assert.equal((await ask({ method: 'POST', headers: [FORM], body })).status, 200)
    }
  })

  test('may arrive twice at the same moment: the session ends, and nothing is left half done', async t => {
    const { server, send, isLive } = await scene(t)
    const token = await logoutToken(server)
    const statuses = (await Promise.all([send(token), send(token)])).map(({ status }) => status)
    assert.ok(statuses.includes(200), String(statuses))
    assert.equal(await isLive(), false)
  })
})

const PARSERS: readonly (readonly [name: string, parser: Koa.Middleware | undefined])[] = [
  ['without a body parser', undefined],
  ['after koa-body', koaBody({ multipart: true }) as Koa.Middleware],
  ['after @koa/bodyparser', bodyParser() as Koa.Middleware],
  ['after koa-bodyparser', olderBodyParser()],
]

describe('the handler of back-channel logouts reads the form', () => {
  for (const [name, parser] of PARSERS) {
    test(`${name}`, async t => {
      const { server, send, ask, isLive } = await scene(t, parser && { parser })
      const token = await logoutToken(server)
      const field = `logout_token=${token}`
      const boundary = `--x\r\nContent-Disposition: form-data; name="logout_token"\r\n\r\n${token}\r\n--x--\r\n`
      const wrong: readonly (readonly [what: string, sent: Sent])[] = [
        ['two logout tokens', { body: `${field}&${field}` }],
        ['a list', { body: `logout_token[]=${token}` }],
        ['an object', { body: `logout_token[a]=${token}` }],
        ['no logout token', { body: 'token=x' }],
        ['no body', {}],
        ['the query', { path: `/?${field}` }],
        ['JSON', { headers: [['Content-Type', 'application/json']], body: JSON.stringify({ logout_token: token }) }],
        ['text', { headers: [['Content-Type', 'text/plain']], body: field }],
        ['the token itself', { headers: [['Content-Type', 'application/logout+jwt']], body: token }],
        ['no content type', { headers: [], body: field }],
        ['multipart', { headers: [['Content-Type', 'multipart/form-data; boundary=x']], body: boundary }],
        ['a large token', { body: `logout_token=${'a'.repeat(20_000)}.b.c` }],
        ['a large form', { body: `${field}&more=${'a'.repeat(40_000)}&${field}` }],
      ]
      for (const [what, sent] of wrong) {
        const { status, json } = await ask(sent)
        assert.deepEqual([what, status, json.error], [what, 400, 'invalid_request'])
        assert.ok(String(json.error_description).length > 10)
      }
      assert.equal(await isLive(), true)
      const charset = ['Content-Type', 'Application/X-WWW-Form-Urlencoded; charset=UTF-8'] as const
      assert.equal((await ask({ headers: [charset], body: `other=1&${field}` })).status, 200)
      assert.equal((await send(await logoutToken(server))).status, 200)
      assert.equal(await isLive(), false)
    })
  }

  test('and refuses a form that is too large, and says how large it may be', async t => {
    const { ask } = await scene(t)
    const { status, json } = await ask({ body: `logout_token=${'a'.repeat(40_000)}` })
    assert.deepEqual([status, json.error_description], [400, 'the form has more than 32768 bytes'])
  })

  test('only of a POST: a person who opens its address gets 405 and is told why', async t => {
    const { server, ask, isLive } = await scene(t)
    const path = `/?logout_token=${await logoutToken(server)}`
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers, json } = await ask({ method, path })
      assert.deepEqual([method, status, headers.allow], [method, 405, 'POST'])
      assert.match(String(json.error_description), /POST/)
    }
    assert.equal(await isLive(), true)
  })
})

describe('while a back-channel logout cannot be carried out, the answer is 503, and the issuer may send it again', () => {
  test('because the store does not answer', async t => {
    for (const fault of ['down', 'hang'] as const) {
      const store = new FaultyTokenStore(new MemoryTokenStore())
      const { server, send, isLive, refused } = await scene(t, { store, storeTimeout: 50 })
      const token = await logoutToken(server)
      store[fault]()
      assert.equal((await send(token)).status, 503)
      assert.deepEqual(refused, ['ERR_STORE_UNAVAILABLE'])
      store.heal()
      assert.equal(await isLive(), true)
      assert.equal((await send(token)).status, 200)
      assert.equal(await isLive(), false)
    }
  })

  test('because nobody knows whether the store has written it', async t => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const { server, send, isLive } = await scene(t, { store })
    const token = await logoutToken(server)
    store.loseReplies()
    assert.equal((await send(token)).status, 503)
    store.heal()
    assert.equal((await send(token)).status, 200)
    assert.equal(await isLive(), false)
  })

  test('because the store fails at any of its calls', async t => {
    for (let n = 1; ; n++) {
      const store = new FailingStore(n)
      const { server, send, isLive } = await scene(t, { store })
      const token = await logoutToken(server)
      const { status } = await send(token)
      if (status === 200) break
      assert.equal(status, 503)
      store.failsAt = Number.POSITIVE_INFINITY
      assert.equal((await send(token)).status, 200)
      assert.equal(await isLive(), false)
      assert.ok(n < 20)
    }
  })

  test('because the keys of the issuer cannot be read', async t => {
    let time = 0
    const { server, send, isLive } = await scene(t, { issuerNow: () => time })
    const token = await logoutToken(server)
    server.answer = (_req, res) => res.writeHead(500).end()
    assert.equal((await send(token)).status, 503)
    server.answer = undefined
    time += 5_000
    assert.equal(await isLive(), true)
    assert.equal((await send(token)).status, 200)
    assert.equal(await isLive(), false)
  })

  test('because onLogout throws', async t => {
    let calls = 0
    const onLogout = () => {
      if (++calls === 1) throw new Error('the database is away')
    }
    const { server, send, isLive, refused } = await scene(t, { onLogout })
    const token = await logoutToken(server)
    const { status, text } = await send(token)
    assert.equal(status, 503)
    assert.doesNotMatch(text, /database/)
    assert.deepEqual(refused, ['ERR_CALLBACK_UNAVAILABLE'])
    assert.equal(await isLive(), false)
    assert.deepEqual([(await send(token)).status, calls], [200, 2])
    assert.deepEqual([(await send(token)).status, calls], [400, 2])
  })

  test('because onLogout does not end in time', async t => {
    let calls = 0
    const onLogout = () => (++calls === 1 ? new Promise(() => {}) : undefined)
    const { server, send, isLive } = await scene(t, { onLogout, callbackTimeout: 1 })
    const token = await logoutToken(server)
    assert.equal((await send(token)).status, 503)
    assert.equal(await isLive(), false)
    assert.deepEqual([(await send(token)).status, calls], [200, 2])
  })
})

/** A store whose call number `failsAt` and all later ones fail. */
class FailingStore extends MemoryTokenStore {
  failsAt: number
  #calls = 0

  constructor(failsAt: number) {
    super()
    this.failsAt = failsAt
  }

  override async get(keys: readonly string[]) {
    this.#count()
    return super.get(keys)
  }

  override async compareAndSet(...parameters: Parameters<MemoryTokenStore['compareAndSet']>) {
    this.#count()
    return super.compareAndSet(...parameters)
  }

  #count(): void {
    if (++this.#calls >= this.failsAt) throw new Error('the store is away')
  }
}

describe('backchannelLogout refuses a configuration with which a logout would end nothing', () => {
  const issuerOf = (clientId?: string) =>
    remoteIssuer({ issuer: 'https://issuer.example', audience: 'my-api', ...(clientId && { clientId }) })

  test('without a store', () => {
    const authx = new AuthX({ issuers: [issuerOf('my-app')] })
    assert.throws(() => authx.backchannelLogout(), { name: 'BadConfigurationError', message: /store/ })
  })

  test('without a clientId, and without issuers', () => {
    const store = new MemoryTokenStore()
    for (const issuers of [[issuerOf()], []]) {
      const authx = new AuthX({ secretKey: 'TEST_ONLY_secret_of_more_than_thirty_two_bytes', issuers, store })
      assert.throws(() => authx.backchannelLogout(), { name: BadConfigurationError.name, message: /clientId/ })
    }
  })

  test('with accessTokenRevocation: false, unless onLogout ends something', () => {
    const store = new MemoryTokenStore()
    const authx = new AuthX({ issuers: [issuerOf('my-app')], store, accessTokenRevocation: false })
    assert.throws(() => authx.backchannelLogout(), { name: 'BadConfigurationError', message: /accessTokenRevocation/ })
    authx.backchannelLogout({ onLogout: () => {} })
  })

  test('with an option that it does not know, or an onLogout that is no function', () => {
    const authx = new AuthX({ issuers: [issuerOf('my-app')], store: new MemoryTokenStore() })
    assert.throws(() => authx.backchannelLogout({ onlogout: () => {} } as never), TypeError)
    assert.throws(() => authx.backchannelLogout({ onLogout: 'revoke' as never }), TypeError)
  })
})

test('a logout token is no access token, whatever its type is', async t => {
  const { server, authx } = await scene(t)
  for (const typ of ['logout+jwt', 'JWT', undefined]) {
    const token = await logoutToken(server, { aud: ['my-app', 'my-api'] }, { typ })
    await assert.rejects(authx.verifyToken(token), { name: 'AccessTokenRequiredError', status: 401 })
  }
})
