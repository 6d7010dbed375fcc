import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { AuthX, type AuthXOptions, type TokenPayload, type TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { contentOf } from '../support/signing.js'

const TEST_SECRET = 'test secret, not for use anywhere else: 0123456789'
const DAY = 86_400_000
const GONE = { name: 'RevokedTokenError' }

let now: number
let authx: AuthX
let store: MemoryTokenStore

function make(options: Partial<AuthXOptions> = {}): AuthX {
  return new AuthX({ secretKey: TEST_SECRET, store, now: () => now, ...options })
}

beforeEach(() => {
  now = 1_800_000_000_000
  store = new MemoryTokenStore()
  authx = make()
})
afterEach(() => store.close())

describe('a token pair', () => {
  test('names one session in both of its tokens, and begins at generation 0', async () => {
    const pair = await authx.createTokenPair('ada')
    const access = await authx.verifyToken(pair.access_token)
    const refresh = await authx.verifyToken(pair.refresh_token, { type: 'refresh' })
    assert.equal(access.sid, refresh.sid)
    assert.deepEqual([access.gen, refresh.gen], [0, 0])
    assert.deepEqual([pair.token_type, pair.expires_in], ['bearer', 900])
  })

  test('carries claims, scopes and audience in both of its tokens', async () => {
    authx = make({ decodeAudience: 'web' })
    const pair = await authx.createTokenPair('ada', {
      data: { role: 'admin' },
      scopes: ['a:*'],
      audience: ['web', 'api'],
    })
    for (const [token, type] of [
      [pair.access_token, 'access'],
      [pair.refresh_token, 'refresh'],
    ] as const) {
      const payload = await authx.verifyToken(token, { type })
      assert.deepEqual([payload.role, payload.scopes, payload.aud], ['admin', ['a:*'], ['web', 'api']])
    }
  })

  test('never outlives the absolute end of its session', async () => {
    authx = make({ sessionExpires: '1h' })
    const pair = await authx.createTokenPair('ada', { accessExpiry: '2h' })
    const refresh = await authx.verifyToken(pair.refresh_token, { type: 'refresh' })
    assert.equal(refresh.exp, now / 1000 + 3600)
    assert.equal(pair.expires_in, 3600)
  })

  test('is refused with an option that does not exist, before a session is opened', async () => {
    await assert.rejects(authx.createTokenPair('ada', { expiry: 60 } as object), TypeError)
    await assert.rejects(authx.createTokenPair('ada', { data: { sid: 'x' } }), TypeError)
    await assert.rejects(authx.createTokenPair(''), TypeError)
    assert.deepEqual(await authx.listSessions('ada'), [])
  })
})

describe('the list of sessions', () => {
  test('shows the live sessions of a subject, the most recently active first', async () => {
    const first = await sessionOf('ada', { device: { name: 'laptop' } })
    now += 1000
    const second = await sessionOf('ada', { device: { name: 'phone' } })
    await sessionOf('grace')
    const sessions = await authx.listSessions('ada')
    assert.deepEqual(
      sessions.map(({ sid }) => sid),
      [second.sid, first.sid],
    )
    assert.deepEqual(
      sessions.map(({ device }) => device),
      [{ name: 'phone' }, { name: 'laptop' }],
    )
    assert.deepEqual(sessions[1]?.createdAt, new Date(now - 1000))
    assert.deepEqual(sessions[1]?.expiresAt, new Date(now - 1000 + 90 * DAY))
    assert.deepEqual(await authx.getSession(String(first.sid)), sessions[1])
  })

  test('leaves out sessions that have ended', async () => {
    const revoked = await sessionOf('ada')
    const kept = await sessionOf('ada')
    await authx.revokeSession(String(revoked.sid))
    assert.deepEqual(
      (await authx.listSessions('ada')).map(({ sid }) => sid),
      [kept.sid],
    )
    assert.equal(await authx.getSession(String(revoked.sid)), undefined)
    now += 90 * DAY
    assert.deepEqual(await authx.listSessions('ada'), [])
    assert.equal(await authx.getSession(String(kept.sid)), undefined)
  })

  test('leaves out sessions whose tokens have all ended, though they were not at their absolute end', async () => {
    const { sid } = await authx.verifyToken((await authx.createTokenPair('ada', { refreshExpiry: '1h' })).access_token)
    now += 3_599_000
    assert.equal((await authx.listSessions('ada')).length, 1)
    now += 1_000
    assert.deepEqual(await authx.listSessions('ada'), [])
    assert.equal(await authx.getSession(String(sid)), undefined)
  })

  test('holds the 500 youngest; older sessions live on unlisted', async () => {
    const oldest = await sessionOf('ada')
    for (let n = 0; n < 500; n++) await authx.createTokenPair('ada')
    const listed = await authx.listSessions('ada')
    assert.equal(listed.length, 500)
    assert.ok(!listed.some(({ sid }) => sid === oldest.sid))
    assert.equal(await authx.isRevoked(oldest), false)
  })

  test('keeps one login type from another', async () => {
    const admins = make({ loginType: 'admin' })
    await authx.createTokenPair('ada')
    assert.deepEqual(await admins.listSessions('ada'), [])
    await admins.revokeAllSessions('ada')
    assert.equal((await authx.listSessions('ada')).length, 1)
  })
})

describe('login types that share a store', () => {
  test('are judged each by its own cut-off, by an instance without a type too', async () => {
    const [plain, admins] = [make(), make({ loginType: 'admin' })]
    const pair = await admins.createTokenPair('ada')
    assert.equal((await plain.verifyToken(pair.access_token)).login_type, 'admin')
    await admins.revokeAllSessions('ada')
    for (const each of [plain, admins]) await assert.rejects(each.verifyToken(pair.access_token), GONE)
  })

  test('keep their sessions to themselves', async () => {
    const admins = make({ loginType: 'admin' })
    const { access_token } = await admins.createTokenPair('ada')
    const sid = String((await admins.verifyToken(access_token)).sid)
    assert.equal(await make().getSession(sid), undefined)
    assert.equal(await make().revokeSession(sid), false)
    assert.equal(await admins.revokeSession(sid), true)
  })
})

describe('revoking', () => {
  test('a token ends its whole session, access and refresh alike', async () => {
    for (const which of ['access_token', 'refresh_token'] as const) {
      const pair = await authx.createTokenPair('ada')
      await authx.revoke(pair[which])
      await assert.rejects(authx.verifyToken(pair.access_token), GONE)
      await assert.rejects(authx.verifyToken(pair.refresh_token, { type: 'refresh' }), GONE)
    }
  })

  test('an expired token still ends its session', async () => {
    const pair = await authx.createTokenPair('ada')
    now += DAY
    await authx.revoke(pair.access_token)
    await assert.rejects(authx.verifyToken(pair.refresh_token, { type: 'refresh' }), GONE)
  })

  test('a session ends it for every server, though by the clock of the one that is asked it ended long ago', async () => {
    const { access_token, refresh_token } = await authx.createTokenPair('ada')
    now += 365 * DAY
    await authx.revoke(access_token)
    now -= 365 * DAY
    await assert.rejects(authx.verifyToken(access_token), GONE)
    await assert.rejects(authx.verifyToken(refresh_token, { type: 'refresh' }), GONE)
  })

  test('of a payload that the application has made is judged by what it holds now', async () => {
    const [live, ended] = [await authx.createTokenPair('ada'), await authx.createTokenPair('ada')]
    await authx.revoke(ended.access_token)
    const payload = { ...contentOf(live.access_token).claims } as unknown as TokenPayload
    assert.equal(await authx.isRevoked(payload), false)
    Object.assign(payload, contentOf(ended.access_token).claims)
    assert.equal(await authx.isRevoked(payload), true)
  })

  test('twice is done once', async () => {
    const told: unknown[] = []
    authx.on('revoked', event => told.push(event))
    const payload = await sessionOf('ada')
    await authx.revoke(payload)
    await authx.revoke(payload)
    await new Promise(setImmediate)
    assert.deepEqual(told, [{ sid: payload.sid, sub: 'ada' }])
  })

  test('a token that names no session ends that token alone', async () => {
    const [one, other] = [authx.createAccessToken('ada'), authx.createAccessToken('ada')]
    await authx.revoke(one)
    await assert.rejects(authx.verifyToken(one), GONE)
    assert.equal((await authx.verifyToken(other)).sub, 'ada')
  })

  test('a token that names no session holds for as long as the token would, and its leeway', async () => {
    authx = make({ decodeLeeway: 300 })
    const token = authx.createAccessToken('ada')
    await authx.revoke(token)
    now += 15 * 60_000 + 299_000
    await assert.rejects(authx.verifyToken(token), GONE)
  })

  test('a token that is not good yet, or is for another audience, can be revoked before it does harm', async () => {
    for (const options of [{ notBefore: '1h' }, { audience: 'elsewhere' }]) {
      const pair = await authx.createTokenPair('ada', options)
      const [session] = await authx.listSessions('ada')
      await authx.revoke(pair.access_token)
      assert.equal(await authx.getSession(String(session?.sid)), undefined)
    }
  })

  test('of a subject that is no string is a mistake that shows, and ends nobody by chance', async () => {
    const payload = await sessionOf('42')
    const wrong = [42, undefined, null, '', {}] as unknown as string[]
    for (const sub of wrong) {
      await assert.rejects(authx.revokeAllSessions(sub), TypeError)
      await assert.rejects(authx.listSessions(sub), TypeError)
      await assert.rejects(authx.revokeSession(String(payload.sid), { sub }), TypeError)
    }
    await assert.rejects(authx.revokeAllSessions('42', { except: 5 as unknown as string }), TypeError)
    assert.equal(await authx.isRevoked(payload), false)
  })

  test('of what is no payload of a token is a mistake that shows, and says nothing of any token', async () => {
    const { access_token } = await authx.createTokenPair('ada')
    const payload = await authx.verifyToken(access_token)
    const { sid } = payload
    for (const wrong of [{}, { sid }, { token: payload }, { ...payload, sid: 5 }, authx.verifyToken(access_token)]) {
      await assert.rejects(authx.revoke(wrong as never), TypeError)
      await assert.rejects(authx.isRevoked(wrong as never), TypeError)
    }
    assert.equal(await authx.isRevoked({ ...payload, nbf: undefined } as never), false)
    await authx.revoke(access_token)
    await assert.rejects(authx.isRevoked(access_token as never), TypeError)
  })

  test('with an option that does not exist is a mistake that shows, and ends nobody', async () => {
    const payload = await sessionOf('ada')
    const sid = String(payload.sid)
    for (const wrong of [{ subject: 'eve' }, 'eve', null]) {
      await assert.rejects(authx.revokeSession(sid, wrong as never), TypeError)
    }
    for (const wrong of [{ Except: sid }, sid, null]) {
      await assert.rejects(authx.revokeAllSessions('ada', wrong as never), TypeError)
    }
    assert.equal(await authx.isRevoked(payload), false)
  })

  test('a session that has been ended already is said not to have been ended now', async () => {
    const payload = await sessionOf('ada')
    await authx.revokeAllSessions('ada')
    assert.equal(await authx.revokeSession(String(payload.sid)), false)
  })

  test('a forged token is refused and ends nothing', async () => {
    const pair = await authx.createTokenPair('ada')
    const forged = `${pair.access_token.slice(0, -10)}AAAAAAAAAA`
    await assert.rejects(authx.revoke(forged), { name: 'TokenInvalidSignatureError' })
    assert.equal((await authx.verifyToken(pair.access_token)).sub, 'ada')
  })

  test('a session by its id ends it, for its owner only if an owner is named', async () => {
    const payload = await sessionOf('ada')
    const sid = String(payload.sid)
    assert.equal(await authx.revokeSession(sid, { sub: 'eve' }), false)
    assert.equal(await authx.isRevoked(payload), false)
    assert.equal(await authx.revokeSession(sid, { sub: 'ada' }), true)
    assert.equal(await authx.isRevoked(payload), true)
    assert.equal(await authx.revokeSession(sid), false)
    assert.equal(await authx.revokeSession('no such session, and ☃'), false)
  })

  test('a token made for a session ends with it', async () => {
    const payload = await sessionOf('ada')
    const token = authx.createAccessToken('ada', { sid: String(payload.sid) })
    assert.equal((await authx.verifyToken(token)).sid, payload.sid)
    await authx.revokeSession(String(payload.sid))
    await assert.rejects(authx.verifyToken(token), GONE)
  })

  test("a token made for somebody else's session is refused, and cannot end it", async () => {
    const payload = await sessionOf('ada')
    const token = authx.createAccessToken('eve', { sid: String(payload.sid) })
    await assert.rejects(authx.verifyToken(token), GONE)
    await authx.revoke(token)
    assert.equal(await authx.isRevoked(payload), false)
  })
})

describe('revoking all sessions of a subject', () => {
  test('ends every session and every lone token from before, and nothing of others', async () => {
    const [one, two, other] = [await sessionOf('ada'), await sessionOf('ada'), await sessionOf('grace')]
    const lone = await authx.verifyToken(authx.createAccessToken('ada'))
    await authx.revokeAllSessions('ada')
    for (const payload of [one, two, lone]) assert.equal(await authx.isRevoked(payload), true)
    assert.equal(await authx.isRevoked(other), false)
    assert.deepEqual(await authx.listSessions('ada'), [])
  })

  test('lets a login live that comes after it, in the same millisecond', async () => {
    await authx.revokeAllSessions('ada')
    assert.equal(await authx.isRevoked(await sessionOf('ada')), false)
  })

  test('spares the session that is named', async () => {
    const [mine, theirs] = [await sessionOf('ada'), await sessionOf('ada')]
    await authx.revokeAllSessions('ada', { except: String(mine.sid) })
    assert.equal(await authx.isRevoked(mine), false)
    assert.equal(await authx.isRevoked(theirs), true)
  })

  test('succeeds for a hundred calls at once, with a few calls of the store for each', async () => {
    let calls = 0
    const counting: TokenStore = {
      get: keys => {
        calls++
        return store.get(keys)
      },
      compareAndSet: (...call) => {
        calls++
        return store.compareAndSet(...call)
      },
    }
    const revoked: unknown[] = []
    const mine = await sessionOf('ada')
    const theirs = await sessionOf('ada')
    const busy = make({ store: counting, storeTimeout: 20_000 })
    busy.on('allRevoked', event => void revoked.push(event))
    const except = String(mine.sid)
    await Promise.all(Array.from({ length: 100 }, () => busy.revokeAllSessions('ada', { except })))
    assert.deepEqual([await authx.isRevoked(mine), await authx.isRevoked(theirs)], [false, true])
    assert.ok(calls <= 300, `${calls} calls of the store`)
    await Promise.all(Array.from({ length: 100 }, () => busy.revokeAllSessions('ada')))
    assert.equal(await authx.isRevoked(mine), true)
    assert.ok(calls <= 600, `${calls} calls of the store`)
    assert.deepEqual(revoked, [...Array(100).fill({ sub: 'ada', except }), ...Array(100).fill({ sub: 'ada' })])
  })

  test('ends what a call at the same moment would have spared', async () => {
    const mine = await sessionOf('ada')
    const sparing = authx.revokeAllSessions('ada', { except: String(mine.sid) })
    await Promise.all([sparing, authx.revokeAllSessions('ada')])
    assert.equal(await authx.isRevoked(mine), true)
  })

  test('ends a lone token, though a call at the same moment comes from a server whose clock is behind', async () => {
    const behind = make({ now: () => now - 3_600_000 })
    const lone = await authx.verifyToken(authx.createAccessToken('ada'))
    await Promise.all([behind.revokeAllSessions('ada'), authx.revokeAllSessions('ada')])
    assert.equal(await authx.isRevoked(lone), true)
  })

  test('never brings a session back by naming it', async () => {
    const [first, second] = [await sessionOf('ada'), await sessionOf('ada')]
    await authx.revokeAllSessions('ada', { except: String(first.sid) })
    await authx.revokeAllSessions('ada', { except: String(second.sid) })
    await authx.revokeAllSessions('ada', { except: String(first.sid) })
    for (const payload of [first, second]) assert.equal(await authx.isRevoked(payload), true)
  })

  test('holds though the clock has been set back since', async () => {
    await authx.revokeAllSessions('ada')
    const before = await sessionOf('ada')
    now -= 3_600_000
    await authx.revokeAllSessions('ada')
    now += 3_600_000
    assert.equal(await authx.isRevoked(before), true)
  })
})

describe('a store', () => {
  test('that loses everything ends every session', async () => {
    const payload = await sessionOf('ada')
    store = new MemoryTokenStore()
    assert.equal(await make().isRevoked(payload), true)
  })

  test('that holds what koa-authx did not write is an unavailable one', async () => {
    const payload = await sessionOf('ada')
    const told: unknown[] = []
    authx.on('storeError', ({ error }) => told.push(error.cause))
    const [record = ''] = await store.get([`session:${payload.sid}`])
    const unclear = record.replace('{', '{"persistent":"yes",')
    for (const value of ['null', '{}', '[]', 'no JSON', '{"sub":"ada"}', '{"revoked":false}', '5', '', unclear]) {
      const [before] = await store.get([`session:${payload.sid}`])
      await store.compareAndSet(`session:${payload.sid}`, before, value, new Date(Date.now() + DAY))
      await assert.rejects(authx.isRevoked(payload), { name: 'StoreUnavailableError' })
      await assert.rejects(authx.revoke(payload), { name: 'StoreUnavailableError' })
    }
    await new Promise(setImmediate)
    const reasons = new Set(told.map(String))
    assert.deepEqual(reasons, new Set(['Error: the store holds a session record that koa-authx did not write']))
  })

  test('that is missing makes revoking and listing a matter of configuration', async () => {
    const bare = new AuthX({ secretKey: TEST_SECRET })
    const payload = await bare.verifyToken(bare.createAccessToken('ada'))
    const calls = [
      bare.revoke(payload),
      bare.isRevoked(payload),
      bare.listSessions('ada'),
      bare.getSession('x'),
      bare.revokeSession('x'),
      bare.revokeAllSessions('ada'),
    ]
    for (const call of calls) await assert.rejects(call, { name: 'BadConfigurationError' })
  })

  test('that is not asked about access tokens is still asked about refresh tokens', async () => {
    authx = make({ accessTokenRevocation: false })
    const pair = await authx.createTokenPair('ada')
    await authx.revoke(pair.access_token)
    assert.equal((await authx.verifyToken(pair.access_token)).sub, 'ada')
    await assert.rejects(authx.verifyToken(pair.refresh_token, { type: 'refresh' }), GONE)
    assert.equal(await authx.isRevoked(await authx.verifyToken(pair.access_token)), true)
  })
})

describe("the application's blocklist", () => {
  test('is asked besides the store', async () => {
    const blocked = new Set<string>()
    authx.setTokenBlocklist(async ({ jti }) => blocked.has(jti))
    const pair = await authx.createTokenPair('ada')
    const { jti } = await authx.verifyToken(pair.access_token)
    blocked.add(jti)
    await assert.rejects(authx.verifyToken(pair.access_token), GONE)
  })

  test('that rejects, is late or forgets to answer is a reason for 503, never for letting in', async () => {
    const { access_token } = await authx.createTokenPair('ada')
    const failing = [
      () => Promise.reject(new Error('down')),
      () => new Promise<boolean>(() => {}),
      () => undefined as unknown as boolean,
      () => {
        throw new Error('broken')
      },
    ]
    for (const blocklist of failing) {
      authx.setTokenBlocklist(blocklist)
      await assert.rejects(authx.verifyToken(access_token), {
        name: 'CallbackUnavailableError',
        status: 503,
        callback: 'tokenBlocklist',
      })
    }
  })
})

describe('listeners', () => {
  test('that throw or reject change no answer', async () => {
    const warned = new Promise(resolve => process.once('warning', resolve))
    authx.on('revoked', () => {
      throw new Error('listener')
    })
    await authx.revoke((await authx.createTokenPair('ada')).access_token)
    assert.match(String(await warned), /listener/)
  })

  test('may throw anything at all', async () => {
    const warned = new Promise<Error>(resolve => process.once('warning', resolve))
    authx.on('revoked', () => {
      throw Object.create(null)
    })
    await authx.revoke((await authx.createTokenPair('ada')).access_token)
    assert.match((await warned).message, /revoked/)
  })

  test('learn that the store did not answer', async () => {
    const told: string[] = []
    await store.close()
    authx.on('storeError', ({ operation }) => told.push(operation))
    await assert.rejects(authx.createTokenPair('ada'), { name: 'StoreUnavailableError' })
    await new Promise(setImmediate)
    assert.deepEqual(told, ['open'])
  })
})

async function sessionOf(sub: string, options: { device?: Record<string, unknown> } = {}): Promise<TokenPayload> {
  return authx.verifyToken((await authx.createTokenPair(sub, options)).access_token)
}
