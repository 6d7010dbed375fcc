import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { AuthXClient } from '../client/index.js'
import { AuthManager, AuthX, PolicyEngine, rateLimited } from '../src/index.js'
import { authRouter } from '../src/router/index.js'
import { makeToken } from '../src/testing/index.js'
import { MemoryTokenStore } from '../stores/memory.js'
import { PostgresTokenStore } from '../stores/postgres.js'
import { RedisTokenStore } from '../stores/redis.js'
import { SqliteTokenStore } from '../stores/sqlite.js'
import { makeAuthX, TEST_SECRET } from './support/app.js'
import { contentOf } from './support/signing.js'

/** Options of these names, none of which has a value. */
const none = <Name extends string>(...names: Name[]) =>
  Object.fromEntries(names.map(name => [name, undefined])) as { [Each in Name]?: undefined }

const authx = makeAuthX({ store: new MemoryTokenStore() })

describe('an option that is undefined is as if it were left out', () => {
  test('of guards, of verifyToken and of a refresh', async () => {
    const token = authx.createAccessToken('test', none('expiry', 'notBefore', 'fresh', 'sid', 'scopes'))
    assert.equal((await authx.verifyToken(token, none('type', 'verifyType', 'verifyFresh'))).sub, 'test')
    const guard = authx.tokenRequired(none('type', 'verifyType', 'verifyFresh', 'verifyCsrf', 'locations', 'optional'))
    authx.freshTokenRequired(none('within', 'amr', 'verifyCsrf', 'locations', 'optional'))
    const ctx = { req: { headers: {}, rawHeaders: [] }, request: {}, state: {}, method: 'GET', querystring: '' }
    await assert.rejects(async () => guard(ctx as never, async () => {}), { name: 'MissingTokenError' })
    const { refresh_token } = await authx.createTokenPair('test', none('fresh', 'amr'))
    const headers = { authorization: `Bearer ${refresh_token}` }
    const response = { set() {}, get: () => '' }
    const request = { ...ctx, req: { headers, rawHeaders: [] }, response, ip: '' } as never
    const { access_token } = await authx.refresh(request, none('data', 'scopes', 'expiry'))
    assert.equal(contentOf(String(access_token)).claims.sub, 'test')
  })

  test('of what is asked about sessions and sockets', async () => {
    const { access_token } = await authx.createTokenPair('ada')
    const payload = await authx.verifyToken(access_token)
    const socket = Object.assign(new EventEmitter(), { close() {}, readyState: undefined })
    authx.closeWhenOver(socket, payload, none('within'))()
    await authx.revokeAllSessions('ada', none('except'))
    assert.deepEqual(await authx.listSessions('ada'), [])
    const upgrade = new IncomingMessage(new Socket())
    await assert.rejects(authx.authenticateUpgrade(upgrade, none('origins', 'locations')), {
      name: 'MissingTokenError',
    })
    assert.deepEqual(authx.openapiSecurity('GET', none('type', 'verifyCsrf')), authx.openapiSecurity('GET'))
  })

  test('of keys, engines, managers, limiters, routes and test kits', () => {
    authx.setKeys({ secretKey: TEST_SECRET, ...none('privateKey', 'publicKey', 'keys', 'algorithm') })
    new AuthX({ keys: [{ kid: 'a', secretKey: TEST_SECRET, ...none('privateKey', 'publicKey') }] })
    const members = none('name', 'reason', 'scopes', 'allScopesRequired', 'conditions', 'evaluators')
    new PolicyEngine({
      rules: [{ effect: 'allow', actions: ['*'], resources: ['*'], ...members }],
      evaluators: undefined,
    })
    new PolicyEngine(none('rules', 'evaluators'))
    new AuthManager({ user: makeAuthX({ loginType: 'user' }) }, none('policyEngine', 'policyRules'))
    rateLimited({ consume: async () => ({}) }, none('key', 'timeout'))
    const paths = none('login', 'refresh', 'logout', 'sessions', 'revoke')
    authRouter(authx, { login: undefined, paths })
    authRouter(authx, none('login', 'paths'))
    assert.ok(makeToken(authx, {}, none('header')))
  })

  test('of stores and the client', async () => {
    await new MemoryTokenStore(none('prefix', 'map')).close()
    await new SqliteTokenStore(':memory:', none('prefix', 'timeout')).close()
    const ofPostgres = none('prefix', 'timeout', 'table', 'schema', 'createTable')
    await new PostgresTokenStore('postgres://127.0.0.1:1/a', ofPostgres).close()
    await new RedisTokenStore('redis://127.0.0.1:1', none('prefix', 'timeout')).close()
    const names = [
      'headerName',
      'headerType',
      'accessCsrfCookieName',
      'accessCsrfHeaderName',
      'fetch',
      'cookies',
    ] as const
    const paths = none('login', 'refresh', 'logout')
    assert.ok(new AuthXClient({ tokens: 'headers', baseUrl: 'http://test.example', paths, ...none(...names) }))
  })
})
