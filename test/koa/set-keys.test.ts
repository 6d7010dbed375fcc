import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import type { AuthX, TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, serve, TEST_SECRET } from '../support/app.js'
import { verdictOf } from '../support/signing.js'

const TEST_NEW_SECRET = 'TEST_ONLY_new_secret_of_the_test_suite_of_more_than_64_bytes_0123456789'

/** A store that holds its next answer back until the test lets it go. */
class GatedStore implements TokenStore {
  readonly #store = new MemoryTokenStore()
  #gate = Promise.resolve()
  #reached: () => void = () => {}

  /** `reached`: somebody waits at the gate. */
  hold(): { reached: Promise<void>; open: () => void } {
    let open = () => {}
    this.#gate = new Promise(resolve => {
      open = resolve
    })
    const reached = new Promise<void>(resolve => {
      this.#reached = resolve
    })
    return { reached, open }
  }

  async get(keys: readonly string[]) {
    this.#reached()
    await this.#gate
    return this.#store.get(keys)
  }

  compareAndSet(...args: Parameters<TokenStore['compareAndSet']>) {
    return this.#store.compareAndSet(...args)
  }
}

function appFor(authx: AuthX) {
  const router = new Router()
  router.post('/refresh', async ctx => {
    ctx.body = await authx.refresh(ctx)
  })
  router.get('/', authx.accessTokenRequired(), authx.scopesRequired('a'), ctx => {
    ctx.body = { sub: ctx.state.token.sub }
  })
  return appOf(authx.middleware()).use(router.routes())
}

describe('setKeys while a request is on its way', () => {
  test('a request whose token has been verified is answered; the next one is refused', async t => {
    const store = new GatedStore()
    const authx = makeAuthX({ store, storeTimeout: 60_000 })
    const client = await serve(t, appFor(authx))
    const { access_token } = await authx.createTokenPair('test', { scopes: ['a'] })
    const gate = store.hold()
    const answer = client({ headers: [bearer(access_token)] })
    await gate.reached
    authx.setKeys({ secretKey: TEST_NEW_SECRET })
    gate.open()
    assert.deepEqual((await answer).json, { sub: 'test' })
    const { status, json } = await client({ headers: [bearer(access_token)] })
    assert.deepEqual([status, json.error_type], [401, 'TokenInvalidSignatureError'])
  })

  test('a refresh gives tokens of the new key', async t => {
    const store = new GatedStore()
    const authx = makeAuthX({ store, storeTimeout: 60_000 })
    const client = await serve(t, appFor(authx))
    const { refresh_token } = await authx.createTokenPair('test', { scopes: ['a'] })
    const gate = store.hold()
    const answer = client({ method: 'POST', path: '/refresh', headers: [bearer(refresh_token)] })
    await gate.reached
    authx.setKeys({ secretKey: TEST_NEW_SECRET, previousSecretKey: TEST_SECRET })
    gate.open()
    const { status, json } = await answer
    assert.equal(status, 200)
    authx.setKeys({ secretKey: TEST_NEW_SECRET })
    assert.equal(await verdictOf(() => authx.verifyToken(String(json.access_token))), 'good')
    const again = await client({ method: 'POST', path: '/refresh', headers: [bearer(String(json.refresh_token))] })
    assert.equal(again.status, 200)
  })

  test('a session outlives the key it began with, from refresh to refresh', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const client = await serve(t, appFor(authx))
    let { refresh_token: token } = await authx.createTokenPair('test', { scopes: ['a'] })
    let current = TEST_SECRET
    for (let n = 0; n < 3; n++) {
      const next = `${TEST_NEW_SECRET}_${n}`
      authx.setKeys({ secretKey: next, previousSecretKey: current })
      current = next
      const { status, json } = await client({ method: 'POST', path: '/refresh', headers: [bearer(token)] })
      assert.equal(status, 200)
      token = String(json.refresh_token)
    }
  })
})
