/** Tokens that our key has signed and this library has not made: of another service with the key, such as AuthX's. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { AuthX, AuthXOptions } from '../../src/index.js'
import { makeToken } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, makeAuthX, type Reply, serve, TEST_SECRET } from '../support/app.js'

/** An application with all flows, behind implicit refresh. */
async function scene(t: TestContext, options: AuthXOptions = {}) {
  const authx = makeAuthX({
    store: new MemoryTokenStore(),
    tokenLocation: ['cookies', 'headers'],
    cookieSecure: false,
    cookieCsrfProtect: false,
    implicitRefreshDeltatime: '100d',
    ...options,
  })
  const app = appOf(authx.middleware(), authx.implicitRefresh(), async ctx => {
    if (ctx.path === '/refresh') ctx.body = await authx.refresh(ctx)
    else if (ctx.path === '/logout') {
      await authx.logout(ctx)
      ctx.status = 204
    } else {
      const guard = ctx.path === '/scopes' ? authx.scopesRequired('a') : authx.accessTokenRequired()
      await guard(ctx as never, async () => {
        ctx.body = 'in'
      })
    }
  })
  return { authx, client: await serve(t, app) }
}

/** `makeToken` refuses only what is larger than any token; this one is as large as `size` characters, about. */
function tokenOf(authx: AuthX, size: number, claims: object): string {
  const small = makeToken(authx, { ...claims, pad: '' })
  return makeToken(authx, { ...claims, pad: 'x'.repeat(Math.floor(((size - small.length) * 3) / 4)) })
}

const verdict = ({ status, json }: Reply) => [status, json.error_type]

describe('a refresh token whose successor would be too large is refused and not used up', () => {
  for (const options of [
    {},
    { tokenLocation: ['headers', 'cookies'] },
    { store: undefined },
  ] satisfies AuthXOptions[]) {
    test(`with ${JSON.stringify(options)}`, async t => {
      const { authx, client } = await scene(t, options)
      for (const size of [3900, 8100, 8190]) {
        const token = tokenOf(authx, size, { type: 'refresh' })
        const refresh = () => client({ method: 'POST', path: '/refresh', headers: [bearer(token)] })
        const [first, second] = [await refresh(), await refresh()]
        const isFit = first.status === 200
        if (!isFit) assert.deepEqual([verdict(first), verdict(second)], Array(2).fill([401, 'JWTDecodeError']))
        if (size > 8000 && options.store !== undefined) assert.equal(isFit, false)
        assert.equal((await client({ method: 'POST', path: '/logout', headers: [bearer(token)] })).status, 204)
      }
    })
  }

  test('and one that the application makes too large is an error of the application', async t => {
    const { authx } = await scene(t)
    const app = appOf(authx.middleware(), async ctx => {
      ctx.body = await authx.refresh(ctx, { data: { pad: 'x'.repeat(9000) } })
    })
    const client = await serve(t, app)
    const { refresh_token } = await authx.createTokenPair('test')
    assert.equal((await client({ method: 'POST', headers: [bearer(refresh_token)] })).status, 500)
  })
})

test('whatever the claims of a token are that our key has signed, nothing is answered with a 5xx', async t => {
  const { authx, client } = await scene(t)
  const stateless = await scene(t, { store: undefined })
  const strange = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom('\ud800', 'a\u0000b', 'x'.repeat(3000), '', '__proto__', 2 ** 53, 1e300, -0, 253_402_300_799),
    fc.constantFrom('a b', 'ü', '"', ['a b', '"'], ['\ud800'], { __proto__: null }),
  )
  const NAMES = 'sub jti type iat exp nbf iss aud fresh csrf scopes login_type sid gen renewable __proto__ own'.split(
    ' ',
  )
  const claims = fc.dictionary(fc.constantFrom(...NAMES), strange, { maxKeys: 5 })
  await fc.assert(
    fc.asyncProperty(claims, fc.constantFrom('access', 'refresh'), async (claims, type) => {
      for (const { authx: issuer, client: send } of [{ authx, client }, stateless]) {
        const token = makeToken(issuer, { type, ...claims })
        const name = type === 'access' ? 'access_token_cookie' : 'refresh_token_cookie'
        for (const headers of [[bearer(token)], [cookie({ [name]: token })]]) {
          for (const path of ['/', '/scopes', '/refresh', '/logout']) {
            const { status } = await send({ method: 'POST', path, headers })
            assert.ok(status < 500, `${path} was answered with ${status}`)
          }
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('a token that is nested as deeply as it has room is refused where it would be issued again', async t => {
  const { client, authx } = await scene(t)
  const nested = (depth: number) => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)
  for (const depth of [100, 1000, 2400, 2900]) {
    const claims = { own: nested(depth), renewable: true }
    const [access, refresh] = (['access', 'refresh'] as const).map(type => tokenNested(authx, { ...claims, type }))
    assert.ok((await client({ headers: [cookie({ access_token_cookie: String(access) })] })).status < 500)
    const { status } = await client({ method: 'POST', path: '/refresh', headers: [bearer(String(refresh))] })
    assert.ok(status < 500, `${depth} levels were answered with ${status}`)
  }
})

/** `JSON.stringify` would end in a stack overflow. */
function tokenNested(authx: AuthX, { own, ...claims }: { own: unknown; type: string; renewable: boolean }): string {
  const [head = '', body = ''] = makeToken(authx, claims).split('.')
  let depth = 1
  for (let inner = own as unknown[]; inner.length > 0; inner = inner[0] as unknown[]) depth++
  const text = Buffer.from(body, 'base64url')
    .toString()
    .replace(/\}$/, `,"own":${'['.repeat(depth)}${']'.repeat(depth)}}`)
  const signed = `${head}.${Buffer.from(text).toString('base64url')}`
  return `${signed}.${createHmac('sha256', TEST_SECRET).update(signed).digest('base64url')}`
}
