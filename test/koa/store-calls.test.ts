import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, makeAuthX, serve } from '../support/app.js'
import { forge, forgeWith, GOOD_CLAIMS } from '../support/signing.js'

/** A memory store that knows how often it was asked. */
class CountingStore implements TokenStore {
  calls = 0
  readonly #store = new MemoryTokenStore()
  get(keys: readonly string[]) {
    this.calls++
    return this.#store.get(keys)
  }
  compareAndSet(...args: Parameters<TokenStore['compareAndSet']>) {
    this.calls++
    return this.#store.compareAndSet(...args)
  }
}

describe('the store', () => {
  test('is asked once a request, however many guards there are', async t => {
    const store = new CountingStore()
    const authx = makeAuthX({ store })
    const guards = [
      authx.middleware(),
      authx.accessTokenRequired(),
      authx.scopesRequired('a'),
      authx.freshTokenRequired(),
    ]
    const client = await serve(
      t,
      appOf(...guards, ctx => {
        ctx.body = 'in'
      }),
    )
    const { access_token } = await authx.createTokenPair('test', { fresh: true, scopes: ['a'] })
    for (let n = 0; n < 3; n++) {
      store.calls = 0
      assert.equal((await client({ headers: [bearer(access_token)] })).status, 200)
      assert.equal(store.calls, 1)
    }
  })

  test('is asked again in the next request', async t => {
    const store = new CountingStore()
    const authx = makeAuthX({ store })
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
        ctx.body = 'in'
      }),
    )
    const { access_token } = await authx.createTokenPair('test')
    assert.equal((await client({ headers: [bearer(access_token)] })).status, 200)
    await authx.revoke(access_token)
    assert.equal((await client({ headers: [bearer(access_token)] })).status, 401)
  })

  test('is asked about each of two tokens of a request', async t => {
    const store = new CountingStore()
    const authx = makeAuthX({ store })
    const byQuery = authx.accessTokenRequired({ locations: ['query'] })
    const client = await serve(
      t,
      appOf(authx.accessTokenRequired(), byQuery, ctx => {
        ctx.body = ctx.state.token
      }),
    )
    const [alice, bob] = [await authx.createTokenPair('alice'), await authx.createTokenPair('bob')]
    store.calls = 0
    const request = { path: `/?token=${bob.access_token}`, headers: [bearer(alice.access_token)] }
    assert.equal((await client(request)).json.sub, 'bob')
    assert.equal(store.calls, 2)
    await authx.revoke(bob.access_token)
    assert.equal((await client(request)).status, 401)
  })

  test('is not asked about access tokens where that is switched off', async () => {
    const store = new CountingStore()
    const authx = makeAuthX({ store, accessTokenRevocation: false })
    const { access_token, refresh_token } = await authx.createTokenPair('test')
    store.calls = 0
    await authx.verifyToken(access_token)
    assert.equal(store.calls, 0)
    await authx.verifyToken(refresh_token, { type: 'refresh' })
    assert.equal(store.calls, 1)
  })

  test('never hears of a token that is malformed, forged or out of date', async t => {
    const store = new CountingStore()
    const authx = makeAuthX({ store, tokenLocation: ['headers', 'cookies', 'query'] })
    const flows = appOf(authx.middleware(), async ctx => {
      if (ctx.path === '/refresh') ctx.body = await authx.refresh(ctx)
      else if (ctx.path === '/logout') await authx.logout(ctx)
      else await authx.tokenRequired({ type: ctx.path === '/guarded' ? 'access' : 'refresh' })(ctx, async () => {})
    })
    const client = await serve(t, flows)
    const good = authx.createAccessToken('test')
    const now = Math.floor(Date.now() / 1000)
    const inDate = { iat: now, exp: now + 60 }
    const bad = [
      'a',
      'a.b.c',
      '..',
      `${good.slice(0, -6)}AAAAAA`,
      `${good.slice(0, good.lastIndexOf('.') + 1)}`,
      'x'.repeat(8193),
      forge({ ...GOOD_CLAIMS, ...inDate }, undefined, 'TEST_ONLY_no_secret_of_ours'),
      forge({ ...GOOD_CLAIMS, ...inDate }, { alg: 'none' }),
      forge({ ...GOOD_CLAIMS, ...inDate }, { alg: 'HS256', crit: ['exp'] }),
      forgeWith({ ...inDate, sub: '' }),
      forgeWith({ ...inDate, type: 'id' }),
      forgeWith({ ...inDate, sid: 5 }),
      forgeWith({ ...inDate, aud: 'elsewhere' }),
    ]
    for (const token of bad) {
      for (const path of ['/guarded', '/refresh-guarded', '/refresh', '/logout']) {
        for (const headers of [
          [bearer(token)],
          // Node takes 16 KiB of headers in all: the longest goes into one cookie only.
          [cookie({ [path.includes('refresh') ? 'refresh_token_cookie' : 'access_token_cookie']: token })],
        ]) {
          const { status } = await client({ method: 'POST', path, headers })
          assert.equal(status, 401, `${path} ${token.slice(0, 40)}`)
        }
      }
    }
    assert.equal(store.calls, 0)
  })
})
