import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import Router from '@koa/router'
import type { Context } from 'koa'
import { AuthX, type AuthXError, type AuthXOptions, type KeyInput } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, cookie, makeAuthX, serve, TEST_SECRET } from '../support/app.js'
import { makeRsaPair } from '../support/signing.js'

type Test = Parameters<typeof serve>[0]
type GetKeyOption = NonNullable<AuthXOptions['getKey']>

const rsa = makeRsaPair()
const secretOf = (tenant: string) => `TEST_ONLY_secret_of_tenant_${tenant}_of_more_than_32_bytes`

/** Tenant `a` signs with a secret of its own, tenant `b` with a key pair. */
const TENANT_KEYS = new Map<unknown, KeyInput>([
  ['a', secretOf('a')],
  ['b', rsa.publicKey],
])
const byTenant: GetKeyOption = (_header, payload) => TENANT_KEYS.get(payload.tenant)

const issuerA = new AuthX({ secretKey: secretOf('a') })
const issuerB = new AuthX({ algorithm: 'RS256', ...rsa })
const tokenOf = (issuer: AuthX, tenant: string) => issuer.createAccessToken('test', { data: { tenant } })

const verifier = (getKey: GetKeyOption, options: AuthXOptions = {}) =>
  new AuthX({ decodeAlgorithms: ['HS256', 'RS256'], getKey, ...options })

/** An app whose every request passes the middleware and two guards. `reported` are the errors that the app emits. */
async function guarded(t: Test, authx: AuthX): Promise<{ client: Client; reported: AuthXError[] }> {
  const router = new Router()
  router.get('/', authx.accessTokenRequired(), authx.tokenRequired({ verifyType: false }), ctx => {
    ctx.body = { sub: ctx.state.token.sub, tenant: ctx.state.token.tenant }
  })
  router.get('/public', ctx => {
    ctx.body = { sub: ctx.state.token?.sub ?? null }
  })
  router.post('/refresh', async ctx => {
    ctx.body = await authx.refresh(ctx)
  })
  router.post('/logout', async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })
  const app = appOf(authx.middleware()).use(router.routes())
  const reported: AuthXError[] = []
  app.on('error', error => reported.push(error))
  return { client: await serve(t, app), reported }
}

async function answerTo(client: Client, token: string) {
  const { status, json, headers } = await client({ headers: [bearer(token)] })
  return { status, error: json.error_type, retry: headers['retry-after'] }
}

const REFUSED = { status: 401, error: 'TokenInvalidSignatureError', retry: undefined }
const UNKNOWN = { status: 503, error: 'CallbackUnavailableError', retry: '1' }

describe('keys per tenant', () => {
  test('each tenant’s tokens are verified with its own key', async t => {
    const { client } = await guarded(t, verifier(byTenant))
    for (const [issuer, tenant] of [
      [issuerA, 'a'],
      [issuerB, 'b'],
    ] as const) {
      const { status, json } = await client({ headers: [bearer(tokenOf(issuer, tenant))] })
      assert.deepEqual([status, json], [200, { sub: 'test', tenant }])
    }
  })

  test('a tenant cannot speak for another, nor for one that there is not', async t => {
    const { client } = await guarded(t, verifier(byTenant))
    for (const tenant of ['b', 'c', '__proto__', '']) {
      assert.deepEqual(await answerTo(client, tokenOf(issuerA, tenant)), REFUSED, tenant)
    }
    assert.deepEqual(await answerTo(client, tokenOf(issuerB, 'a')), REFUSED)
  })

  test('a tenant’s public key is no secret of that tenant', async t => {
    const { client, reported } = await guarded(t, verifier(byTenant))
    const [header, payload] = tokenOf(issuerA, 'b').split('.')
    const signature = createHmac('sha256', rsa.publicKey).update(`${header}.${payload}`).digest('base64url')
    assert.deepEqual(await answerTo(client, `${header}.${payload}.${signature}`), REFUSED)
    assert.deepEqual(reported, [], 'and it is nobody’s fault but the sender’s')
  })

  test('getKey alone decides: the configured keys only sign', async t => {
    const { client } = await guarded(t, verifier(byTenant, { secretKey: TEST_SECRET }))
    assert.deepEqual(await answerTo(client, tokenOf(makeAuthX(), 'a')), REFUSED)
    assert.deepEqual(await answerTo(client, makeAuthX().createAccessToken('test')), REFUSED)
    assert.equal((await answerTo(client, tokenOf(issuerA, 'a'))).status, 200)
  })

  test('the key of this instance’s own tokens is among those that it returns', async t => {
    const getKey: GetKeyOption = (_header, { tenant }) => (tenant === undefined ? TEST_SECRET : TENANT_KEYS.get(tenant))
    const authx = verifier(getKey, { secretKey: TEST_SECRET, store: new MemoryTokenStore() })
    const { client } = await guarded(t, authx)
    const { refresh_token } = await authx.createTokenPair('test')
    const { json } = await client({ method: 'POST', path: '/refresh', headers: [bearer(refresh_token)] })
    assert.equal((await answerTo(client, String(json.access_token))).status, 200)
    assert.equal((await answerTo(client, tokenOf(issuerA, 'a'))).status, 200)
    const ended = await client({ method: 'POST', path: '/logout', headers: [bearer(String(json.access_token))] })
    assert.equal(ended.status, 204)
    assert.equal((await answerTo(client, String(json.access_token))).error, 'RevokedTokenError')
  })
})

describe('getKey', () => {
  test('is given what the token says, frozen, and the context of the request', async t => {
    const seen: { path?: string; frozen: boolean[]; alg: string; tenant: unknown }[] = []
    const authx = verifier((header, payload, ctx) => {
      const frozen = [header, payload, payload.nested, header.extra].map(Object.isFrozen)
      seen.push({ ...(ctx && { path: ctx.path }), frozen, alg: header.alg, tenant: payload.tenant })
      return secretOf('a')
    })
    const { client } = await guarded(t, authx)
    const data = { tenant: 'a', nested: { deep: [] } }
    const token = issuerA.createAccessToken('test', { data, headers: { extra: {} } })
    await client({ headers: [bearer(token)] })
    await authx.verifyToken(token)
    const common = { frozen: [true, true, true, true], alg: 'HS256', tenant: 'a' }
    assert.deepEqual(seen, [{ path: '/', ...common }, common])
  })

  test('may find the tenant by the request', async t => {
    const hosts: Record<string, KeyInput> = { 'a.test': secretOf('a'), 'b.test': rsa.publicKey }
    const authx = verifier((_header, _payload, ctx?: Context) => hosts[ctx?.get('X-Tenant') ?? ''])
    const { client } = await guarded(t, authx)
    const from = async (tenant: string) =>
      (await client({ headers: [bearer(issuerA.createAccessToken('test')), ['X-Tenant', tenant]] })).status
    assert.deepEqual([await from('a.test'), await from('b.test'), await from('c.test')], [200, 401, 401])
  })

  test('is asked once for each token of a request, whatever becomes of it', async t => {
    let asked = 0
    const answers: (() => KeyInput | undefined)[] = [
      () => secretOf('a'),
      () => secretOf('b'),
      () => undefined,
      () => 'TEST_ONLY_short',
      () => {
        throw new Error('TEST')
      },
    ]
    for (const answer of answers) {
      const authx = verifier(async () => {
        asked++
        return answer()
      })
      const { client } = await guarded(t, authx)
      asked = 0
      await client({ headers: [bearer(tokenOf(issuerA, 'a'))] })
      assert.equal(asked, 1)
      await client({ headers: [bearer(tokenOf(issuerA, 'a'))] })
      assert.equal(asked, 2)
      await client({ path: '/public' })
      assert.equal(asked, 2)
    }
  })

  test('is asked once about a token that a guard lets pass and logout ends', async t => {
    let asked = 0
    const authx = verifier(() => {
      asked++
      return secretOf('a')
    })
    const end = async (ctx: Context) => {
      await authx.logout(ctx)
      ctx.status = 204
    }
    const client = await serve(t, appOf(authx.middleware(), authx.accessTokenRequired(), end))
    assert.equal((await client({ headers: [bearer(tokenOf(issuerA, 'a'))] })).status, 204)
    assert.equal(asked, 1)
  })
})

describe('a getKey that has no answer', () => {
  const UNANSWERED: readonly (readonly [what: string, getKey: GetKeyOption])[] = [
    [
      'throws',
      () => {
        throw new Error('TEST detail')
      },
    ],
    ['rejects', () => Promise.reject(new Error('TEST detail'))],
    ['rejects with nothing', () => Promise.reject()],
    ['is late', () => new Promise(() => {})],
    ['returns a short secret', () => 'TEST_ONLY_short'],
    ['returns a private key', () => rsa.privateKey],
    ['returns an empty text', () => ''],
    ['returns something else', () => ({ keys: [] }) as unknown as KeyInput],
    ['returns a key of a family that is not listed', () => rsa.publicKey],
  ]
  for (const [what, getKey] of UNANSWERED) {
    test(`${what}: 503, and no reason for the client`, async t => {
      const authx = verifier(getKey, { storeTimeout: 30, decodeAlgorithms: ['HS256'] })
      const { client, reported } = await guarded(t, authx)
      const token = tokenOf(issuerA, 'a')
      assert.deepEqual(await answerTo(client, token), UNKNOWN)
      assert.deepEqual((await client({ path: '/public', headers: [bearer(token)] })).json, { sub: null })
      assert.equal(reported.length, 1)
      assert.ok(reported[0]?.cause !== undefined || what === 'rejects with nothing')
      const printed = inspect(reported, { depth: 20, showHidden: true })
      assert.ok(!printed.includes(token) && !/TEST_ONLY|BEGIN/.test(printed), printed)
      await assert.rejects(authx.verifyToken(token), { name: 'CallbackUnavailableError' })
    })
  }

  test('says so before anything that the token says of itself', async t => {
    const { client } = await guarded(
      t,
      verifier(() => Promise.reject(new Error('TEST'))),
    )
    const ended = new AuthX({ secretKey: secretOf('a'), now: () => 0 }).createAccessToken('test')
    assert.deepEqual(await answerTo(client, ended), UNKNOWN)
    assert.deepEqual(await answerTo(client, issuerA.createRefreshToken('test')), UNKNOWN)
  })

  test('is forgiven: the next request asks again', async t => {
    let down = true
    const authx = verifier(() => (down ? Promise.reject(new Error('TEST')) : secretOf('a')))
    const { client } = await guarded(t, authx)
    const token = tokenOf(issuerA, 'a')
    assert.deepEqual(await answerTo(client, token), UNKNOWN)
    down = false
    assert.equal((await answerTo(client, token)).status, 200)
  })

  test('ends no session: a logout is refused, though another token of the request is good', async t => {
    const store = new MemoryTokenStore()
    const own = { secretKey: TEST_SECRET, store, tokenLocation: ['cookies'], decodeAlgorithms: ['HS256'] } as const
    const authx = verifier((_header, { type }) => {
      if (type === 'refresh') throw new Error('TEST')
      return TEST_SECRET
    }, own)
    const { client } = await guarded(t, authx)
    const [one, two] = [await authx.createTokenPair('one'), await authx.createTokenPair('two')]
    const csrf = authx.getCsrfToken(one.access_token)
    const cookies = cookie({ access_token_cookie: one.access_token, refresh_token_cookie: two.refresh_token })
    const reply = await client({
      method: 'POST',
      path: '/logout',
      headers: [cookies, ['X-CSRF-TOKEN', String(csrf)]],
    })
    assert.deepEqual([reply.status, reply.json.error_type, reply.cookies], [503, 'CallbackUnavailableError', []])
    assert.equal((await authx.listSessions('one')).length + (await authx.listSessions('two')).length, 2)
  })

  test('that answers too late harms nobody', async t => {
    let fail = () => {}
    const late = new Promise<never>((_, reject) => {
      fail = () => reject(new Error('TEST'))
    })
    const { client } = await guarded(
      t,
      verifier(() => late, { storeTimeout: 20 }),
    )
    assert.deepEqual(await answerTo(client, tokenOf(issuerA, 'a')), UNKNOWN)
    fail()
    assert.deepEqual(await answerTo(client, tokenOf(issuerA, 'a')), UNKNOWN)
  })
})
