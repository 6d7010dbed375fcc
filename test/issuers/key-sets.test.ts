import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { issuerKey, json } from '../support/issuer-server.js'
import { until } from '../support/until.js'
import { causesOf, DAY, HOUR, SECOND, sceneOf } from './scene.js'

const [one, two, three] = await Promise.all(['one', 'two', 'three'].map(kid => issuerKey(kid)))
assert.ok(one && two && three)

describe('an issuer changes its keys', () => {
  test('a token of a new key is accepted as soon as it comes', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    assert.equal(await statusOf(await server.token()), 200)
    server.keys = [one, two]
    pass(30 * SECOND)
    assert.equal(await statusOf(await server.token({}, {}, two)), 200)
    assert.equal(await statusOf(await server.token({}, {}, one)), 200)
    assert.equal(server.askedForKeys, 2)
  })

  test('a removed key stops with the next renewal, for tokens that were used before too', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one, two)
    const token = await server.token({}, {}, one)
    for (let n = 0; n < 3; n++) assert.equal(await statusOf(token), 200)
    server.keys = [two]
    pass(HOUR - 1)
    assert.equal(await statusOf(token), 200)
    pass(1)
    assert.equal(await statusOf(token), 401)
    assert.equal(await statusOf(await server.token({}, {}, two)), 200)
    assert.equal(server.askedForKeys, 2)
  })

  test('a removed key stops at once if another token makes the set known', async t => {
    const { server, statusOf, pass, forged } = await sceneOf(t, {}, one, two)
    const token = await server.token({}, {}, one)
    for (let n = 0; n < 3; n++) assert.equal(await statusOf(token), 200)
    server.keys = [two]
    pass(30 * SECOND)
    assert.equal(await statusOf(await forged()), 401)
    assert.equal(await statusOf(token), 401)
  })

  test('after all keys were removed, no token is accepted', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    const token = await server.token()
    for (let n = 0; n < 3; n++) assert.equal(await statusOf(token), 200)
    server.keys = []
    pass(HOUR)
    assert.equal(await statusOf(token), 401)
    server.keys = [one]
    pass(30 * SECOND)
    assert.equal(await statusOf(token), 200)
  })

  test('with another key under the same kid, the old tokens stop and the new ones are accepted', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    const old = await server.token()
    for (let n = 0; n < 3; n++) assert.equal(await statusOf(old), 200)
    const other = await issuerKey('one')
    server.keys = [other]
    pass(HOUR)
    assert.equal(await statusOf(old), 401)
    assert.equal(await statusOf(await server.token({}, {}, other)), 200)
  })

  test('a set that has not changed is renewed without verifying known tokens again', async t => {
    const { server, authx, pass } = await sceneOf(t, {}, one)
    const token = await server.token()
    await authx.verifyToken(token)
    const known = await authx.verifyToken(token)
    pass(HOUR)
    await authx.verifyToken(await server.token({ jti: 'another' }))
    assert.equal(await authx.verifyToken(token), known)
    assert.equal(server.askedForKeys, 2)
  })
})

describe('how often the server of the keys is asked', () => {
  test('a thousand requests at once ask once', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    const tokens = await Promise.all(Array.from({ length: 1000 }, (_, n) => server.token({ jti: `${n}` })))
    const statuses = await Promise.all(tokens.map(statusOf))
    assert.deepEqual([...new Set(statuses)], [200])
    assert.equal(server.askedForKeys, 1)
  })

  test('thousands of tokens with forged key ids cost one request in 30 seconds', async t => {
    const { server, statusOf, pass, forged } = await sceneOf(t, {}, one)
    const token = await server.token()
    assert.equal(await statusOf(token), 200)
    const tokens = await Promise.all(Array.from({ length: 3000 }, (_, n) => forged({ kid: `forged ${n}` })))
    for (let round = 0; round < 3; round++) {
      pass(10 * SECOND)
      const statuses = await Promise.all(tokens.map(statusOf))
      assert.deepEqual([...new Set(statuses)], [401])
    }
    assert.equal(server.askedForKeys, 2)
    assert.equal(await statusOf(token), 200)
  })

  test('while tokens with forged key ids wait for the server, tokens with known keys do not', async t => {
    const { server, statusOf, pass, forged } = await sceneOf(t, {}, one)
    const [used, fresh] = [await server.token(), await server.token({ jti: 'fresh' })]
    for (let n = 0; n < 3; n++) assert.equal(await statusOf(used), 200)
    const waiting: (() => void)[] = []
    server.answer = (_req, res) => waiting.push(() => json(res, { keys: [one.jwk] }))
    pass(30 * SECOND)
    const forgeries = await Promise.all(Array.from({ length: 1000 }, (_, n) => forged({ kid: `forged ${n}` })))
    const statuses = Promise.all(forgeries.map(statusOf))
    await until(() => waiting.length === 1)
    assert.equal(await statusOf(used), 200)
    assert.equal(await statusOf(fresh), 200)
    waiting[0]?.()
    assert.deepEqual([...new Set(await statuses)], [401])
    assert.equal(server.askedForKeys, 2)
  })

  test('an unknown key id in a set that was read a moment ago is refused without asking', async t => {
    const { server, statusOf, pass, forged } = await sceneOf(t, {}, one)
    assert.equal(await statusOf(await forged()), 401)
    pass(30 * SECOND - 1)
    assert.equal(await statusOf(await forged()), 401)
    assert.equal(server.askedForKeys, 1)
    pass(1)
    assert.equal(await statusOf(await forged()), 401)
    assert.equal(server.askedForKeys, 2)
  })

  test('without a set, the server is asked every 5 seconds, and until then the response is 503', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    const token = await server.token()
    server.answer = (_req, res) => res.writeHead(500).end()
    for (const asked of [1, 2, 3]) {
      const statuses = await Promise.all(Array.from({ length: 50 }, () => statusOf(token)))
      assert.deepEqual([...new Set(statuses)], [503])
      pass(5 * SECOND - 1)
      assert.equal(await statusOf(token), 503)
      assert.equal(server.askedForKeys, asked)
      pass(1)
    }
    server.answer = undefined
    assert.equal(await statusOf(token), 200)
  })

  test('after an hour the set is renewed, and every 30 seconds if that fails', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    const token = await server.token()
    assert.equal(await statusOf(token), 200)
    server.answer = (_req, res) => res.writeHead(500).end()
    pass(HOUR)
    for (const asked of [2, 3, 4]) {
      assert.equal(await statusOf(token), 200)
      pass(30 * SECOND - 1)
      assert.equal(await statusOf(token), 200)
      assert.equal(server.askedForKeys, asked)
      pass(1)
    }
  })

  test('a token whose algorithm, form or issuer is wrong asks nobody', async t => {
    const { server, authx, statusOf } = await sceneOf(t, { algorithms: ['RS256'] }, one)
    const token = await server.token()
    for (const each of [token, await server.token({ iss: 'https://other.example' }), `${token}.`, 'x.y.z']) {
      assert.equal(await statusOf(each), 401)
    }
    assert.equal(server.askedForKeys, 0)
    assert.match(await causesOf(authx, token), /alg of the token must be one of RS256/)
  })
})

describe('the server of the keys is away', () => {
  test('tokens with known keys go on working, tokens with unknown keys get 503, and both heal', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    const [known, unknown] = [await server.token(), await server.token({}, {}, two)]
    assert.equal(await statusOf(known), 200)
    server.answer = (_req, res) => res.writeHead(503).end()
    server.keys = [one, two]
    pass(30 * SECOND)
    for (let n = 0; n < 3; n++) assert.equal(await statusOf(unknown), 503)
    assert.equal(await statusOf(known), 200)
    server.answer = undefined
    pass(30 * SECOND)
    assert.equal(await statusOf(unknown), 200)
    assert.equal(await statusOf(known), 200)
    assert.equal(server.askedForKeys, 3)
  })

  for (const [maxAge, milliseconds] of [
    [undefined, DAY],
    ['2h', 2 * HOUR],
  ] as const) {
    test(`a set is used for ${maxAge ?? 'a day'} (maxAge ${maxAge}), and then the response is 503 until it heals`, async t => {
      const { server, statusOf, pass } = await sceneOf(t, { maxAge }, one)
      const token = await server.token()
      for (let n = 0; n < 3; n++) assert.equal(await statusOf(token), 200)
      server.answer = (_req, res) => res.writeHead(500).end()
      pass(milliseconds - 1)
      assert.equal(await statusOf(token), 200)
      pass(1)
      assert.equal(await statusOf(token), 503)
      server.answer = undefined
      assert.equal(await statusOf(token), 503)
      pass(5 * SECOND)
      assert.equal(await statusOf(token), 200)
    })
  }

  test('a token waits at most a second for a renewal, and the next ones do not wait', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    const token = await server.token()
    for (let n = 0; n < 3; n++) assert.equal(await statusOf(token), 200)
    const waiting: (() => void)[] = []
    server.answer = (_req, res) => waiting.push(() => json(res, { keys: [two.jwk] }))
    pass(HOUR)
    const statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(token)))
    assert.deepEqual([...new Set(statuses)], [200])
    // If each of these waited for a second, the server would be given up before it answers.
    for (let n = 0; n < 20; n++) assert.equal(await statusOf(token), 200)
    assert.equal(waiting.length, 1)
    const late = statusOf(await server.token({}, {}, two))
    waiting[0]?.()
    assert.equal(await late, 200)
    assert.equal(await statusOf(token), 401)
  })
})
