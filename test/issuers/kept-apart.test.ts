import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { AuthX, type AuthXOptions } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { authRouter } from 'koa-authx/router'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { isText } from '../../src/token/payload.js'
import { appOf, bearer, cookie, type Reply, serve, TEST_SECRET } from '../support/app.js'
import { type IssuerServer, issuerServer } from '../support/issuer-server.js'
import { forge } from '../support/signing.js'

const LOGOUT = '/backchannel-logout'
const FORM = ['Content-Type', 'application/x-www-form-urlencoded'] as const

type Claims = Record<string, unknown>

/** An application with users of its own and two issuers, and with every flow that ends or shows sessions. */
async function scene(t: TestContext, options: AuthXOptions = {}) {
  const [one, two] = [await issuerServer(t), await issuerServer(t)]
  const issuers = [one, two].map(({ issuer }) => remoteIssuer({ issuer, audience: 'my-api', clientId: 'my-app' }))
  const authx = new AuthX({ secretKey: TEST_SECRET, issuers, store: new MemoryTokenStore(), ...options })
  const events: string[] = []
  for (const name of ['revoked', 'allRevoked', 'reuse', 'refreshed', 'replayed', 'recovered'] as const) {
    authx.on(name, () => events.push(name))
  }
  const logout = authx.backchannelLogout()
  const renewing = options.implicitRefreshDeltatime ? [authx.implicitRefresh(), authx.autoRefresh()] : []
  const app = appOf(authx.middleware(), ...renewing, (ctx, next) => (ctx.path === LOGOUT ? logout(ctx, next) : next()))
  app.use(authRouter(authx).routes()).use(async (ctx, next) => {
    if (ctx.path !== '/reauthenticate') return next()
    ctx.body = await authx.reauthenticate(ctx)
  })
  app.use(authx.accessTokenRequired()).use(ctx => {
    ctx.body = ctx.state.token
  })
  const send = await serve(t, app)
  const ask = (method: string, path: string, token: string) => send({ method, path, headers: [bearer(token)] })
  const passes = async (token: string) => (await ask('GET', '/me', token)).status === 200
  const submit = (path: string, fields: Record<string, string>) =>
    send({ method: 'POST', path, headers: [FORM], body: String(new URLSearchParams(fields)) })
  const sendLogout = async (server: IssuerServer, claims: Claims) => {
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const all = { sub: undefined, aud: 'my-app', events, ...claims, jti: randomUUID() }
    const token = await server.token(all, { typ: 'logout+jwt' })
    return submit(LOGOUT, { logout_token: token })
  }
  return { one, two, authx, events, send, ask, submit, passes, sendLogout }
}

/** A login of our own. */
async function login(authx: AuthX, sub: string) {
  const { access_token, refresh_token } = await authx.createTokenPair(sub)
  const { sid, jti } = await authx.verifyToken(access_token)
  return { sub, sid: String(sid), jti, access: access_token, refresh: refresh_token }
}

/** An id that somebody may write to hit one of ours: ours itself, a part of it, a key of the store, odd text. */
const idLike = (...ours: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...ours) },
    fc
      .tuple(
        fc.constantFrom(...ours),
        fc.nat({ max: 40 }),
        fc.constantFrom('', ' ', ':', '\0', '/', '"', '",', '\u200b'),
      )
      .map(([id, length, more]) => `${id.slice(0, length)}${more}`),
    fc
      .tuple(fc.constantFrom('session:', 'subject:', 'sessions:', 'issuer-session:', '["'), fc.constantFrom(...ours))
      .map(parts => parts.join('')),
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\ud800', 'e\u0301', '\u00e9', '__proto__', 'constructor', 'toString', 'null', '[object Object]'),
    fc.nat({ max: 3000 }).map(length => 'x'.repeat(length)),
  )

describe('whatever ids an issuer writes into its tokens', () => {
  test('it ends none of our sessions and none of another issuer, and it ends its own', async t => {
    const { one, two, authx, events, ask, submit, passes, sendLogout } = await scene(t)
    const own = await login(authx, 'ada')
    const id = idLike(own.sid, own.jti, own.sub, one.issuer, two.issuer)
    const ways = [
      'revoke',
      'revoke route',
      'logout',
      'session',
      'subject',
      'logout token',
      'subject logout token',
    ] as const
    await fc.assert(
      fc.asyncProperty(id, id, id, fc.constantFrom(...ways), async (sid, jti, sub, way) => {
        const claims = { sid, jti, sub }
        const token = await one.token(claims)
        const of = { issuer: one.issuer }
        if (await authx.verifyToken(token).then(() => true, refusedAsRevokedOrMalformed)) {
          if (way === 'revoke') await authx.revoke(token)
          if (way === 'revoke route') assert.equal((await submit('/revoke', { token })).status, 200)
          if (way === 'logout') assert.equal((await ask('POST', '/logout', token)).status, 204)
          if (way === 'session') await authx.revokeSession(sid, of).catch(expectTypeError)
          if (way === 'subject') await authx.revokeAllSessions(sub, of)
          if (way === 'logout token') await sendLogout(one, { sid })
          if (way === 'subject logout token') await sendLogout(one, { sub })
          const isSidLost = (way === 'session' || way === 'logout token') && !isWritable(sid)
          if (!isSidLost) assert.equal(await passes(token), false)
        }
        assert.equal(await passes(own.access), true)
        if (isWritable(sub)) assert.equal(await passes(await two.token(claims)), true)
      }),
      { numRuns: 150 },
    )
    assert.deepEqual(events, [])
    assert.equal((await authx.listSessions('ada')).length, 1)
    assert.equal((await ask('POST', '/refresh', own.refresh)).status, 200)
  })

  test('only the session and the subject that it names end, not one with a similar name', async t => {
    const { one, passes, sendLogout } = await scene(t)
    const id = idLike('4f1d2c3b', 'ada')
    await fc.assert(
      fc.asyncProperty(id, id, fc.constantFrom('sid', 'sub'), async (first, second, claim) => {
        fc.pre(first !== second && isWritable(first) && isWritable(second))
        // Each run has ids of its own.
        const run = randomUUID()
        const claims = (value: string) => ({
          sub: `${run} somebody`,
          sid: run,
          jti: randomUUID(),
          [claim]: run + value,
        })
        const tokens = [await one.token(claims(first)), await one.token(claims(second))] as const
        assert.equal((await sendLogout(one, { [claim]: run + first })).status, 200)
        assert.deepEqual([await passes(tokens[0]), await passes(tokens[1])], [false, true])
      }),
      { numRuns: 100 },
    )
  })

  test('its token is none of ours: it refreshes, lists, confirms and ends no session', async t => {
    const { one, authx, events, ask, passes } = await scene(t)
    const own = await login(authx, 'ada')
    const id = idLike(own.sid, own.jti, own.sub)
    const more = fc.constantFrom<Claims>(
      {},
      { type: 'refresh' },
      { gen: 0 },
      { gen: 1, renewable: true },
      { fresh: true },
    )
    const requests = [
      ['POST', '/refresh'],
      ['POST', '/reauthenticate'],
      ['GET', '/sessions'],
      ['DELETE', '/sessions'],
      ['DELETE', `/sessions/${own.sid}`],
    ] as const
    await fc.assert(
      fc.asyncProperty(id, id, id, more, fc.constantFrom(...requests), async (sid, jti, sub, extra, [method, path]) => {
        const reply = await ask(method, path, await one.token({ scope: 'sessions', sid, jti, sub, ...extra }))
        assert.ok(isRefusal(reply), `${method} ${path}: ${reply.status} ${reply.text}`)
        assert.equal(await passes(own.access), true)
      }),
      { numRuns: 150 },
    )
    assert.deepEqual(events, [])
    assert.ok(await authx.getSession(own.sid))
  })

  test('its token in a cookie is neither renewed nor replaced by one of ours', async t => {
    const { one, authx, events, send } = await scene(t, {
      tokenLocation: ['headers', 'cookies'],
      cookieCsrfProtect: false,
      implicitRefreshDeltatime: '1d',
    })
    const own = await login(authx, 'ada')
    for (const more of [{}, { renewable: true }, { gen: 0, sid: own.sid }]) {
      const token = await one.token({ ...more, sid: own.sid })
      const reply = await send({ path: '/me', headers: [cookie({ [authx.config.accessCookieName]: token })] })
      assert.deepEqual([reply.status, reply.json.iss, reply.cookies], [200, one.issuer, []])
    }
    assert.deepEqual(events, [])
  })

  test('a token with the iss of somebody else is refused, also if the issuer has signed it', async t => {
    const { one, two, passes } = await scene(t)
    const names = idLike(one.issuer, two.issuer, 'koa-authx')
    await fc.assert(
      fc.asyncProperty(names, async iss => {
        assert.equal(await passes(await one.token({ iss, jti: randomUUID() })), iss === one.issuer)
      }),
      { numRuns: 60 },
    )
  })
})

test('a logout token of one issuer ends nothing of another one, whose name it uses', async t => {
  const { one, two, authx, passes, sendLogout } = await scene(t)
  const own = await login(authx, 'ada')
  const ids = { sid: own.sid, sub: 'ada' }
  const tokens = [await two.token(ids), own.access]
  const reply = await sendLogout(one, { ...ids, iss: two.issuer })
  assert.deepEqual([reply.status, reply.json.error], [400, 'invalid_request'])
  assert.equal((await sendLogout(one, ids)).status, 200)
  for (const token of tokens) assert.equal(await passes(token), true)
})

describe('whatever we end of our own', () => {
  test('no token of an issuer with the same ids ends', async t => {
    const { one, authx, ask, passes } = await scene(t)
    const subjects = idLike('ada', 'grace').filter(isWritable)
    const ways = ['revoke', 'logout', 'session', 'subject', 'reuse'] as const
    await fc.assert(
      fc.asyncProperty(subjects, fc.constantFrom(...ways), async (sub, way) => {
        const own = await login(authx, sub)
        const { sid, jti } = own
        const token = await one.token({ sid, jti, sub })
        if (way === 'revoke') await authx.revoke(own.access)
        if (way === 'logout') assert.equal((await ask('POST', '/logout', own.access)).status, 204)
        if (way === 'session') assert.equal(await authx.revokeSession(sid, { sub }), true)
        if (way === 'subject') await authx.revokeAllSessions(sub)
        if (way === 'reuse') await authx.revoke(own.refresh)
        assert.deepEqual([await passes(own.access), await passes(token)], [false, true])
      }),
      { numRuns: 60 },
    )
  })

  test("a token that our key has signed does not become an issuer's by its iss", async t => {
    const { one, passes } = await scene(t)
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: one.issuer, sub: 'ada', aud: 'my-api', jti: 'j', type: 'access', iat: now, exp: now + 60 }
    assert.equal(await passes(forge(claims, undefined, TEST_SECRET)), false)
  })
})

/** Whether a token may carry this text as an id. */
const isWritable = isText

function refusedAsRevokedOrMalformed({ code }: { code?: string }): false {
  assert.ok(code === 'ERR_TOKEN_REVOKED' || code === 'ERR_TOKEN_INVALID', code)
  return false
}

function expectTypeError(error: unknown): void {
  assert.ok(error instanceof TypeError)
}

/** Whether an answer refuses the caller and has no token. */
const isRefusal = ({ status, text, cookies }: Reply) =>
  (status === 401 || status === 403) && !/eyJ/.test(`${text}${cookies}`)
