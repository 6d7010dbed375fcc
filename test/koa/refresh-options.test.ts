import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RefreshOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'
import { contentOf } from '../support/signing.js'

const WRONG: readonly unknown[] = [
  { expiry: null },
  { expiry: 0 },
  { expiry: 'abc' },
  { data: { sub: 'somebody else' } },
  { data: 'a' },
  { scopes: 'a' },
  { scopes: ['a b'] },
  { expires: 60 },
]

describe('wrong options of refresh', () => {
  for (const [what, store] of [
    ['with a store', new MemoryTokenStore()],
    ['without', undefined],
  ] as const) {
    test(`are the application’s mistake and use nothing up, ${what}`, async t => {
      const authx = makeAuthX({ store, refreshGracePeriod: 0 })
      let options: unknown = {}
      const app = appOf(authx.middleware(), async ctx => {
        ctx.body = await authx.refresh(ctx, options as RefreshOptions)
      })
      const client = await serve(t, app)
      const { refresh_token } = await authx.createTokenPair('test', { scopes: ['a'] })
      const headers = [bearer(refresh_token)]
      for (options of WRONG) {
        assert.equal((await client({ method: 'POST', headers })).status, 500, JSON.stringify(options))
      }
      options = { scopes: ['a', 'b'] }
      const wider = await client({ method: 'POST', headers })
      assert.deepEqual([wider.status, wider.json.error_type], [403, 'InsufficientScopeError'])

      options = { scopes: ['a'], expiry: 60, data: { role: 'admin' } }
      const { status, json } = await client({ method: 'POST', headers })
      assert.equal(status, 200)
      const { claims } = contentOf(String(json.access_token))
      assert.deepEqual([claims.scopes, claims.role, Number(claims.exp) - Number(claims.iat)], [['a'], 'admin', 60])
    })
  }
})
