/** Tokens that a program of koa-jwt and jsonwebtoken has issued, in a program of koa-authx with `adoptClaims`. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import jsonwebtoken from 'jsonwebtoken'
import type { AdoptClaims, AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, cookie, makeAuthX, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { contentOf } from '../support/signing.js'

const NOW = TEST_NOW / 1000
const DAY = 86_400

/** Signs a token as such programs do; it was issued an hour ago. */
const oldToken = (claims: object = {}, life = 30 * DAY) =>
  jsonwebtoken.sign({ sub: 'ada', iat: NOW - 3600, exp: NOW - 3600 + life, ...claims }, TEST_SECRET)

/** The old program wrote what a token is for into a claim of its own. */
const adoptClaims: AdoptClaims = ({ use, ...claims }) => ({ ...claims, type: use === 'refresh' ? 'refresh' : 'access' })

function instances(t: TestContext, options: AuthXOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const make = (more: AuthXOptions = {}) => makeAuthX({ store, now: () => clock.now, adoptClaims, ...options, ...more })
  /** The server of another process. */
  const server = async (authx = make()) => {
    const renews = authx.config.tokenLocation.access.includes('cookies') ? [authx.implicitRefresh()] : []
    return serve(t, appOf(authx.middleware(), ...renews).use(addLoginRoutes(new Router(), authx).routes()))
  }
  return { clock, make, server }
}

const get = (client: Client, token: unknown, path = '/protected') => client({ path, headers: [bearer(String(token))] })
const post = (client: Client, token: unknown, path: string) =>
  client({ method: 'POST', path, headers: [bearer(String(token))] })

/** The status of a request with a token at `/protected`, with the error. */
async function verdict(client: Client, token: unknown, path = '/protected') {
  const { status, json } = await get(client, token, path)
  return status === 200 ? 'good' : `${status} ${json.error_type}`
}

describe('an old access token', () => {
  test('gives access until its own end, and not after it', async t => {
    const { clock, server } = instances(t)
    const client = await server()
    const token = oldToken()
    assert.equal(await verdict(client, token), 'good')
    clock.now += 29 * DAY * 1000
    assert.equal(await verdict(client, token), 'good')
    clock.now += DAY * 1000
    assert.equal(await verdict(client, token), '401 TokenExpiredError')
  })

  test('is revoked by a logout in every process, and no other token is', async t => {
    const { server } = instances(t)
    const [one, other] = [await server(), await server()]
    const [token, elsewhere] = [oldToken(), oldToken({ device: 'phone' })]
    for (const client of [one, other]) for (let n = 0; n < 3; n++) assert.equal(await verdict(client, token), 'good')
    assert.equal((await post(one, token, '/logout')).status, 204)
    for (const client of [one, other]) assert.equal(await verdict(client, token), '401 RevokedTokenError')
    assert.equal(await verdict(other, elsewhere), 'good')
  })

  test('is revoked by the application: as a token, as a payload, and by the subject', async t => {
    const { make, server } = instances(t)
    const authx = make()
    const client = await server()
    const tokens = [1, 2, 3].map(n => oldToken({ n }))
    await authx.revoke(String(tokens[0]))
    await authx.revoke(await authx.verifyToken(String(tokens[1])))
    const verdicts = () => Promise.all(tokens.map(token => verdict(client, token)))
    assert.deepEqual(await verdicts(), ['401 RevokedTokenError', '401 RevokedTokenError', 'good'])
    await authx.revokeAllSessions('ada')
    assert.deepEqual(await verdicts(), Array(3).fill('401 RevokedTokenError'))
    assert.equal(await verdict(client, oldToken({ sub: 'eve' })), 'good')
  })

  test('is revoked by its subject too if it says no time of issue, or adoptClaims a later one', async t => {
    const later: AdoptClaims = claims => ({ ...claims, type: 'access', iat: NOW + 30 })
    for (const adopt of [adoptClaims, later]) {
      const { make, server } = instances(t, { adoptClaims: adopt })
      const client = await server()
      const token =
        adopt === later
          ? oldToken()
          : jsonwebtoken.sign({ sub: 'ada', exp: NOW + DAY }, TEST_SECRET, { noTimestamp: true })
      assert.equal(await verdict(client, token), 'good')
      await make().revokeAllSessions('ada')
      assert.equal(await verdict(client, token), '401 RevokedTokenError')
    }
  })

  test('is found by the blocklist of the application, by its own claims', async t => {
    const { make, server } = instances(t)
    const authx = make()
    authx.setTokenBlocklist(({ tid }) => tid === 'stolen')
    const client = await server(authx)
    assert.equal(await verdict(client, oldToken({ tid: 'stolen' })), '401 RevokedTokenError')
    assert.equal(await verdict(client, oldToken({ tid: 'other' })), 'good')
  })

  test('is accepted from a cookie, and refused for other methods: it has no CSRF value', async t => {
    const { server } = instances(t, { tokenLocation: ['cookies'], accessCookieName: 'token' })
    const client = await server()
    const headers = [cookie({ token: oldToken() })]
    assert.equal((await client({ path: '/protected', headers })).status, 200)
    const written = await client({ method: 'POST', path: '/protected', headers })
    assert.deepEqual([written.status, written.json.error_type], [403, 'MissingCSRFTokenError'])
  })

  test('is accepted from a cookie for every method of an own page, with csrfCheck: origin', async t => {
    const { server } = instances(t, { tokenLocation: ['cookies'], accessCookieName: 'token', csrfCheck: 'origin' })
    const client = await server()
    const statusFrom = async (site: string) => {
      const headers = [cookie({ token: oldToken() }), ['Sec-Fetch-Site', site] as const]
      return (await client({ method: 'POST', path: '/protected', headers })).status
    }
    assert.deepEqual([await statusFrom('same-origin'), await statusFrom('cross-site')], [200, 403])
  })

  test('is never renewed by implicit refresh: it is not marked as renewable', async t => {
    const { server } = instances(t, { tokenLocation: ['cookies'], implicitRefreshDeltatime: '100d' })
    const client = await server()
    const reply = await client({ path: '/protected', headers: [cookie({ access_token_cookie: oldToken() })] })
    assert.deepEqual([reply.status, reply.cookies], [200, []])
  })
})

describe('an old refresh token', () => {
  const oldRefresh = () => oldToken({ use: 'refresh', role: 'admin' })

  test('gives no access, and is exchanged for tokens of koa-authx, which need no adoptClaims', async t => {
    const { make, server } = instances(t)
    const client = await server()
    const token = oldRefresh()
    assert.equal(await verdict(client, token), '401 AccessTokenRequiredError')
    assert.equal(await verdict(client, token, '/refreshable'), 'good')
    const { status, json } = await post(client, token, '/refresh')
    assert.equal(status, 200)
    const { access_token, refresh_token } = json
    const { claims } = contentOf(String(refresh_token))
    assert.deepEqual([claims.sub, claims.type, claims.role, claims.gen], ['ada', 'refresh', 'admin', 1])
    const [session] = await make().listSessions('ada')
    assert.deepEqual([session?.sid, session?.sub], [claims.sid, 'ada'])
    const later = await server(make({ adoptClaims: undefined }))
    assert.equal(await verdict(later, access_token), 'good')
    assert.equal((await post(later, refresh_token, '/refresh')).status, 200)
    assert.equal(await verdict(later, token, '/refreshable'), '401 JWTDecodeError')
  })

  test('is used only once: who sends it later ends the session', async t => {
    const { clock, server } = instances(t)
    const [one, other] = [await server(), await server()]
    const token = oldRefresh()
    const { json } = await post(one, token, '/refresh')
    assert.equal(await verdict(other, json.access_token), 'good')
    const again = await post(other, token, '/refresh')
    assert.equal(
      contentOf(String(again.json.refresh_token)).claims.jti,
      contentOf(String(json.refresh_token)).claims.jti,
    )
    clock.now += 60_000
    assert.equal((await post(other, token, '/refresh')).json.error_type, 'ReusedTokenError')
    assert.equal(await verdict(one, json.access_token), '401 RevokedTokenError')
  })

  test('is revoked by a logout, by its subject, and with the session that it opened', async t => {
    const { make, server } = instances(t)
    const client = await server()
    const refused = async (token: unknown) => (await post(client, token, '/refresh')).json.error_type
    const first = oldRefresh()
    assert.equal((await post(client, first, '/logout')).status, 204)
    assert.equal(await refused(first), 'RevokedTokenError')
    const second = oldToken({ use: 'refresh', n: 2 })
    const { json } = await post(client, second, '/refresh')
    await make().revokeSession(String(contentOf(String(json.refresh_token)).claims.sid))
    for (const token of [second, json.refresh_token]) assert.equal(await refused(token), 'RevokedTokenError')
    const third = oldToken({ use: 'refresh', n: 3 })
    await make().revokeAllSessions('ada')
    assert.equal(await refused(third), 'RevokedTokenError')
  })

  test('opens a session that counts from its own issue: sessionExpires must be longer than its life', async t => {
    const { clock, server } = instances(t)
    const yearLong = oldToken({ use: 'refresh' }, 365 * DAY)
    clock.now += 100 * DAY * 1000
    assert.equal((await post(await server(), yearLong, '/refresh')).json.error_type, 'RevokedTokenError')
    const longer = instances(t, { sessionExpires: '400d' })
    longer.clock.now = clock.now
    assert.equal((await post(await longer.server(), yearLong, '/refresh')).status, 200)
  })
})

test('an old refresh token without iat cannot be refreshed: nobody knows when its session began', async t => {
  const { server } = instances(t)
  const token = jsonwebtoken.sign({ sub: 'ada', use: 'refresh', exp: NOW + DAY }, TEST_SECRET, { noTimestamp: true })
  assert.equal((await post(await server(), token, '/refresh')).json.error_type, 'RevokedTokenError')
})

describe('a token of koa-authx', () => {
  /** Made for old tokens only, and without looking whether it is one. */
  const careless: AdoptClaims = ({ sub, exp }) => ({ sub, exp, type: 'access' })

  test('goes on as before if adoptClaims does not think of it: no refresh token gives access', async t => {
    const { make, server } = instances(t, { adoptClaims: careless })
    const client = await server()
    const { json } = await client({ method: 'POST', path: '/login' })
    assert.equal(await verdict(client, json.refresh_token), '401 AccessTokenRequiredError')
    assert.equal((await post(client, json.refresh_token, '/refresh')).status, 200)
    assert.equal((await post(client, json.access_token, '/logout')).status, 204)
    assert.equal(await verdict(client, json.access_token), '401 RevokedTokenError')
    assert.deepEqual(await make().listSessions('ada'), [])
  })
})

describe('adoptClaims that refuses or fails', () => {
  const NONE: Readonly<Record<string, [adopt: () => unknown, answer: string]>> = {
    'returns undefined': [() => undefined, '401 JWTDecodeError'],
    throws: [() => assert.fail('secret reason'), '503 CallbackUnavailableError'],
    'returns a promise': [async () => ({}), '503 CallbackUnavailableError'],
    'returns no object': [() => 'ada', '503 CallbackUnavailableError'],
  }
  for (const [what, [adopt, answer]] of Object.entries(NONE)) {
    test(`${what}: ${answer} from guards, refresh and logout, and a public page is served`, async t => {
      const { make } = instances(t, { adoptClaims: adopt as AdoptClaims })
      const authx = make()
      const router = addLoginRoutes(new Router(), authx).get('/public', ctx => {
        ctx.body = { token: ctx.state.token ?? null }
      })
      const client = await serve(t, appOf(authx.middleware()).use(router.routes()))
      for (const path of ['/protected', '/refreshable', '/refresh', '/logout']) {
        const { status, json, text } = await post(client, oldToken(), path)
        assert.equal(`${status} ${json.error_type}`, answer, path)
        assert.doesNotMatch(text, /secret reason/)
      }
      assert.deepEqual((await get(client, oldToken(), '/public')).json, { token: null })
      assert.equal((await get(client, 'garbage')).status, 401)
    })
  }
})
