import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { BackchannelLogoutOptions, IssuerLogoutNotice } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import * as client from 'openid-client'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { TEST_SECRET } from '../support/app.js'
import { type IssuerApi, issuerApi, issuerAuthX, startIssuerApi } from '../support/issuer-api.js'
import { type OidcLogin, oidcLogin, oidcLogout } from '../support/oidc-login.js'
import { type OidcServer, oidcServer, TEST_API, WITH_SID } from '../support/oidc-server.js'
import { sharedBackends } from '../support/shared-backends.js'
import { until } from '../support/until.js'

const REVOKED = [401, 'RevokedTokenError']
const { postgres, redis, sqlite } = sharedBackends()

/** Lets the provider send logout tokens to an API. Returns what comes of each: 'sent', or the provider's error. */
function sendTo(server: OidcServer, { logoutUri }: IssuerApi, isSessionRequired = true): string[] {
  server.reconfigure({ backchannel_logout_uri: logoutUri, backchannel_logout_session_required: isSessionRequired })
  const outcomes: string[] = []
  server.provider.on('backchannel.success', () => outcomes.push('sent'))
  server.provider.on('backchannel.error', (_ctx, error) => outcomes.push(error.message))
  return outcomes
}

const tokenOf = ({ tokens }: OidcLogin) => tokens.access_token

/** Resolves in the next second: an `iat` of the provider has whole seconds. */
function nextSecond(): Promise<void> {
  const second = () => Math.floor(Date.now() / 1000)
  const begun = second()
  return until(() => second() > begun)
}

/** Where the API runs: the process that gets the logout token, and all processes that have to know of it. */
type Processes = (t: TestContext, issuer: string) => Promise<readonly [IssuerApi, ...IssuerApi[]]>

const PROCESSES: readonly (readonly [where: string, start: Processes])[] = [
  ['in one process with a memory store', async (t, issuer) => [await issuerApi(t, issuerAuthX(issuer))]],
  ['in two processes at one SQLite file', (t, issuer) => two(t, { issuer, backend: sqlite('logout') })],
  ['in two processes at one Redis server', (t, issuer) => two(t, { issuer, backend: redis() })],
  ['in two processes at one PostgreSQL server', (t, issuer) => two(t, { issuer, backend: postgres() })],
]

async function two(t: TestContext, options: Parameters<typeof startIssuerApi>[1]) {
  const start = () => startIssuerApi(t, options)
  return Promise.all([start(), start()])
}

describe('a logout at a real provider', () => {
  for (const [where, start] of PROCESSES) {
    test(`ends the session of the provider here, ${where}`, async t => {
      const server = await oidcServer(t, {}, WITH_SID)
      const { issuer } = server
      const processes = await start(t, issuer)
      const outcomes = sendTo(server, processes[0])
      const verdicts = (login: OidcLogin) => Promise.all(processes.map(({ verdict }) => verdict(tokenOf(login))))
      const allOf = (verdict: unknown[]) => processes.map(() => verdict)
      const [laptop, phone, grace] = [
        await oidcLogin(issuer, { scope: 'openid read offline_access' }),
        await oidcLogin(issuer),
        await oidcLogin(issuer, { person: 'grace' }),
      ]
      const refreshed = await client.refreshTokenGrant(laptop.config, String(laptop.tokens.refresh_token))
      for (const each of [laptop, phone, grace]) assert.deepEqual(await verdicts(each), allOf([200]))

      await oidcLogout(laptop)
      assert.deepEqual(outcomes, ['sent'])
      assert.deepEqual(await verdicts(laptop), allOf(REVOKED))
      assert.deepEqual(await processes[0].verdict(refreshed.access_token), REVOKED)
      for (const each of [phone, grace]) assert.deepEqual(await verdicts(each), allOf([200]))
      const again = await oidcLogin(issuer, { browser: laptop.browser })
      assert.deepEqual(await verdicts(again), allOf([200]))
    })
  }

  test('ends all access tokens of the person that name no session, because one of them is of the session', async t => {
    const server = await oidcServer(t)
    const { issuer } = server
    const api = await issuerApi(t, issuerAuthX(issuer))
    const outcomes = sendTo(server, api)
    const [laptop, phone, grace] = [
      await oidcLogin(issuer),
      await oidcLogin(issuer),
      await oidcLogin(issuer, { person: 'grace' }),
    ]
    assert.equal(decodeJwt(tokenOf(laptop)).sid, undefined)
    assert.notEqual(decodeJwt(String(laptop.tokens.id_token)).sid, undefined)
    await oidcLogout(laptop)
    assert.deepEqual(outcomes, ['sent'])
    assert.deepEqual(await api.verdict(tokenOf(laptop)), REVOKED)
    assert.deepEqual(await api.verdict(tokenOf(phone)), REVOKED)
    assert.deepEqual(await api.verdict(tokenOf(grace)), [200])
    await nextSecond()
    assert.deepEqual(await api.verdict(tokenOf(await oidcLogin(issuer, { browser: laptop.browser }))), [200])
  })

  test('ends all access tokens of the person, if the logout token names no session', async t => {
    const server = await oidcServer(t)
    const { issuer } = server
    const api = await issuerApi(t, issuerAuthX(issuer))
    const outcomes = sendTo(server, api, false)
    const [laptop, phone, grace] = [
      await oidcLogin(issuer),
      await oidcLogin(issuer),
      await oidcLogin(issuer, { person: 'grace' }),
    ]
    await oidcLogout(laptop)
    assert.deepEqual(outcomes, ['sent'])
    assert.deepEqual(await api.verdict(tokenOf(laptop)), REVOKED)
    assert.deepEqual(await api.verdict(tokenOf(phone)), REVOKED)
    assert.deepEqual(await api.verdict(tokenOf(grace)), [200])
  })

  test('leaves the tokens of a machine alone: no person has ended', async t => {
    const server = await oidcServer(t)
    const { issuer } = server
    const api = await issuerApi(t, issuerAuthX(issuer))
    sendTo(server, api)
    const login = await oidcLogin(issuer)
    const { access_token } = await client.clientCredentialsGrant(login.config, { resource: TEST_API })
    await oidcLogout(login)
    assert.deepEqual(await api.verdict(access_token), [200])
  })

  test('is refused while the store does not answer, and the provider is told', async t => {
    const server = await oidcServer(t, {}, WITH_SID)
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const api = await issuerApi(t, issuerAuthX(server.issuer, { store }))
    const outcomes = sendTo(server, api)
    const login = await oidcLogin(server.issuer)
    store.down()
    await oidcLogout(login)
    assert.deepEqual(outcomes, [`expected 200 OK from ${api.logoutUri}, got: 503 Service Unavailable`])
    store.heal()
    assert.deepEqual(await api.verdict(tokenOf(login)), [200])
  })

  test('ends the sessions of our own that the application has opened for the person, by onLogout', async t => {
    const server = await oidcServer(t, {}, WITH_SID)
    const authx = issuerAuthX(server.issuer, { secretKey: TEST_SECRET })
    const notices: IssuerLogoutNotice[] = []
    const onLogout: BackchannelLogoutOptions['onLogout'] = async notice => {
      notices.push(notice)
      await authx.revokeAllSessions(String(notice.sub))
    }
    const outcomes = sendTo(server, await issuerApi(t, authx, { onLogout }))
    const login = await oidcLogin(server.issuer)
    const own = await authx.createTokenPair('ada')
    await authx.verifyToken(own.access_token)
    await oidcLogout(login)
    assert.deepEqual(outcomes, ['sent'])
    const { sid } = decodeJwt(String(login.tokens.id_token))
    assert.deepEqual(notices, [{ issuer: server.issuer, sub: 'ada', sid }])
    await assert.rejects(authx.verifyToken(own.access_token), { code: 'ERR_TOKEN_REVOKED' })
  })
})
