import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { AuthX, type AuthXOptions, StoreUnavailableError } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { WebSocket } from 'ws'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { appOf, bearer, cookie, serve } from '../support/app.js'
import { issuerAuthX, startIssuerApi, verdictOf } from '../support/issuer-api.js'
import { type IssuerServer, issuerServer } from '../support/issuer-server.js'
import { oidcLogin, oidcLogout } from '../support/oidc-login.js'
import { oidcServer, TEST_API, WITH_SID } from '../support/oidc-server.js'
import { sharedBackends } from '../support/shared-backends.js'
import { openShared } from '../support/store-kinds.js'
import { until } from '../support/until.js'

const REVOKED = [401, 'RevokedTokenError']
const { postgres, redis, sqlite } = sharedBackends()

const issuersOf = ({ issuer }: IssuerServer) => [
  remoteIssuer({ issuer, audience: ['my-api', TEST_API], clientId: 'my-app' }),
]

/** An API that accepts the tokens of an issuer, and what its events say. */
async function scene(t: TestContext, options: AuthXOptions = {}) {
  const server = await issuerServer(t)
  const { issuer } = server
  const authx = new AuthX({ issuers: issuersOf(server), store: new MemoryTokenStore(), ...options })
  const events: unknown[] = []
  authx.on('issuerRevoked', event => events.push(event))
  const app = appOf(authx.middleware(), async (ctx, next) => {
    if (ctx.path !== '/logout') return next()
    await authx.logout(ctx)
    ctx.status = 204
  })
  app.use(authx.accessTokenRequired()).use(ctx => {
    ctx.body = ctx.state.token
  })
  const send = await serve(t, app)
  const verdict = async (token: string) => verdictOf(await send({ headers: [bearer(token)] }))
  return { server, issuer, authx, events, send, verdict }
}

describe('one access token of an issuer', () => {
  test('is ended by revoke, as text and as payload; the other tokens of its session and person live on', async t => {
    const { server, issuer, authx, events, verdict } = await scene(t)
    const [first, second, third] = [
      await server.token({ jti: '1', sid: 's' }),
      await server.token({ jti: '2', sid: 's' }),
      await server.token({ jti: '3', sid: 's' }),
    ]
    const payload = await authx.verifyToken(second)
    assert.equal(await authx.isRevoked(payload), false)
    await authx.revoke(first)
    await authx.revoke(payload)
    for (const ended of [first, second]) assert.deepEqual(await verdict(ended), REVOKED)
    assert.deepEqual(await verdict(third), [200])
    assert.equal(await authx.isRevoked(payload), true)
    assert.equal(await authx.isRevoked({ ...payload }), true)
    await authx.revoke(first)
    const of = { issuer, sub: 'ada' }
    assert.deepEqual(events, [
      { ...of, jti: '1' },
      { ...of, jti: '2' },
    ])
  })

  test('can be revoked if it has no jti: only the tokens with the same content end', async t => {
    const { server, authx, verdict } = await scene(t)
    const token = await server.token({ jti: undefined, scope: 'read' })
    const other = await server.token({ jti: undefined, scope: 'write' })
    await authx.revoke(token)
    assert.deepEqual([await verdict(token), await verdict(other)], [REVOKED, [200]])
  })

  test('can be revoked after it has expired, but not if the issuer has not signed it', async t => {
    const { server, authx, events } = await scene(t)
    await authx.revoke(await server.token({ iat: 1_000, exp: 2_000, jti: 'old' }))
    assert.equal(events.length, 1)
    const other = await issuerServer(t)
    const forged = await server.token({}, {}, other.keys[0])
    await assert.rejects(authx.revoke(forged), { code: 'ERR_TOKEN_SIGNATURE' })
    assert.equal(events.length, 1)
  })

  test('is ended by a logout of this application, and no other token of its session, because the provider goes on', async t => {
    const { server, issuer, authx, events, send, verdict } = await scene(t, {
      tokenLocation: ['headers', 'cookies'],
      cookieCsrfProtect: false,
    })
    const [token, other] = [await server.token({ jti: '1', sid: 's' }), await server.token({ jti: '2', sid: 's' })]
    const inCookie = cookie({ [authx.config.accessCookieName]: token })
    const reply = await send({ method: 'POST', path: '/logout', headers: [inCookie] })
    assert.equal(reply.status, 204)
    assert.ok(reply.cookies.some(line => line.startsWith(`${authx.config.accessCookieName}=;`)))
    assert.deepEqual([await verdict(token), await verdict(other)], [REVOKED, [200]])
    assert.deepEqual(events, [{ issuer, sub: 'ada', jti: '1' }])
  })
})

describe('a session of an issuer', () => {
  test('is ended by revokeSession, with the tokens that the issuer issues for it later; others live on', async t => {
    const { server, issuer, authx, events, verdict } = await scene(t)
    const tokens = [
      await server.token({ jti: '1', sid: 's' }),
      await server.token({ jti: '2', sid: 's', sub: 'grace' }),
    ]
    const others = [await server.token({ jti: '3', sid: 'other' }), await server.token({ jti: '4' })]
    assert.equal(await authx.revokeSession('s', { issuer }), true)
    assert.equal(await authx.revokeSession('s', { issuer }), false)
    const later = await server.token({ jti: '5', sid: 's' })
    for (const token of [...tokens, later]) assert.deepEqual(await verdict(token), REVOKED)
    for (const token of others) assert.deepEqual(await verdict(token), [200])
    assert.deepEqual(events, [{ issuer, sid: 's' }])
  })

  test('stays ended for 90 days: longer than access tokens live', async t => {
    const store = new RecordingStore()
    const { issuer, authx } = await scene(t, { store })
    const before = Date.now()
    await authx.revokeSession('s', { issuer })
    const [keptUntil, ...others] = store.keptUntil
    assert.deepEqual(others, [])
    const ninetyDays = 90 * 86_400_000
    assert.ok(Number(keptUntil) >= before + ninetyDays && Number(keptUntil) <= Date.now() + ninetyDays)
  })
})

/** A store that remembers until when it keeps what was written. */
class RecordingStore extends MemoryTokenStore {
  readonly keptUntil: Date[] = []

  override compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date) {
    this.keptUntil.push(expiresAt)
    return super.compareAndSet(key, expected, value, expiresAt)
  }
}

describe('all tokens of a person at an issuer', () => {
  test('are ended by revokeAllSessions, until now: a token that is issued later passes', async t => {
    const clock = { now: Math.floor(Date.now() / 1000) * 1000 }
    const { server, issuer, authx, events, verdict } = await scene(t, { now: () => clock.now })
    const second = clock.now / 1000
    const tokens = [
      await server.token({ iat: second, jti: '1', sid: 's' }),
      await server.token({ iat: second - 60, jti: '2' }),
      await server.token({ iat: undefined, jti: '3' }),
    ]
    const grace = await server.token({ sub: 'grace', iat: second, jti: '4' })
    for (const token of tokens) assert.deepEqual(await verdict(token), [200])
    await authx.revokeAllSessions('ada', { issuer })
    for (const token of tokens) assert.deepEqual(await verdict(token), REVOKED)
    assert.deepEqual(await verdict(grace), [200])
    assert.deepEqual(await verdict(await server.token({ iat: second + 1, jti: '5', sid: 's' })), [200])
    assert.deepEqual(events, [{ issuer, sub: 'ada' }])
  })
})

test('an invalid option ends nothing: neither of an issuer nor of our own', async t => {
  const { issuer, authx, events } = await scene(t)
  const wrong: (() => Promise<unknown>)[] = [
    () => authx.revokeSession('s', { issuer: undefined as never }),
    () => authx.revokeSession('s', { issuer: `${issuer}/` }),
    () => authx.revokeSession('s', { issuer, sub: 'ada' }),
    () => authx.revokeSession('', { issuer }),
    () => authx.revokeSession('s', { issuers: issuer } as never),
    () => authx.revokeAllSessions('ada', { issuer: undefined as never }),
    () => authx.revokeAllSessions('ada', { issuer: 'https://other.example' }),
    () => authx.revokeAllSessions('ada', { issuer, except: 's' }),
    () => authx.revokeAllSessions('', { issuer }),
  ]
  for (const call of wrong) await assert.rejects(call(), TypeError)
  assert.deepEqual(events, [])
})

describe("the application's blocklist", () => {
  test("gets the payload of an issuer's token, and can refuse it", async t => {
    const { server, issuer, authx, verdict } = await scene(t)
    const seen: unknown[] = []
    authx.setTokenBlocklist(({ iss, sub, jti }) => {
      seen.push([iss, sub, jti])
      return jti === 'blocked'
    })
    assert.deepEqual(await verdict(await server.token({ jti: 'blocked' })), REVOKED)
    assert.deepEqual(await verdict(await server.token({ jti: 'other' })), [200])
    assert.deepEqual(seen, [
      [issuer, 'ada', 'blocked'],
      [issuer, 'ada', 'other'],
    ])
  })

  test('is asked alone with accessTokenRevocation: false; without an answer the response is 503', async t => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const { server, authx, verdict } = await scene(t, { store, accessTokenRevocation: false })
    store.down()
    const token = await server.token()
    assert.deepEqual(await verdict(token), [200])
    let answer: () => boolean = () => true
    authx.setTokenBlocklist(({ jti }) => jti !== '' && answer())
    assert.deepEqual(await verdict(token), REVOKED)
    answer = () => {
      throw new Error('the list is away')
    }
    assert.deepEqual(await verdict(token), [503, 'CallbackUnavailableError'])
  })
})

/** Everything that ends tokens of an issuer. */
const WAYS: readonly (readonly [what: string, end: (authx: AuthX, server: IssuerServer) => Promise<unknown>])[] = [
  ['revoke', async (authx, server) => authx.revoke(await server.token({ sid: 's' }))],
  ['revokeSession', (authx, { issuer }) => authx.revokeSession('s', { issuer })],
  ['revokeAllSessions', (authx, { issuer }) => authx.revokeAllSessions('ada', { issuer })],
]

describe('while the store fails', () => {
  test('no token of an issuer passes: the response is 503', async t => {
    for (const fault of ['down', 'hang'] as const) {
      const store = new FaultyTokenStore(new MemoryTokenStore())
      const { server, authx, verdict } = await scene(t, { store, storeTimeout: 50 })
      const token = await server.token()
      const payload = await authx.verifyToken(token)
      store[fault]()
      assert.deepEqual(await verdict(token), [503, 'StoreUnavailableError'])
      await assert.rejects(authx.isRevoked(payload), StoreUnavailableError)
      store.heal()
      assert.deepEqual(await verdict(token), [200])
    }
  })

  for (const [what, end] of WAYS) {
    test(`${what} rejects, and can be called again`, async t => {
      const store = new FaultyTokenStore(new MemoryTokenStore())
      const { server, authx, events, verdict } = await scene(t, { store, storeTimeout: 50 })
      const token = await server.token({ sid: 's' })
      assert.deepEqual(await verdict(token), [200])
      store.down()
      await assert.rejects(end(authx, server), StoreUnavailableError)
      store.heal()
      assert.deepEqual(await verdict(token), [200])
      assert.deepEqual(events, [])
      await end(authx, server)
      assert.deepEqual(await verdict(token), REVOKED)
      assert.equal(events.length, 1)
    })

    test(`${what} says in its event if nobody knows whether the store has written it`, async t => {
      const store = new FaultyTokenStore(new MemoryTokenStore())
      const { server, authx, events, verdict } = await scene(t, { store, storeTimeout: 50 })
      const token = await server.token({ sid: 's' })
      assert.deepEqual(await verdict(token), [200])
      store.loseReplies()
      await assert.rejects(end(authx, server), StoreUnavailableError)
      store.heal()
      assert.deepEqual(await verdict(token), REVOKED)
      assert.equal(events.length, 1)
      assert.equal((events[0] as { unconfirmed?: true }).unconfirmed, true)
    })
  }

  test('a value that koa-authx has not written is no answer: the response is 503', async t => {
    const store = new OverwrittenStore()
    const { server, verdict } = await scene(t, { store })
    const token = await server.token({ sid: 's' })
    for (const value of ['', 'null', '{}', '{"cutoff":"soon","cutoffWithoutSid":0}', 'x']) {
      for (const index of [0, 1, 2]) {
        store.overwrite = { index, value }
        assert.deepEqual(await verdict(token), [503, 'StoreUnavailableError'], `${index} ${value}`)
      }
    }
    store.overwrite = undefined
    assert.deepEqual(await verdict(token), [200])
  })
})

/** A store in which somebody else has overwritten one of the values. */
class OverwrittenStore extends MemoryTokenStore {
  overwrite: { index: number; value: string } | undefined

  override async get(keys: readonly string[]) {
    const values = await super.get(keys)
    return values.map((value, index) => (index === this.overwrite?.index ? this.overwrite.value : value))
  }
}

/** Sends logout tokens of an issuer to the handler of an instance. */
async function logoutsOf(t: TestContext, server: IssuerServer, authx: AuthX) {
  const send = await serve(t, appOf(authx.middleware(), authx.backchannelLogout()))
  return async (claims: Record<string, unknown>) => {
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const all = { aud: 'my-app', events, sub: undefined, jti: randomUUID(), ...claims }
    const body = `logout_token=${await server.token(all, { typ: 'logout+jwt' })}`
    const headers = [['Content-Type', 'application/x-www-form-urlencoded']] as const
    assert.equal((await send({ method: 'POST', headers, body })).status, 200)
  }
}

test('a back-channel logout is one event, which says what has ended', async t => {
  const { server, issuer, authx, events, verdict } = await scene(t)
  const send = await logoutsOf(t, server, authx)
  const other = await server.token({ sid: 'other', iat: Math.floor(Date.now() / 1000) - 60 })
  await send({ sid: 's', sub: 'ada' })
  assert.deepEqual(await verdict(other), [200])
  assert.deepEqual(events.splice(0), [{ issuer, sid: 's', sub: 'ada' }])
  await send({ sid: 'only' })
  assert.deepEqual(events.splice(0), [{ issuer, sid: 'only' }])
  await authx.revokeSession('before', { issuer })
  events.length = 0
  await send({ sid: 'before', sub: 'grace' })
  assert.deepEqual(events.splice(0), [{ issuer, sid: 'before', sub: 'grace' }])
  await send({ sub: 'ada' })
  assert.deepEqual(await verdict(other), REVOKED)
  assert.deepEqual(events.splice(0), [{ issuer, sub: 'ada' }])
})

describe('what one process ends', () => {
  for (const [where, backend] of [
    ['SQLite', () => sqlite('revocation')],
    ['Redis', redis],
    ['PostgreSQL', postgres],
  ] as const) {
    test(`is refused by every process, with ${where}`, async t => {
      const server = await issuerServer(t)
      const { issuer } = server
      const store = openShared(backend())
      t.after(() => store.close?.())
      const authx = issuerAuthX(issuer, { store })
      const api = await startIssuerApi(t, { issuer, backend: backend() })
      const token = (claims: Record<string, unknown>) => server.token({ aud: TEST_API, ...claims })
      const cases: readonly (readonly [ended: string, end: (token: string) => unknown])[] = [
        [await token({ jti: '1' }), ended => authx.revoke(ended)],
        [await token({ jti: '2', sid: 's' }), () => authx.revokeSession('s', { issuer })],
        [await token({ jti: '3', sub: 'grace' }), () => authx.revokeAllSessions('grace', { issuer })],
      ]
      const other = await token({ jti: '4', sid: 'other' })
      for (const [ended, end] of cases) {
        assert.deepEqual(await api.verdict(ended), [200])
        await end(ended)
        assert.deepEqual(await api.verdict(ended), REVOKED)
        assert.deepEqual(await api.verdict(other), [200])
      }
    })

    test(`ends streams and sockets of other processes: a logout at the provider, with ${where}`, async t => {
      const provider = await oidcServer(t, {}, WITH_SID)
      const { issuer } = provider
      const start = () => startIssuerApi(t, { issuer, backend: backend(), within: '4s' })
      const [told, other] = await Promise.all([start(), start()])
      provider.reconfigure({ backchannel_logout_uri: told.logoutUri, backchannel_logout_session_required: true })
      const [laptop, phone] = [await oidcLogin(issuer), await oidcLogin(issuer)]
      const [ending, staying] = [
        await connected(t, other.port, laptop.tokens.access_token),
        await connected(t, other.port, phone.tokens.access_token),
      ]
      await oidcLogout(laptop)
      await until(() => ending.stream !== 'open\n' && ending.closed.length > 0)
      assert.deepEqual(ending, { stream: 'open\nRevokedTokenError', closed: [1008, 'RevokedTokenError'] })
      assert.deepEqual(staying, { stream: 'open\n', closed: [] })
    })
  }

  test('ends its own streams at once, without asking the store by itself', async t => {
    const { server, issuer, authx } = await scene(t)
    const send = await logoutsOf(t, server, authx)
    const ways: readonly ((token: string, ids: { sid: string; sub: string }) => Promise<unknown>)[] = [
      token => authx.revoke(token),
      (_token, { sid }) => authx.revokeSession(sid, { issuer }),
      (_token, { sub }) => authx.revokeAllSessions(sub, { issuer }),
      (_token, { sid }) => send({ sid }),
      (_token, { sub }) => send({ sub }),
      (_token, ids) => send(ids),
      // Its access tokens name no session, so they may be of the session that has ended.
      (_token, { sub }) => send({ sub, sid: 'another' }),
    ]
    const bystander = authx.abortWhenOver(await authx.verifyToken(await server.token({ sid: 'other' })), {
      within: '10h',
    })
    for (const [n, end] of ways.entries()) {
      const ids = { sid: `session-${n}`, sub: `person-${n}` }
      const hasSid = n < ways.length - 1
      const token = await server.token({ ...ids, ...(!hasSid && { sid: undefined }), jti: `token-${n}` })
      const signal = authx.abortWhenOver(await authx.verifyToken(token), { within: '10h' })
      await end(token, ids)
      await until(() => signal.aborted)
      assert.equal(signal.reason.name, 'RevokedTokenError')
    }
    assert.equal(bystander.aborted, false)
  })
})

/** Opens a stream and a socket of the API. The result says what has come of both so far. */
async function connected(t: TestContext, port: number, token: string) {
  const state: { stream: string; closed: unknown[] } = { stream: '', closed: [] }
  const response = await fetch(`http://127.0.0.1:${port}/events`, { headers: [[...bearer(token)]] })
  const reading = async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) state.stream += decoder.decode(chunk)
  }
  reading().catch(() => {})
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, ['authx', token])
  t.after(() => socket.terminate())
  socket.once('close', (code, reason) => state.closed.push(code, String(reason)))
  await once(socket, 'open')
  await until(() => state.stream === 'open\n')
  return state
}
