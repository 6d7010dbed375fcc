import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { bearer } from '../support/app.js'
import { issuerKey } from '../support/issuer-server.js'
import { askForUpgrade, serveUpgrades } from '../support/upgrades.js'
import { instanceOf, secondsNow } from './scene.js'

describe('WebSockets', () => {
  async function connected(t: TestContext, claims: Record<string, unknown>, within = '10h') {
    const { server, authx } = await instanceOf(t)
    t.after(() => authx.close())
    const { url, port } = await serveUpgrades(t, authx, {
      serve: (socket, payload) => authx.closeWhenOver(socket, payload, { within }),
    })
    const token = await server.token(claims)
    const client = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } })
    client.on('error', () => {})
    t.after(() => client.terminate())
    const closed = once(client, 'close').then(([code, reason]) => [code, String(reason)])
    await once(client, 'open')
    return { server, authx, closed, port, token }
  }

  test('a socket is closed when the session of the issuer ends', async t => {
    const { server, authx, closed } = await connected(t, { sid: 's' })
    await authx.revokeSession('s', { issuer: server.issuer })
    assert.deepEqual(await closed, [1008, 'RevokedTokenError'])
  })

  test('a socket is closed when the token or the subject ends', async t => {
    const one = await connected(t, {})
    await one.authx.revoke(one.token)
    assert.deepEqual(await one.closed, [1008, 'RevokedTokenError'])
    const other = await connected(t, { iat: secondsNow() - 10 })
    await other.authx.revokeAllSessions('ada', { issuer: other.server.issuer })
    assert.deepEqual(await other.closed, [1008, 'RevokedTokenError'])
  })

  test('a socket is closed when the token expires, because nobody renews it here', async t => {
    const { closed } = await connected(t, { sid: 's', exp: secondsNow() + 2 })
    assert.deepEqual(await closed, [1008, 'TokenExpiredError'])
  })

  test('a forged, expired or foreign token opens none', async t => {
    const { port, server } = await connected(t, {})
    for (const token of [
      await server.token({}, {}, await issuerKey('one')),
      await server.token({ exp: secondsNow() - 5 }),
      await server.token({ aud: 'other' }),
      await server.token({ nonce: 'n' }),
    ]) {
      assert.equal((await askForUpgrade(port, [bearer(token)])).status, 401)
    }
  })
})
