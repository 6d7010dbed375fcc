import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'

describe('scopesRequired and anyScopeRequired', () => {
  const TABLE: readonly [held: readonly string[] | undefined, all: number, any: number][] = [
    [undefined, 403, 403],
    [[], 403, 403],
    [['users:read'], 403, 200],
    [['users:write'], 403, 200],
    [['users:read', 'users:write'], 200, 200],
    [['users:*'], 200, 200],
    [['*'], 200, 200],
    [['users'], 403, 403],
    [['usersx:*'], 403, 403],
  ]
  const authx = makeAuthX()
  const wanted = ['users:read', 'users:write'] as const

  for (const [scopes, all, any] of TABLE) {
    test(`${JSON.stringify(scopes) ?? 'no scopes'}: ${all} for all of ${wanted}, ${any} for any`, async t => {
      const headers = [bearer(authx.createAccessToken('test', scopes ? { scopes } : {}))]
      for (const [guard, expected] of [
        [authx.scopesRequired(...wanted), all],
        [authx.anyScopeRequired(...wanted), any],
      ] as const) {
        const client = await serve(
          t,
          appOf(authx.middleware(), guard, ctx => {
            ctx.body = ctx.state.token
          }),
        )
        const { status, json, headers: replied } = await client({ headers })
        assert.equal(status, expected)
        if (status !== 403) continue
        assert.equal(json.error_type, 'InsufficientScopeError')
        assert.match(replied['www-authenticate'] ?? '', /error="insufficient_scope", scope="users:read users:write"$/)
      }
    })
  }

  test('ask for an access token first', async t => {
    const client = await serve(t, appOf(authx.scopesRequired('a')))
    assert.equal((await client()).status, 401)
    assert.equal((await client({ headers: [bearer(authx.createRefreshToken('test', { scopes: ['a'] }))] })).status, 401)
  })
})

describe('subjectRequired', () => {
  const users = new Map([['alice', { name: 'Alice' }]])

  test('puts the subject on the state, and refuses one that does not exist', async t => {
    const authx = makeAuthX()
    const seen: unknown[] = []
    authx.setSubjectGetter(async (sub, ctx) => {
      seen.push([sub, ctx?.path, ctx?.state.token.sub])
      return users.get(sub)
    })
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.subjectRequired(), ctx => {
        ctx.body = ctx.state.subject
      }),
    )
    const known = await client({ path: '/me', headers: [bearer(authx.createAccessToken('alice'))] })
    assert.deepEqual([known.status, known.json, seen], [200, { name: 'Alice' }, [['alice', '/me', 'alice']]])
    const unknown = await client({ headers: [bearer(authx.createAccessToken('bob'))] })
    assert.deepEqual([unknown.status, unknown.json.error_type], [401, 'SubjectNotFoundError'])
    assert.match(String(unknown.headers['www-authenticate']), /error="invalid_token"/)
  })

  test('does not ask for the subject of a token that is not good', async t => {
    const authx = makeAuthX()
    authx.setSubjectGetter(() => assert.fail('must not be asked'))
    const client = await serve(t, appOf(authx.middleware(), authx.subjectRequired()))
    assert.equal((await client({ headers: [bearer(`${authx.createAccessToken('alice')}x`)] })).status, 401)
    assert.equal((await client()).status, 401)
  })

  test('passes on what the getter throws: that is the application’s error', async t => {
    const authx = makeAuthX()
    authx.setSubjectGetter(() => {
      throw new Error('the database is away')
    })
    const client = await serve(t, appOf(authx.middleware(), authx.subjectRequired()))
    assert.equal((await client({ headers: [bearer(authx.createAccessToken('alice'))] })).status, 500)
  })

  test('without a getter is a mistake of the operator’s', async t => {
    const authx = makeAuthX()
    const client = await serve(t, appOf(authx.middleware(), authx.subjectRequired()))
    const { status, json } = await client({ headers: [bearer(authx.createAccessToken('alice'))] })
    assert.deepEqual([status, json.error_type], [500, 'BadConfigurationError'])
  })
})
