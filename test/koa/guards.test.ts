import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type Koa from 'koa'
import type { AuthX } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, makeAuthX, serve } from '../support/app.js'

type Test = Parameters<typeof serve>[0]

const answer: Koa.Middleware = ctx => {
  ctx.body = { token: ctx.state.token ?? null, subject: ctx.state.subject ?? null }
}

/** Apps behind one guard, without and with `middleware()` before it: a guard needs no help. */
async function behind(t: Test, authx: AuthX, guard: Koa.Middleware): Promise<Client[]> {
  return [await serve(t, appOf(guard, answer)), await serve(t, appOf(authx.middleware(), guard, answer))]
}

/** What a token comes to: `200`, or the status and the challenge’s error code. */
async function outcomes(clients: readonly Client[], token?: string): Promise<string> {
  const seen = new Set<string>()
  for (const client of clients) {
    const { status, headers } = await client({ headers: token === undefined ? [] : [bearer(token)] })
    const code = /error="(\w+)"/.exec(headers['www-authenticate'] ?? '')?.[1]
    seen.add(code ? `${status} ${code}` : `${status}`)
  }
  assert.equal(seen.size, 1, 'with and without middleware() the same')
  return [...seen].join()
}

const INVALID = '401 invalid_token'

describe('a guard', () => {
  const store = () => new MemoryTokenStore()
  const authx = makeAuthX({ store: store() })
  const access = () => authx.createAccessToken('test')
  const fresh = () => authx.createAccessToken('test', { fresh: true })
  const refresh = () => authx.createRefreshToken('test')

  const TABLE: readonly [
    guard: string,
    make: () => Koa.Middleware,
    verdicts: Record<'none' | 'bad' | 'access' | 'fresh' | 'refresh', string>,
  ][] = [
    [
      'accessTokenRequired()',
      () => authx.accessTokenRequired(),
      { none: '401', bad: INVALID, access: '200', fresh: '200', refresh: INVALID },
    ],
    [
      'refreshTokenRequired()',
      () => authx.refreshTokenRequired(),
      { none: '401', bad: INVALID, access: INVALID, fresh: INVALID, refresh: '200' },
    ],
    [
      'freshTokenRequired()',
      () => authx.freshTokenRequired(),
      { none: '401', bad: INVALID, access: '401 insufficient_user_authentication', fresh: '200', refresh: INVALID },
    ],
    [
      'tokenRequired()',
      () => authx.tokenRequired(),
      { none: '401', bad: INVALID, access: '200', fresh: '200', refresh: INVALID },
    ],
    [
      "tokenRequired({ type: 'refresh' })",
      () => authx.tokenRequired({ type: 'refresh' }),
      { none: '401', bad: INVALID, access: INVALID, fresh: INVALID, refresh: '200' },
    ],
    [
      'tokenRequired({ verifyType: false })',
      () => authx.tokenRequired({ verifyType: false }),
      { none: '401', bad: INVALID, access: '200', fresh: '200', refresh: '200' },
    ],
    [
      'tokenRequired({ verifyFresh: true })',
      () => authx.tokenRequired({ verifyFresh: true }),
      { none: '401', bad: INVALID, access: '401 insufficient_user_authentication', fresh: '200', refresh: INVALID },
    ],
    [
      'accessTokenRequired({ optional: true })',
      () => authx.accessTokenRequired({ optional: true }),
      { none: '200', bad: INVALID, access: '200', fresh: '200', refresh: INVALID },
    ],
    [
      "accessTokenRequired({ locations: ['query'] })",
      () => authx.accessTokenRequired({ locations: ['query'] }),
      { none: '401', bad: '401', access: '401', fresh: '401', refresh: '401' },
    ],
  ]
  for (const [name, make, verdicts] of TABLE) {
    test(`${name}, with and without middleware()`, async t => {
      const clients = await behind(t, authx, make())
      assert.equal(await outcomes(clients), verdicts.none, 'no token')
      assert.equal(await outcomes(clients, `${access()}x`), verdicts.bad, 'a bad token')
      assert.equal(await outcomes(clients, access()), verdicts.access, 'an access token')
      assert.equal(await outcomes(clients, fresh()), verdicts.fresh, 'a fresh access token')
      assert.equal(await outcomes(clients, refresh()), verdicts.refresh, 'a refresh token')
    })
  }

  test('refuses a revoked token', async t => {
    const token = access()
    const clients = await behind(t, authx, authx.accessTokenRequired({ optional: true }))
    assert.equal(await outcomes(clients, token), '200')
    await authx.revoke(token)
    assert.equal(await outcomes(clients, token), INVALID)
  })

  test('has a name that a stack trace shows', () => {
    authx.setSubjectGetter(() => 'somebody')
    const guards = [
      authx.tokenRequired(),
      authx.accessTokenRequired(),
      authx.scopesRequired('a'),
      authx.subjectRequired(),
      authx.middleware(),
    ]
    for (const guard of guards) assert.notEqual(guard.name, '')
  })

  test('does not let OPTIONS or HEAD pass', async t => {
    for (const client of await behind(t, authx, authx.accessTokenRequired())) {
      for (const method of ['OPTIONS', 'HEAD']) assert.equal((await client({ method })).status, 401)
    }
  })

  test('puts a payload on the state that is frozen through and through', async t => {
    const attempts: string[] = []
    const meddle: Koa.Middleware = ctx => {
      const { token } = ctx.state
      for (const write of [
        () => {
          token.sub = 'x'
        },
        () => {
          token.roles.push('x')
        },
        () => {
          token.deep.list[0].a = 'x'
        },
        () => {
          token.more = 'x'
        },
      ]) {
        try {
          write()
          attempts.push('written')
        } catch {
          attempts.push('refused')
        }
      }
      ctx.body = ctx.state.token
    }
    const client = await serve(t, appOf(authx.accessTokenRequired(), meddle))
    const data = { roles: ['a'], deep: { list: [{ a: 'b' }] } }
    const { json } = await client({ headers: [bearer(authx.createAccessToken('test', { data }))] })
    assert.deepEqual(attempts, Array(4).fill('refused'))
    assert.deepEqual([json.sub, json.roles, json.deep], ['test', data.roles, data.deep])
  })

  test('that is optional leaves nobody on the state where nothing was sent', async t => {
    const plant: Koa.Middleware = (ctx, next) => {
      ctx.state.token = { sub: 'planted' }
      return next()
    }
    const client = await serve(t, appOf(plant, authx.accessTokenRequired({ optional: true }), answer))
    assert.equal((await client()).json.token, null)
  })

  test('refuses wrong options when it is made, not when a request comes', () => {
    const wrong = [
      { typ: 'refresh' },
      { type: 'id' },
      { verifyFresh: 'yes' },
      { optional: 1 },
      { locations: [] },
      { locations: 'headers' },
      { locations: ['header'] },
    ]
    for (const options of wrong) assert.throws(() => authx.tokenRequired(options as object), TypeError)
    for (const options of [{ verifyType: false }, { type: 'refresh' }, { verifyFresh: false }]) {
      assert.throws(() => authx.accessTokenRequired(options as object), TypeError)
      assert.throws(() => authx.refreshTokenRequired(options as object), TypeError)
      assert.throws(() => authx.freshTokenRequired(options as object), TypeError)
    }
    for (const options of [{ location: ['cookies'] }, 'cookies', ['cookies']]) {
      assert.throws(() => authx.accessTokenRequired(options as object), {
        name: 'TypeError',
        message: /verifyCsrf, locations, optional$/,
      })
    }
    for (const scopes of [[], [''], ['a b'], ['a"b'], [5], [['a']]] as string[][]) {
      assert.throws(() => authx.scopesRequired(...scopes), TypeError)
      assert.throws(() => authx.anyScopeRequired(...scopes), TypeError)
    }
  })

  test('keep what they were made with, and say by their names which they are', async t => {
    const authx = makeAuthX()
    const options = { locations: ['query' as const] }
    const guard = authx.accessTokenRequired(options)
    options.locations.pop()
    const client = await serve(t, appOf(guard, answer))
    assert.equal((await client({ path: `/?token=${authx.createAccessToken('test')}` })).status, 200)
    const names = [guard, authx.refreshTokenRequired(), authx.freshTokenRequired(), authx.anyScopeRequired('a')]
    assert.deepEqual(
      names.map(({ name }) => name),
      ['accessTokenRequired', 'refreshTokenRequired', 'freshTokenRequired', 'anyScopeRequired'],
    )
  })
})
