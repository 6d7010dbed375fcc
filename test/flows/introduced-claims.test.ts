/** Audience, issuer and login type are introduced or changed while tokens are in circulation, and nobody is logged out. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type { AdoptClaims, AuthX, AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, makeAuthX, serve, TEST_NOW } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { contentOf } from '../support/signing.js'

interface Change {
  readonly before?: AuthXOptions
  readonly after: AuthXOptions
  /** A claim of new tokens that those of before do not have. */
  readonly claim: readonly [name: string, value: string]
}

const addAudience: AdoptClaims = claims => ({ aud: 'api', ...claims })
const addIssuer: AdoptClaims = claims => ({ iss: 'us', ...claims })
const addLoginType: AdoptClaims = claims => ({ login_type: 'user', ...claims })
const renameLoginType: AdoptClaims = claims => ({
  ...claims,
  login_type: claims.login_type === 'user' ? 'member' : claims.login_type,
})

const CHANGES: Readonly<Record<string, Change>> = {
  'audience is introduced': { after: { encodeAudience: 'api', adoptClaims: addAudience }, claim: ['aud', 'api'] },
  'issuer is introduced': { after: { encodeIssuer: 'us', adoptClaims: addIssuer }, claim: ['iss', 'us'] },
  'loginType is introduced': {
    after: { loginType: 'user', storedLoginType: false, adoptClaims: addLoginType },
    claim: ['login_type', 'user'],
  },
  'loginType is changed': {
    before: { loginType: 'user' },
    after: { loginType: 'member', storedLoginType: 'user', adoptClaims: renameLoginType },
    claim: ['login_type', 'member'],
  },
}

function scene(t: TestContext) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const make = (options: AuthXOptions = {}) => makeAuthX({ store, now: () => clock.now, ...options })
  const server = (authx: AuthX) => serve(t, appOf(authx.middleware()).use(addLoginRoutes(new Router(), authx).routes()))
  return { clock, make, server }
}

interface Pair {
  access_token: string
  refresh_token: string
}

async function login(client: Client): Promise<Pair> {
  return (await client({ method: 'POST', path: '/login' })).json as unknown as Pair
}

const ask = (client: Client, path: string, token: string) => client({ method: 'POST', path, headers: [bearer(token)] })

/** What guard, refresh guard and refresh answer: 200, or an error. */
async function answer(client: Client, path: string, token: string) {
  const { status, json } = await ask(client, path, token)
  return json.error_type ?? status
}

for (const [what, { before, after, claim }] of Object.entries(CHANGES)) {
  describe(`when ${what}`, () => {
    const [name, value] = claim
    const start = async (t: TestContext) => {
      const { clock, make, server } = scene(t)
      const [former, authx] = [make(before), make(after)]
      const pair = await login(await server(former))
      return { clock, make, server, former, authx, pair, client: await server(authx) }
    }

    test('tokens of before go on, and are refreshed into tokens that have the claim', async t => {
      const { make, server, pair, client } = await start(t)
      assert.notEqual(contentOf(pair.access_token).claims[name], value)
      assert.equal(await answer(client, '/protected', pair.access_token), 200)
      assert.equal(await answer(client, '/refreshable', pair.refresh_token), 200)
      const { json } = await ask(client, '/refresh', pair.refresh_token)
      for (const token of [json.access_token, json.refresh_token]) {
        assert.equal(contentOf(String(token)).claims[name], value)
      }
      // The end of the change: adoptClaims is removed, the other options stay.
      const later = await server(make({ ...after, adoptClaims: undefined }))
      assert.equal(await answer(later, '/protected', String(json.access_token)), 200)
      assert.equal(await answer(later, '/refresh', String(json.refresh_token)), 200)
      assert.notEqual(await answer(later, '/protected', pair.access_token), 200)
    })

    test('sessions of before are listed, found and counted with those of after', async t => {
      const { make, authx, pair, client } = await start(t)
      const { sid } = contentOf(pair.access_token).claims
      const next = await login(client)
      const both = [sid, contentOf(next.access_token).claims.sid].sort()
      assert.deepEqual((await authx.listSessions('ada')).map(session => session.sid).sort(), both)
      assert.equal((await authx.getSession(String(sid)))?.sub, 'ada')
      await make({ ...after, maxSessions: 2 }).createTokenPair('ada')
      assert.equal(await answer(client, '/protected', pair.access_token), 'RevokedTokenError')
      assert.equal(await answer(client, '/protected', next.access_token), 200)
    })

    const ENDS: Readonly<Record<string, (authx: AuthX, pair: Pair, client: Client) => Promise<unknown>>> = {
      'a logout': (_, { access_token }, client) => ask(client, '/logout', access_token),
      'a logout with the refresh token': (_, { refresh_token }, client) => ask(client, '/logout', refresh_token),
      revoke: (authx, { access_token }) => authx.revoke(access_token),
      'revoke with a payload': async (authx, { access_token }) => authx.revoke(await authx.verifyToken(access_token)),
      revokeSession: (authx, { access_token }) =>
        authx.revokeSession(String(contentOf(access_token).claims.sid), { sub: 'ada' }),
      revokeAllSessions: authx => authx.revokeAllSessions('ada'),
    }
    for (const [how, end] of Object.entries(ENDS)) {
      test(`a session of before ends by ${how}`, async t => {
        const { authx, pair, client } = await start(t)
        assert.equal(await answer(client, '/protected', pair.access_token), 200)
        await end(authx, pair, client)
        for (const path of ['/protected', '/refresh']) {
          const token = path === '/refresh' ? pair.refresh_token : pair.access_token
          assert.equal(await answer(client, path, token), 'RevokedTokenError', path)
        }
        assert.deepEqual(await authx.listSessions('ada'), [])
      })
    }

    test('what was revoked before stays revoked', async t => {
      const { make, former, client, pair, server } = await start(t)
      const other = make(before)
      const single = other.createAccessToken('ada')
      await former.revoke(single)
      assert.equal(await answer(client, '/protected', single), 'RevokedTokenError')
      const cut = other.createAccessToken('ada')
      await former.revokeAllSessions('ada')
      for (const token of [pair.access_token, cut]) {
        assert.equal(await answer(await server(make(after)), '/protected', token), 'RevokedTokenError')
      }
    })

    test('a refresh token of before that is used twice ends its session', async t => {
      const { clock, pair, client } = await start(t)
      const { json } = await ask(client, '/refresh', pair.refresh_token)
      assert.equal(await answer(client, '/protected', String(json.access_token)), 200)
      clock.now += 60_000
      assert.equal(await answer(client, '/refresh', pair.refresh_token), 'ReusedTokenError')
      assert.equal(await answer(client, '/protected', String(json.access_token)), 'RevokedTokenError')
    })
  })
}

describe('with servers of before and after at the same time,', () => {
  /** What the servers of before need before the first server of after starts. */
  const PREPARED: Readonly<Record<string, readonly [before: AuthXOptions, after: AuthXOptions]>> = {
    audience: [
      { decodeAudience: 'api', adoptClaims: addAudience },
      { encodeAudience: 'api', adoptClaims: addAudience },
    ],
    issuer: [{}, { encodeIssuer: 'us', adoptClaims: addIssuer }],
    loginType: [
      { adoptClaims: ({ login_type, ...claims }) => claims },
      { loginType: 'user', storedLoginType: false, adoptClaims: addLoginType },
    ],
  }
  for (const [what, [before, after]] of Object.entries(PREPARED)) {
    test(`each accepts and refreshes the tokens of the other: ${what}`, async t => {
      const { make, server } = scene(t)
      const servers = [await server(make(before)), await server(make(after))]
      for (const [n, one] of servers.entries()) {
        let pair = await login(one)
        for (let turn = 0; turn < 3; turn++) {
          const other = servers[(n + turn + 1) % 2] as Client
          assert.equal(await answer(other, '/protected', pair.access_token), 200)
          pair = (await ask(other, '/refresh', pair.refresh_token)).json as unknown as Pair
        }
        await make(before).revokeAllSessions('ada')
        for (const each of servers)
          assert.equal(await answer(each, '/protected', pair.access_token), 'RevokedTokenError')
      }
    })
  }
})

describe('a login type that is introduced', () => {
  test('keeps the sessions of two login types apart, though both were of none before', async t => {
    const { make, server } = scene(t)
    const adopt: AdoptClaims = claims => ({ login_type: claims.role === 'admin' ? 'admin' : 'user', ...claims })
    const of = (loginType: string) => make({ loginType, storedLoginType: false, adoptClaims: adopt })
    const former = make()
    const user = (await former.createTokenPair('ada', { data: { role: 'user' } })).access_token
    const admin = (await former.createTokenPair('eve', { data: { role: 'admin' } })).access_token
    const [users, admins] = [await server(of('user')), await server(of('admin'))]
    const verdicts = [await answer(users, '/protected', user), await answer(admins, '/protected', user)]
    assert.deepEqual(verdicts, [200, 'LoginTypeMismatchError'])
    const others = [await answer(users, '/protected', admin), await answer(admins, '/protected', admin)]
    assert.deepEqual(others, ['LoginTypeMismatchError', 200])
  })

  test('does not touch the sessions of another type in the same store', async t => {
    const { make } = scene(t)
    const admins = make({ loginType: 'admin' })
    const { access_token } = await admins.createTokenPair('ada')
    const users = make({ loginType: 'user', storedLoginType: false, adoptClaims: addLoginType })
    await users.revokeAllSessions('ada')
    assert.deepEqual(await users.listSessions('ada'), [])
    await assert.rejects(users.verifyToken(access_token), { name: 'LoginTypeMismatchError' })
    assert.equal((await admins.verifyToken(access_token)).sub, 'ada')
  })

  test('asks each store for a payload under the type of its own instance', async t => {
    const { make } = scene(t)
    const payload = await make().verifyToken((await make().createTokenPair('ada')).access_token)
    const kept = make({ loginType: 'user', storedLoginType: false, adoptClaims: addLoginType })
    const own = await kept.verifyToken((await kept.createTokenPair('ada')).access_token)
    assert.equal(await kept.isRevoked(own), false)
    const changed = make({ loginType: 'user', adoptClaims: addLoginType })
    assert.equal(await changed.isRevoked(own), true)
    assert.equal(await make().isRevoked(payload), false)
  })

  test('without storedLoginType refuses the sessions of before', async t => {
    const { make } = scene(t)
    const { access_token } = await make().createTokenPair('ada')
    const error = await make({ loginType: 'user', adoptClaims: addLoginType })
      .verifyToken(access_token)
      .catch(each => each)
    assert.equal(error.name, 'RevokedTokenError')
  })
})
