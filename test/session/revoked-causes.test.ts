import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthX, AuthXOptions } from '../../src/index.js'
import { RevokedTokenError } from '../../src/index.js'
import { makeToken } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { claimsOf, flowApi } from '../flows/api.js'
import { appOf, bearer, makeAuthX, serve, TEST_NOW } from '../support/app.js'

const DAY = 86_400_000

interface Scene {
  readonly authx: AuthX
  readonly clock: { now: number }
  readonly store: MemoryTokenStore
  /** Another instance with the same keys. */
  other(options?: AuthXOptions): AuthX
}

function scene(t: TestContext, options: AuthXOptions = {}): Scene {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const other = (more: AuthXOptions = {}) => makeAuthX({ store, now: () => clock.now, ...options, ...more })
  return { authx: other(), clock, store, other }
}

/** Why `authx` refuses a token: where it is verified, and where it is refreshed. All of it has the same message. */
async function causesOf(authx: AuthX, token: string): Promise<string[]> {
  const { type } = claimsOf(token) as { type: 'access' | 'refresh' }
  const ways: (() => Promise<unknown>)[] = [() => authx.verifyToken(token, { type })]
  if (type === 'refresh') ways.push(() => refreshed(authx, token))
  const causes: string[] = []
  for (const way of ways) {
    const error = await way().then(
      () => 'let in',
      error => error,
    )
    assert.ok(error instanceof RevokedTokenError, String(error))
    assert.deepEqual([error.message, error.code], ['The token has been revoked', 'ERR_TOKEN_REVOKED'])
    causes.push(String(error.cause))
  }
  return causes
}

function refreshed(authx: AuthX, token: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}` }
  const req = { headers, rawHeaders: Object.entries(headers).flat(), method: 'POST', url: '/' }
  return authx.refresh({ req, request: { req }, method: 'POST', querystring: '' } as never)
}

/** Each makes tokens that are refused for one reason. */
const CASES: Record<string, { says: RegExp; make: (scene: Scene) => Promise<{ by?: AuthX; tokens: string[] }> }> = {
  'a session of another store, as of a memory store in another process': {
    says: /the store does not know the session/,
    async make({ authx, other }) {
      const pair = await authx.createTokenPair('ada')
      return { by: other({ store: new MemoryTokenStore() }), tokens: [pair.access_token, pair.refresh_token] }
    },
  },
  'a sid that nobody knows': {
    says: /the store does not know the session/,
    make: async ({ authx }) => ({ tokens: [authx.createAccessToken('ada', { sid: 'unknown' })] }),
  },
  'a session of another subject': {
    says: /belongs to another subject/,
    async make({ authx }) {
      const pair = await authx.createTokenPair('ada')
      const { sid } = claimsOf(pair.access_token)
      const refresh = makeToken(authx, { ...claimsOf(pair.refresh_token), sub: 'eve' })
      return { tokens: [authx.createAccessToken('eve', { sid: String(sid) }), refresh] }
    },
  },
  'a session of another login type': {
    says: /belongs to another login type/,
    async make({ authx, other }) {
      const admin = other({ loginType: 'admin' })
      const { sid } = claimsOf((await authx.createTokenPair('ada')).access_token)
      return { by: admin, tokens: [admin.createAccessToken('ada', { sid: String(sid) })] }
    },
  },
  'a session that was ended': {
    says: /has been ended/,
    async make({ authx }) {
      const pair = await authx.createTokenPair('ada')
      await authx.revoke(pair.access_token)
      return { tokens: [pair.access_token, pair.refresh_token] }
    },
  },
  'a single token that was ended': {
    says: /has been ended/,
    async make({ authx }) {
      const tokens = [authx.createAccessToken('ada'), authx.createRefreshToken('ada')]
      for (const token of tokens) await authx.revoke(token)
      return { tokens }
    },
  },
  'a session past its absolute end': {
    says: /past its absolute end/,
    async make({ authx, clock }) {
      const { refresh_token } = await authx.createTokenPair('ada')
      const { sid } = claimsOf(refresh_token)
      const tokens = [authx.createAccessToken('ada', { sid: String(sid), expiry: '200d' })]
      tokens.push(makeToken(authx, { ...claimsOf(refresh_token), exp: (TEST_NOW + 200 * DAY) / 1000 }))
      tokens.push(authx.createRefreshToken('ada', { expiry: '200d' }))
      clock.now += 90 * DAY
      return { tokens }
    },
  },
  'a session whose last token has expired': {
    says: /last token .* has expired/,
    async make({ authx, clock }) {
      const { sid } = claimsOf((await authx.createTokenPair('ada')).refresh_token)
      const token = authx.createAccessToken('ada', { sid: String(sid), expiry: '80d' })
      clock.now += 20 * DAY
      return { tokens: [token] }
    },
  },
  'everything of a subject, revoked': {
    says: /revokeAllSessions/,
    async make({ authx }) {
      const pair = await authx.createTokenPair('ada')
      const tokens = [authx.createAccessToken('ada'), authx.createRefreshToken('ada')]
      await authx.revokeAllSessions('ada')
      return { tokens: [...tokens, pair.access_token, pair.refresh_token] }
    },
  },
  'a refresh token without a generation': {
    says: /no generation/,
    async make({ authx }) {
      const { refresh_token } = await authx.createTokenPair('ada')
      return { tokens: [makeToken(authx, { ...claimsOf(refresh_token), gen: undefined })] }
    },
  },
  'a refresh token far ahead of the store': {
    says: /ahead of the store/,
    async make({ authx }) {
      const { refresh_token } = await authx.createTokenPair('ada')
      return { tokens: [makeToken(authx, { ...claimsOf(refresh_token), gen: 2, jti: 'lost' })] }
    },
  },
  'the blocklist': {
    says: /setTokenBlocklist/,
    async make({ authx }) {
      const pair = await authx.createTokenPair('ada')
      authx.setTokenBlocklist(() => true)
      return { tokens: [pair.access_token, pair.refresh_token] }
    },
  },
}

describe('the cause of a revoked token says that it was', () => {
  for (const [what, { says, make }] of Object.entries(CASES)) {
    test(what, async t => {
      const it = scene(t)
      const { by = it.authx, tokens } = await make(it)
      for (const token of tokens) {
        for (const cause of await causesOf(by, token)) assert.match(cause, says)
      }
    })
  }

  test('a session, where a refresh finds no store to look it up in', async t => {
    const { authx, other } = scene(t)
    const { refresh_token } = await authx.createTokenPair('ada')
    await assert.rejects(refreshed(other({ store: undefined }), refresh_token), ({ cause }: Error) => {
      assert.match(String(cause), /no store/)
      return true
    })
  })
})

test('no client is told which it was', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  const unknown = api.authx.createAccessToken('ada', { sid: 'unknown' })
  const stranger = api.authx.createAccessToken('eve', { sid: String(claimsOf(json.access_token).sid) })
  await api.logout(json.access_token)
  const answers = new Set<string>()
  for (const token of [unknown, stranger, String(json.access_token)]) {
    const { status, text, headers } = await api.protected(token)
    const { date, ...others } = headers
    answers.add(JSON.stringify([status, text, others]))
  }
  assert.equal(answers.size, 1)
})

test('the cause of reuse says which token of the session should not have come', async t => {
  const api = await flowApi(t)
  const causeOf = (token: unknown, type: 'access' | 'refresh') =>
    api.authx.verifyToken(String(token), { type }).then(
      () => 'let in',
      ({ code, cause }) => `${code}: ${cause}`,
    )
  const login = await api.login()
  const lost = await api.refresh(login.json.refresh_token)
  api.clock.now += 60_000
  await api.refresh(login.json.refresh_token)
  assert.match(
    await causeOf(lost.json.refresh_token, 'refresh'),
    /^ERR_TOKEN_REUSED: the refresh token is used up, or voided/,
  )
  assert.match(await causeOf(lost.json.access_token, 'access'), /^ERR_TOKEN_REUSED: the access token is voided/)
})

test('the cause holds nothing of the token', async t => {
  const { authx } = scene(t)
  const token = authx.createAccessToken('TEST-subject', { sid: 'TEST-sid' })
  const causes: string[] = []
  const app = appOf(async (_ctx, next) => {
    await next().catch((error: Error) => {
      causes.push(String(error.cause))
      throw error
    })
  }, authx.accessTokenRequired() as never)
  await (await serve(t, app))({ headers: [bearer(token)] })
  assert.equal(causes.length, 1)
  assert.ok(!/TEST/.test(String(causes[0])), causes[0])
})
