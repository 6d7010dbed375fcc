import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type Koa from 'koa'
import {
  AuthManager,
  AuthX,
  type AuthXEvents,
  type AuthXOptions,
  PolicyEngine,
  TokenExpiredError,
} from '../../src/index.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import {
  appOf,
  bearer,
  type Client,
  cookie,
  makeAuthX,
  type Sent,
  serve,
  TEST_NOW,
  TEST_SECRET,
  warningsOf,
} from '../support/app.js'
import { contentOf, forge } from '../support/signing.js'

type Refused = AuthXEvents['refused']

/** Everything that `authx` tells about refusals since the last look. */
function refusalsOf(authx: AuthX): () => Promise<Refused[]> {
  const told: Refused[] = []
  authx.on('refused', event => told.push(event))
  return async () => {
    await setImmediate()
    return told.splice(0)
  }
}

/** An instance behind HTTP: `run` handles every request after `middleware()`. */
async function scene(t: TestContext, run: (authx: AuthX) => Koa.Middleware[], options: AuthXOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  const authx = makeAuthX({ store, now: () => clock.now, ...options })
  t.after(() => authx.close())
  const send = await serve(t, appOf(authx.middleware(), ...run(authx)))
  return { authx, clock, send, refusals: refusalsOf(authx) }
}

const end: Koa.Middleware = ctx => {
  ctx.status = 204
}

const idsOf = (token: string) => ({ sub: contentOf(token).claims.sub, sid: contentOf(token).claims.sid })

/** A token with its last character changed, so that no key has signed it. */
const forged = (token: string) => token.replace(/.{10}$/, 'AAAAAAAAAA')

describe('a guard that refuses a request tells it once', () => {
  const engine = new PolicyEngine()
  const GUARDS: Record<string, [guard: (authx: AuthX) => unknown, reason: string]> = {
    'a scope that is missing': [authx => authx.scopesRequired('admin'), 'ERR_SCOPE'],
    'a policy': [authx => authx.policyRequired('read', 'documents:1', { engine }), 'ERR_POLICY_DENIED'],
    'a subject that does not exist': [authx => authx.subjectRequired(), 'ERR_SUBJECT_NOT_FOUND'],
    'a token of the wrong type': [authx => authx.tokenRequired({ type: 'refresh' }), 'ERR_TOKEN_TYPE'],
    'a token that is not fresh': [authx => authx.freshTokenRequired(), 'ERR_TOKEN_NOT_FRESH'],
  }
  for (const [why, [guard, reason]] of Object.entries(GUARDS)) {
    test(`for ${why}, with the ids of the token`, async t => {
      const { authx, send, refusals } = await scene(t, authx => [guard(authx) as Koa.Middleware, end])
      const { access_token } = await authx.createTokenPair('ada')
      authx.setSubjectGetter(() => undefined)
      assert.ok((await send({ headers: [bearer(access_token)] })).status >= 401)
      assert.deepEqual(await refusals(), [{ reason, ...idsOf(access_token) }])
    })
  }

  /** What a request sends, what is told, and whether the ids are. */
  const TOKENS: Record<
    string,
    [sent: (authx: AuthX, clock: { now: number }) => Promise<string>, Refused['reason'], boolean]
  > = {
    'an expired token': [
      async (authx, clock) => {
        const { access_token } = await authx.createTokenPair('ada')
        clock.now += 3_600_000
        return access_token
      },
      'ERR_TOKEN_EXPIRED',
      true,
    ],
    'a revoked token': [
      async authx => {
        const { access_token } = await authx.createTokenPair('ada')
        await authx.revoke(access_token)
        return access_token
      },
      'ERR_TOKEN_REVOKED',
      true,
    ],
    'a token for another audience': [
      async authx => (await authx.createTokenPair('ada', { audience: 'others' })).access_token,
      'ERR_TOKEN_AUDIENCE',
      true,
    ],
    'a forged token': [
      async authx => forged((await authx.createTokenPair('ada')).access_token),
      'ERR_TOKEN_SIGNATURE',
      false,
    ],
    'a token of another key': [
      async () => forge({ sub: 'ada', sid: 'S' }, undefined, 'another key of more than 32 bytes, 0123456789'),
      'ERR_TOKEN_SIGNATURE',
      false,
    ],
    'a token without an algorithm': [
      async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forge({ sub: 'ada' }).split('.')[1]}.AA`,
      'ERR_TOKEN_INVALID',
      false,
    ],
    'two tokens': [
      async authx => `${(await authx.createTokenPair('ada')).access_token} x`,
      'ERR_TOKEN_REQUEST_MALFORMED',
      false,
    ],
    'no token': [async () => '', 'ERR_TOKEN_MISSING', false],
  }
  for (const [what, [sent, reason, hasIds]] of Object.entries(TOKENS)) {
    test(`for ${what}, ${hasIds ? 'with' : 'without'} ids`, async t => {
      const { authx, send, clock, refusals } = await scene(t, authx => [authx.accessTokenRequired(), end])
      const token = await sent(authx, clock)
      await send(token === '' ? {} : { headers: [bearer(token)] })
      assert.deepEqual(await refusals(), [{ reason, ...(hasIds && idsOf(token)) }])
    })
  }

  test('for cookies of two sessions without ids, and for a CSRF value that is missing with them', async t => {
    const { authx, send, refusals } = await scene(t, authx => [authx.accessTokenRequired(), end], {
      tokenLocation: ['cookies'],
    })
    const [one, other] = [await authx.createTokenPair('ada'), await authx.createTokenPair('eve')]
    const first = cookie({ access_token_cookie: one.access_token })
    await send({ method: 'POST', headers: [first] })
    assert.deepEqual(await refusals(), [{ reason: 'ERR_CSRF_MISSING', ...idsOf(one.access_token) }])
    const both = ['Cookie', `${first[1]}; access_token_cookie=${other.access_token}`] as const
    await send({ headers: [both] })
    assert.deepEqual(await refusals(), [{ reason: 'ERR_TOKEN_REQUEST_MALFORMED' }])
    const withForged = ['Cookie', `${first[1]}; access_token_cookie=${forged(other.access_token)}`] as const
    await send({ method: 'POST', headers: [withForged] })
    assert.deepEqual(await refusals(), [{ reason: 'ERR_CSRF_MISSING', ...idsOf(one.access_token) }])
  })

  test('for a token without a session with its jti', async t => {
    const { authx, send, refusals } = await scene(t, authx => [authx.scopesRequired('a'), end])
    const token = authx.createAccessToken('ada')
    await send({ headers: [bearer(token)] })
    assert.deepEqual(await refusals(), [{ reason: 'ERR_SCOPE', sub: 'ada', sid: contentOf(token).claims.jti }])
  })

  test('for a store that does not answer', async t => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const { authx, send, refusals } = await scene(t, authx => [authx.accessTokenRequired(), end], { store })
    const { access_token } = await authx.createTokenPair('ada')
    store.down()
    assert.equal((await send({ headers: [bearer(access_token)] })).status, 503)
    assert.deepEqual(await refusals(), [{ reason: 'ERR_STORE_UNAVAILABLE', ...idsOf(access_token) }])
  })

  test('with an optional guard, and with each guard of a request that refuses', async t => {
    const { authx, send, refusals } = await scene(t, authx => [
      authx.accessTokenRequired({ optional: true }),
      async (ctx, next) => {
        await next().catch(() => {})
        await authx.scopesRequired('a')(ctx as never, async () => {})
      },
      authx.scopesRequired('b'),
      end,
    ])
    const { access_token } = await authx.createTokenPair('ada')
    await send({ headers: [bearer(access_token)] })
    const scope = { reason: 'ERR_SCOPE', ...idsOf(access_token) }
    assert.deepEqual(await refusals(), [scope, scope])
    await authx.revoke(access_token)
    await send({ headers: [bearer(access_token)] })
    assert.deepEqual(await refusals(), [{ reason: 'ERR_TOKEN_REVOKED', ...idsOf(access_token) }])
  })
})

describe('nothing is told as refused', () => {
  const quiet: Record<string, (authx: AuthX) => Koa.Middleware[]> = {
    'that passes a guard': authx => [authx.accessTokenRequired(), end],
    'that only middleware() has seen': () => [end],
    'whose handler throws an error of the library': authx => [
      authx.accessTokenRequired(),
      () => {
        throw new TokenExpiredError()
      },
    ],
    'whose policy throws an error of the application': authx => [
      authx.policyRequired('read', ctx => ctx.throw(404), { engine: new PolicyEngine() }) as never,
    ],
    'that meets a guard which is not configured': authx => [authx.subjectRequired() as never],
  }
  for (const [what, run] of Object.entries(quiet)) {
    test(`of a request ${what}`, async t => {
      const { authx, send, refusals } = await scene(t, run)
      const { access_token } = await authx.createTokenPair('ada')
      await send({ headers: [bearer(access_token)] })
      assert.deepEqual(await refusals(), [])
    })
  }

  test('of an invalid token without a guard, nor by implicitRefresh, verifyToken and revoke', async t => {
    const { authx, send, refusals } = await scene(t, authx => [authx.implicitRefresh(), end], {
      tokenLocation: ['cookies', 'headers'],
    })
    const token = forged((await authx.createTokenPair('ada')).access_token)
    assert.equal((await send({ headers: [bearer(token), cookie({ access_token_cookie: token })] })).status, 204)
    await assert.rejects(authx.verifyToken(token))
    await assert.rejects(authx.revoke(token))
    assert.deepEqual(await refusals(), [])
  })
})

describe('refresh and logout tell a refusal once', () => {
  const flows = (authx: AuthX): Koa.Middleware[] => [
    async ctx => {
      if (ctx.path === '/logout') await authx.logout(ctx)
      else await authx.refresh(ctx, ctx.path === '/wrong' ? ({ scope: [] } as never) : {})
      ctx.status = 204
    },
  ]
  const post = (send: Client, path: string, sent: Sent = {}) => send({ method: 'POST', path, ...sent })

  test('a refresh, with the ids if its token is signed', async t => {
    // Without recovery, the second refresh with one token is reuse.
    const { authx, send, refusals, clock } = await scene(t, flows, { refreshRecovery: 0 })
    const { access_token, refresh_token } = await authx.createTokenPair('ada')
    const ids = idsOf(refresh_token)
    await post(send, '/refresh')
    await post(send, '/refresh', { headers: [bearer(access_token)] })
    await post(send, '/refresh', { headers: [bearer(forged(refresh_token))] })
    assert.equal((await post(send, '/refresh', { headers: [bearer(refresh_token)] })).status, 204)
    clock.now += 60_000
    await post(send, '/refresh', { headers: [bearer(refresh_token)] })
    assert.deepEqual(await refusals(), [
      { reason: 'ERR_TOKEN_MISSING' },
      { reason: 'ERR_TOKEN_TYPE', ...ids },
      { reason: 'ERR_TOKEN_SIGNATURE' },
      { reason: 'ERR_TOKEN_REUSED', ...ids },
    ])
  })

  test('a refresh with a wrong option is a bug and no refusal', async t => {
    const { authx, send, refusals } = await scene(t, flows)
    const { refresh_token } = await authx.createTokenPair('ada')
    assert.equal((await post(send, '/wrong', { headers: [bearer(refresh_token)] })).status, 500)
    assert.deepEqual(await refusals(), [])
  })

  test('a logout, with the ids if its tokens are of one session', async t => {
    const { authx, send, refusals } = await scene(t, flows, { tokenLocation: ['cookies', 'headers'] })
    const [one, other] = [await authx.createTokenPair('ada'), await authx.createTokenPair('ada')]
    const cookies = (access: string, refresh: string) =>
      cookie({ access_token_cookie: access, refresh_token_cookie: refresh })
    await post(send, '/logout')
    await post(send, '/logout', { headers: [bearer(forged(one.access_token))] })
    await post(send, '/logout', { headers: [cookies(one.access_token, one.refresh_token)] })
    await post(send, '/logout', { headers: [cookies(one.access_token, other.refresh_token)] })
    assert.equal((await post(send, '/logout', { headers: [bearer(one.access_token)] })).status, 204)
    assert.deepEqual(await refusals(), [
      { reason: 'ERR_TOKEN_MISSING' },
      { reason: 'ERR_TOKEN_SIGNATURE' },
      { reason: 'ERR_CSRF_MISSING', ...idsOf(one.access_token) },
      { reason: 'ERR_CSRF_MISSING' },
    ])
  })
})

test('an upgrade that is refused is told once, and a wrong call of authenticateUpgrade is not', async t => {
  const store = new MemoryTokenStore()
  const authx = makeAuthX({ store, tokenLocation: ['headers', 'cookies'] })
  t.after(() => authx.close())
  const refusals = refusalsOf(authx)
  const { access_token } = await authx.createTokenPair('ada')
  const socket = { listeners: () => [], on: () => {} }
  const upgrade = (headers: Record<string, string>) => {
    const rawHeaders = Object.entries(headers).flat()
    const request = { headers, rawHeaders, socket, method: 'GET', url: '/' } as unknown as IncomingMessage
    return authx.authenticateUpgrade(request, { origins: ['https://app.example'] })
  }
  await assert.rejects(upgrade({}))
  await assert.rejects(upgrade({ authorization: `Bearer ${forged(access_token)}` }))
  await assert.rejects(upgrade({ cookie: `access_token_cookie=${access_token}`, origin: 'https://evil.example' }))
  await assert.rejects(authx.authenticateUpgrade({ headers: {}, rawHeaders: [], socket } as never), /origins/)
  await upgrade({ authorization: `Bearer ${access_token}` })
  assert.deepEqual(await refusals(), [
    { reason: 'ERR_TOKEN_MISSING' },
    { reason: 'ERR_TOKEN_SIGNATURE' },
    { reason: 'ERR_CSRF', ...idsOf(access_token) },
  ])
})

test('a guard of a manager tells it on the instance whose guard it is', async t => {
  const make = (loginType: string) =>
    new AuthX({ loginType, secretKey: `${loginType}-${TEST_SECRET}`, store: new MemoryTokenStore() })
  const [user, admin] = [make('user'), make('admin')]
  t.after(() => Promise.all([user.close(), admin.close()]))
  const manager = new AuthManager({ user, admin })
  const send = await serve(t, appOf(manager.middleware() as never, manager.accessTokenRequired('admin') as never, end))
  const [ofUser, ofAdmin] = [refusalsOf(user), refusalsOf(admin)]
  const { access_token } = await user.createTokenPair('ada')
  assert.equal((await send({ headers: [bearer(access_token)] })).json.error_type, 'LoginTypeMismatchError')
  // The key of `admin` has not signed the token, so its audit log shows no ids of a user.
  assert.deepEqual([await ofUser(), await ofAdmin()], [[], [{ reason: 'ERR_LOGIN_TYPE' }]])
})

test('a listener of refused that throws changes no answer', async t => {
  const { authx, send } = await scene(t, authx => [authx.accessTokenRequired(), end])
  authx.on('refused', () => {
    throw new Error('the audit log is full')
  })
  let status = 0
  const warnings = await warningsOf(async () => {
    status = (await send()).status
  })
  assert.equal(status, 401)
  assert.match(String(warnings[0]), /a listener of 'refused' failed: the audit log is full/)
})

test('with getKey a refused request asks for the key once, and not again if there is none', async t => {
  const asked: unknown[] = []
  const keys: Record<string, string | undefined> = { good: TEST_SECRET }
  const { authx, send, refusals } = await scene(t, authx => [authx.scopesRequired('a'), end], {
    getKey: (_header, { tenant }) => {
      asked.push(tenant)
      return keys[String(tenant)]
    },
  })
  const token = (tenant: string) => authx.createAccessToken('ada', { data: { tenant } })
  await send({ headers: [bearer(token('good'))] })
  await send({ headers: [bearer(token('none'))] })
  assert.deepEqual(asked, ['good', 'none'])
  const [first, second] = await refusals()
  assert.deepEqual([first?.reason, first?.sub], ['ERR_SCOPE', 'ada'])
  assert.deepEqual(second, { reason: 'ERR_TOKEN_SIGNATURE' })
})
