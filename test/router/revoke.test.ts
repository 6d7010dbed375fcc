import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, type Sent } from '../support/app.js'
import { FORM_TYPE, JSON_TYPE, person, type Scene, scene } from './scene.js'

const form = (body: string): Sent => ({ method: 'POST', path: '/revoke', headers: [FORM_TYPE], body })
const json = (body: unknown): Sent => {
  return { method: 'POST', path: '/revoke', headers: [JSON_TYPE], body: JSON.stringify(body) }
}

/** RFC 7009 §2.2: the client looks at nothing but the status. */
async function revoked({ client }: Scene, sent: Sent): Promise<void> {
  const { status, text, cookies } = await client(sent)
  assert.deepEqual([status, text, cookies], [200, '', []])
}

describe('POST /revoke', () => {
  for (const type of ['access', 'refresh'] as const) {
    for (const [as, sent] of [
      ['a form', (token: string) => form(`token=${token}`)],
      ['a form with a hint', (token: string) => form(`token_type_hint=${type}_token&token=${token}`)],
      ['a form with a wrong hint', (token: string) => form(`token=${token}&token_type_hint=nonsense`)],
      ['JSON', (token: string) => json({ token })],
    ] as const) {
      test(`ends the session of the ${type} token that comes as ${as}`, async t => {
        const here = await scene(t)
        const [one, other] = [await person(here), await person(here)]
        await revoked(here, sent(one.token(type)))
        assert.equal(await one.access(), '401 RevokedTokenError')
        assert.equal((await one.refresh()).json.error_type, 'RevokedTokenError')
        assert.equal(await other.access(), '200')
      })
    }
  }

  test('ends a single token', async t => {
    const here = await scene(t)
    const token = here.authx.createAccessToken('test')
    await revoked(here, form(`token=${token}`))
    await assert.rejects(here.authx.verifyToken(token), { name: 'RevokedTokenError' })
  })

  test('answers the same for a token that is not good, and ends nothing', async t => {
    const here = await scene(t)
    const one = await person(here)
    const token = one.token('access')
    const strange = makeAuthX({ secretKey: 'TEST_ONLY_secret_of_somebody_else_32' }).createAccessToken('test')
    for (const bad of [
      strange,
      `${token.slice(0, -9)}AAAAAAAAA`,
      token.slice(1),
      `${token}.`,
      'none',
      '%00',
      'x'.repeat(9000),
    ]) {
      await revoked(here, form(`token=${bad}`))
    }
    assert.equal(await one.access(), '200')
  })

  test('answers the same for one that has been revoked, and for one that has expired', async t => {
    let now = Date.now()
    const here = await scene(t, { now: () => now })
    const [one, other] = [await person(here), await person(here)]
    await revoked(here, form(`token=${one.token('access')}`))
    await revoked(here, form(`token=${one.token('access')}`))
    now += 3_600_000
    await revoked(here, form(`token=${other.token('access')}`))
    assert.equal((await other.refresh()).json.error_type, 'RevokedTokenError')
  })

  test('leaves tokens of another login type alone', async t => {
    const here = await scene(t, { loginType: 'user' })
    const there = await scene(t, { loginType: 'admin', store: here.store })
    const admin = await person(there)
    await revoked(here, form(`token=${admin.token('access')}`))
    assert.equal(await admin.access(), '200')
  })

  const MALFORMED: readonly (readonly [what: string, sent: Sent])[] = [
    ['no body', { method: 'POST', path: '/revoke' }],
    ['a form without it', form('token_type_hint=access_token')],
    ['an empty form', form('')],
    ['it without a value', form('token=')],
    ['it twice', form('token=a&token=b')],
    ['it twice, the same', form('token=a&token=a')],
    ['a list', form('token[]=a')],
    ['an object', form('token[a]=b')],
    ['an object, with dots', form('token.a=b')],
    ['JSON without it', json({})],
    ['null', json({ token: null })],
    ['a number', json({ token: 5 })],
    ['a list in JSON', json({ token: ['a'] })],
    ['a list of JSON', json([{ token: 'a' }])],
    ['it in the query', { method: 'POST', path: '/revoke?token=a' }],
  ]
  for (const [what, sent] of MALFORMED) {
    test(`is 400 with ${what}`, async t => {
      const { client } = await scene(t)
      const { status, json, headers } = await client(sent)
      assert.deepEqual([status, json.error_type], [400, 'MalformedTokenRequestError'])
      assert.match(String(headers['www-authenticate']), /error="invalid_request"/)
    })
  }

  test('is 415 with a body of another type', async t => {
    const { client } = await scene(t)
    const headers = [['Content-Type', 'text/plain']] as const
    assert.equal((await client({ method: 'POST', path: '/revoke', headers, body: 'token=a' })).status, 415)
  })

  test('takes a body that was parsed before', async t => {
    const { koaBody } = await import('koa-body')
    const here = await scene(t, {}, undefined, [koaBody()])
    const one = await person(here)
    await revoked(here, form(`token=${one.token('refresh')}`))
    assert.equal(await one.access(), '401 RevokedTokenError')
  })

  test('is nothing for GET', async t => {
    const here = await scene(t)
    const one = await person(here)
    assert.equal((await one.send('GET', `/revoke?token=${one.token('access')}`)).text, 'in')
    assert.equal(await one.access(), '200')
  })
})

describe('while the store does not answer', () => {
  /** A store that can be taken away. */
  class Fragile implements TokenStore {
    readonly #store = new MemoryTokenStore()
    away = false
    get = async (keys: readonly string[]) => this.#there().get(keys)
    compareAndSet = async (...args: Parameters<TokenStore['compareAndSet']>) => this.#there().compareAndSet(...args)
    #there(): TokenStore {
      if (this.away) throw new Error('away')
      return this.#store
    }
  }

  test('every route is 503, nothing is reported as done, and nothing has been', async t => {
    const store = new Fragile()
    const here = await scene(t, { store })
    const one = await person(here)
    store.away = true
    const replies = [
      await here.client(form(`token=${one.token('refresh')}`)),
      await one.login(),
      await one.refresh(),
      await one.logout(),
      await one.sessions(),
      await one.delete('/sessions'),
      await one.delete('/sessions/none'),
    ]
    for (const { status, json, headers } of replies) {
      assert.deepEqual([status, json.error_type, headers['retry-after']], [503, 'StoreUnavailableError', '1'])
    }
    // RFC 7009 §2.2.1: a token that may be good is not said to be gone; one that never was is.
    await revoked(here, form('token=none'))
    store.away = false
    assert.equal(await one.access(), '200')
  })
})
