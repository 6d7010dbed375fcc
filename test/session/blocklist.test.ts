import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import { inspect } from 'node:util'
import { AuthX } from '../../src/index.js'
import { type BlocklistCallback, readsParameter, watchBlocklist } from '../../src/session/blocklist.js'
import type { TokenPayload } from '../../src/token/payload.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, serve, TEST_NOW, TEST_SECRET, warningsOf } from '../support/app.js'

const claims = { sub: 'ada', jti: 'j1', sid: 's1', type: 'access', iat: 1, exp: 2, scopes: ['read'] } as const
const payload = Object.freeze({ ...claims, scopes: Object.freeze(['read']) }) as TokenPayload

/** A callback as JavaScript and casts allow it: it takes an encoded token. */
const forTokens = (callback: (token: string) => unknown) => callback as unknown as BlocklistCallback

/** The answers, or errors, of `times` calls, and how often a warning was given. */
async function callsOf(callback: BlocklistCallback, times = 3) {
  const warn = mock.fn(() => {})
  const watched = watchBlocklist(callback, warn)
  const results: unknown[] = []
  for (let n = 0; n < times; n++) {
    results.push(await new Promise(resolve => resolve(watched(payload))).catch((error: Error) => error.name))
  }
  return { results, warnings: warn.mock.callCount() }
}

const list = new Set<string>()
const record = new Map([['blocked:j1', '1']])
const database = {
  find: async (key: string) => record.get(key),
  count: async (key: string) => (record.has(key) ? 1 : 0),
  fail: async (_key: string): Promise<boolean> => {
    throw new Error('away')
  },
}

describe('a blocklist that takes the payload for an encoded token', () => {
  const ported: [name: string, callback: BlocklistCallback, result: unknown][] = [
    ['searches a set', forTokens(token => list.has(token)), false],
    ['searches a list', forTokens(token => ['a.b.c'].includes(token)), false],
    ['is a function declaration', forTokens(isRevoked), false],
    ['is a bound method', forTokens(list.has.bind(list)), false],
    ['compares', forTokens(token => token === 'a.b.c'), false],
    ['builds a key', forTokens(async token => (await database.find(`blocked:${token}`)) !== undefined), false],
    ['converts to text', forTokens(token => list.has(String(token))), false],
    ['awaits the token', forTokens(async token => list.has(await token)), false],
    ['tests the length', forTokens(token => token.length > 0 && list.has(token)), false],
    ['answers with a number', forTokens(async token => database.count(`blocked:${token}`)), 0],
    ['forgets to answer', forTokens(token => void list.has(token)), undefined],
    ['splits the token', forTokens(token => list.has(token.split('.')[2] ?? '')), 'TypeError'],
    ['iterates over it', forTokens(token => list.has([...token].join(''))), 'TypeError'],
    ['has a service that is away', forTokens(token => database.fail(`blocked:${token}`)), 'Error'],
  ]
  for (const [name, callback, result] of ported) {
    test(`${name}: warns once, and answers as before`, async () => {
      assert.deepEqual(await callsOf(callback), { results: [result, result, result], warnings: 1 })
    })
  }

  function isRevoked(token: string) {
    return list.has(token)
  }

  test('is noticed when it answers, if its service was away at first', async () => {
    let isAway = true
    const callback = forTokens(token => (isAway ? Promise.reject(new Error('away')) : list.has(token)))
    const warn = mock.fn(() => {})
    const watched = watchBlocklist(callback, warn)
    await assert.rejects(async () => watched(payload))
    assert.equal(warn.mock.callCount(), 0)
    isAway = false
    assert.equal(await watched(payload), false)
    assert.equal(warn.mock.callCount(), 1)
  })
})

describe('a correct blocklist', () => {
  const later = () => new Promise(setImmediate)
  /** Functions that callbacks pass the payload on to: what they read cannot be seen in the source of the callback. */
  const reads = {
    claim: ({ jti }: TokenPayload) => list.has(jti),
    late: async (given: TokenPayload) => {
      await later()
      return list.has(given.jti)
    },
    missing: (given: TokenPayload) => list.has(String(given.tenant)),
    hasMissing: (given: TokenPayload) => 'tenant' in given,
    json: (given: TokenPayload) => list.has(JSON.stringify(given)),
    clone: (given: TokenPayload) => list.has(structuredClone(given).jti),
    copy: (given: TokenPayload) => list.has({ ...given }.jti),
    message: (given: TokenPayload) => {
      const { port1, port2 } = new MessageChannel()
      port1.postMessage(given)
      port1.close()
      port2.close()
      return false
    },
    values: (given: TokenPayload) => Object.values(given).some(value => list.has(String(value))),
    text: (given: TokenPayload) => list.has(`${given}:${given.jti}`),
  }
  for (const [name, read] of Object.entries(reads)) {
    test(`passes the payload on to a function (${name}): no warning`, async () => {
      const callback: BlocklistCallback = given => read(given)
      assert.deepEqual(await callsOf(callback), { results: [false, false, false], warnings: 0 })
    })
  }

  const others: [name: string, callback: BlocklistCallback, result: unknown][] = [
    ['has no parameters', () => false, false],
    ['has no parameters, and is async', async () => false, false],
    ['answers true', _given => true, true],
    ['returns early', given => list.size > 0 && list.has(given.jti), false],
    ['returns early, and destructures its parameter', ({ jti }) => list.size > 0 && list.has(jti), false],
    ['asks for a claim', given => !('sid' in given), false],
    ['asks for an own claim', given => !Object.hasOwn(given, 'sid'), false],
    ['fails', given => database.fail(given as unknown as string), 'Error'],
  ]
  for (const [name, callback, result] of others) {
    test(`${name}: no warning`, async () => {
      assert.deepEqual(await callsOf(callback), { results: [result, result, result], warnings: 0 })
    })
  }

  test('that is missing stays missing', () => {
    assert.equal(watchBlocklist(undefined as unknown as BlocklistCallback, assert.fail), undefined)
  })

  test('gets the payload itself if its source shows that it reads claims', async () => {
    const seen: unknown[] = []
    const watched = watchBlocklist(given => {
      seen.push(given)
      return given.jti === 'blocked'
    }, assert.fail)
    await watched(payload)
    assert.equal(seen[0], payload)
  })

  test('gets the payload itself once it has read a claim', async () => {
    const seen: unknown[] = []
    const look = (given: TokenPayload) => {
      seen.push(given)
      return list.has(given.jti)
    }
    const callback: BlocklistCallback = given => look(given)
    const watched = watchBlocklist(callback, assert.fail)
    await watched(payload)
    assert.equal(watched(payload), false, 'a plain call, without a promise')
    assert.equal(seen[1], payload)
  })

  test('gets a copy with the same content while it is watched', async () => {
    const odd = '"__proto__":{"x":1},"then":"t","toString":"s","length":3'
    const content: TokenPayload = Object.freeze(JSON.parse(JSON.stringify(payload).replace('{', `{${odd},`)))
    const look = (given: TokenPayload) => {
      assert.deepEqual(Object.entries(given), Object.entries(content))
      assert.deepEqual(structuredClone(given), structuredClone(content))
      assert.equal(JSON.stringify(given), JSON.stringify(content))
      assert.equal(inspect(given), inspect(content))
      assert.equal(Object.isFrozen(given), true)
      assert.equal(given.scopes, content.scopes)
      assert.equal('sid' in given && Object.hasOwn(given, 'sid') && !('tenant' in given), true)
      return false
    }
    const callback: BlocklistCallback = given => look(given)
    assert.equal(await watchBlocklist(callback, assert.fail)(content), false)
  })
})

describe('the source of a callback', () => {
  const reading = [
    'payload => list.has(payload.jti)',
    'async payload => list.has(payload?.jti)',
    'payload => list.has(payload["jti"])',
    'payload => list.has(payload?.["jti"])',
    '(payload) => { const { jti } = payload; return list.has(jti) }',
    '({ jti }) => list.has(jti)',
    'async ({ jti }, extra) => list.has(jti)',
    'function ({ sub }) { return list.has(sub) }',
    'function isRevoked(payload) { return list.has(payload.sub) }',
    'async function isRevoked(payload) { return list.has(payload\n  .sid) }',
    'isRevoked(payload) { return this.list.has(payload.sid) }',
    "payload => 'tenant' in payload",
    "payload => Object.hasOwn(payload, 'tenant')",
    '$p => list.has($p.jti)',
    'p=>l.has(p.jti)',
  ]
  for (const source of reading) test(`reads claims: ${source}`, () => assert.equal(readsParameter(source), true))

  const bare = [
    'token => list.has(token)',
    `token => list.has(\`blocked:\${token}\`)`,
    'token => token.length > 0 && list.has(token)',
    'token => list.has(token.split(".")[2])',
    'async function isRevoked(token) { return (await database.get(token)) !== null }',
    'payload => isRevoked(payload)',
    'token => other.token.jti === token',
    'token => mytoken.jti === token',
    'token => tokens[token]',
    'function () { [native code] }',
    '() => false',
    '([first]) => first',
    '(...all) => list.has(all[0])',
    '',
  ]
  for (const source of bare) test(`does not read claims: ${source}`, () => assert.equal(readsParameter(source), false))
})

describe('over HTTP', () => {
  const CODE = 'AUTHX_BLOCKLIST_PAYLOAD'

  /** An app whose blocklist is `callback`, and requests with a token. */
  async function makeApi(t: Parameters<typeof serve>[0], callback: BlocklistCallback) {
    const authx = makeAuthX({ store: new MemoryTokenStore(), now: () => TEST_NOW })
    authx.setTokenBlocklist(callback)
    const app = appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
      ctx.body = { sub: ctx.state.token.sub }
    })
    const request = await serve(t, app)
    const token = (await authx.createTokenPair('ada')).access_token
    return { status: async () => (await request({ headers: [bearer(token)] })).status, token }
  }

  test('a correct callback, also one that asks another instance, causes no warning', async t => {
    const other = new AuthX({ secretKey: TEST_SECRET, store: new MemoryTokenStore(), now: () => TEST_NOW })
    const correct: [callback: BlocklistCallback, status: number][] = [
      [given => list.has(given.jti), 200],
      [given => other.isRevoked(given), 401], // The other store does not know the session.
      [_given => true, 401],
      [() => false, 200],
    ]
    for (const [callback, status] of correct) {
      const api = await makeApi(t, callback)
      assert.deepEqual(await warningsOf(async () => assert.equal(await api.status(), status)), [])
    }
  })

  test('what a callback revokes for a token of another issuer is none of our sessions', async () => {
    const theirs = 'TEST_ONLY_secret_of_another_issuer_0123456789_0123456789_0123456789'
    const now = () => TEST_NOW
    const issuer = new AuthX({ keys: [{ kid: 'theirs', secretKey: theirs }], now })
    const authx = makeAuthX({
      store: new MemoryTokenStore(),
      now,
      getKey: ({ kid }) => (kid === 'theirs' ? theirs : TEST_SECRET),
    })
    const { access_token } = await authx.createTokenPair('ada')
    const ours = await authx.verifyToken(access_token)
    const revoke = async (given: TokenPayload) => {
      if (given.jti === ours.jti) return false
      await authx.revoke(given)
      return true
    }
    authx.setTokenBlocklist(given => revoke(given))
    const foreign = issuer.createAccessToken('ada', { sid: String(ours.sid) })
    for (let n = 0; n < 2; n++) await assert.rejects(authx.verifyToken(foreign), { status: 503 })
    assert.equal((await authx.verifyToken(access_token)).sub, 'ada')
  })

  test('a callback for encoded tokens causes one warning in the process, and no other answer', async t => {
    const revoked = new Set<string>()
    const first = await makeApi(
      t,
      forTokens(token => revoked.has(token)),
    )
    revoked.add(first.token)
    const warnings = await warningsOf(async () => {
      for (let n = 0; n < 3; n++) assert.equal(await first.status(), 200)
      const second = await makeApi(
        t,
        forTokens(async token => revoked.has(`blocked:${token}`)),
      )
      assert.equal(await second.status(), 200)
    })
    assert.deepEqual(
      warnings.map(({ name, code }) => [name, code]),
      [['AuthXWarning', CODE]],
    )
    assert.match(String(warnings[0]), /setTokenBlocklist.*payload\.jti/)
  })

  test('a callback that answers with a number is still answered with 503', async t => {
    const api = await makeApi(
      t,
      forTokens(async token => database.count(`blocked:${token}`)),
    )
    assert.equal(await api.status(), 503)
  })
})
