import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import {
  type AuthX,
  BadConfigurationError,
  type PolicyDecider,
  PolicyDeniedError,
  PolicyEngine,
  type PolicyRequest,
  type PolicyRule,
} from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, makeAuthX, serve, TEST_NOW } from '../support/app.js'
import { verdictOf } from '../support/signing.js'
import { ALLOW, DENY } from './questions.js'

const NO_RULE = 'no rule allows documents:read on documents:1'

const RULES: readonly PolicyRule[] = [
  {
    name: 'owners',
    effect: 'allow',
    actions: ['documents:*'],
    resources: ['documents:*'],
    evaluators: [({ payload, resourceAttrs }) => resourceAttrs.owner === payload?.sub],
  },
  { name: 'editors', effect: 'allow', actions: ['documents:read'], resources: ['documents:*'], scopes: ['editor'] },
  {
    name: 'archive',
    effect: 'deny',
    actions: ['documents:edit'],
    resources: ['documents:*'],
    conditions: [{ source: 'resource', key: 'archived', value: true }],
    reason: 'TEST-reason that stays here',
  },
]

const DOCUMENTS = new Map([
  ['1', { owner: 'test', archived: false }],
  ['2', { owner: 'other', archived: false }],
  ['3', { owner: 'test', archived: true }],
])

function documents(authx: AuthX): Koa {
  const router = new Router()
  for (const [method, action] of [
    ['get', 'documents:read'],
    ['put', 'documents:edit'],
  ] as const) {
    const guard = authx.policyRequired(action, ctx => ['documents', ctx.params.id], {
      resourceAttrs: async ctx => DOCUMENTS.get(ctx.params.id),
    })
    router[method]('/documents/:id', guard, ctx => {
      ctx.body = { sub: ctx.state.token.sub.toUpperCase(), id: ctx.params.id }
    })
  }
  return appOf(authx.middleware(), router.routes() as unknown as Koa.Middleware)
}

async function api(t: TestContext): Promise<{ authx: AuthX; client: Client }> {
  const authx = makeAuthX({ store: new MemoryTokenStore() })
  authx.setPolicyEngine(new PolicyEngine({ rules: RULES }))
  return { authx, client: await serve(t, documents(authx)) }
}

describe('policyRequired', () => {
  test('lets pass what a rule allows and denies the rest, over HTTP', async t => {
    const { authx, client } = await api(t)
    const [plain, editor] = [authx.createAccessToken('test'), authx.createAccessToken('test', { scopes: ['editor'] })]
    const table: [method: string, id: string, token: string, status: number][] = [
      ['GET', '1', plain, 200],
      ['PUT', '1', plain, 200],
      ['GET', '2', plain, 403],
      ['GET', '2', editor, 200],
      ['PUT', '2', editor, 403],
      ['GET', '3', plain, 200],
      ['PUT', '3', plain, 403],
      ['GET', '4', plain, 403],
      ['PUT', '4', editor, 403],
    ]
    for (const [method, id, token, status] of table) {
      const reply = await client({ method, path: `/documents/${id}`, headers: [bearer(token)] })
      assert.equal(reply.status, status, `${method} ${id}`)
      if (status === 200) assert.deepEqual(reply.json, { sub: 'TEST', id })
    }
  })

  test('answers a denial with 403, no challenge and no reason', async t => {
    const { authx, client } = await api(t)
    const headers = [bearer(authx.createAccessToken('test'))]
    for (const [method, path] of [
      ['GET', '/documents/2'],
      ['PUT', '/documents/3'],
    ]) {
      const reply = await client({ method, path, headers })
      assert.equal(reply.status, 403)
      assert.deepEqual(reply.json, { message: 'Access was denied', error_type: 'PolicyDeniedError' })
      assert.equal(reply.headers['www-authenticate'], undefined)
    }
  })

  test('verifies the access token by itself, before it asks the policy', async t => {
    const { authx } = await api(t)
    let asked = 0
    const engine: PolicyDecider = { evaluate: async () => ({ allowed: ++asked > 0, reason: '' }) }
    const guard = authx.policyRequired('a', 'b', { engine })
    const revoked = authx.createAccessToken('test')
    await authx.revoke(revoked)
    const client = await serve(
      t,
      appOf(guard, () => {}),
    )
    const tokens = [undefined, 'x.y.z', authx.createRefreshToken('test'), revoked]
    for (const token of tokens) {
      const { status, headers } = await client({ headers: token === undefined ? [] : [bearer(token)] })
      assert.equal(status, 401)
      assert.match(headers['www-authenticate'] ?? '', /^Bearer /)
    }
    assert.equal(asked, 0)
    assert.equal((await client({ headers: [bearer(authx.createAccessToken('test'))] })).status, 404)
    assert.equal(asked, 1)
  })

  test('denies with PolicyEvaluationError if an evaluator fails, and keeps the cause for the developer', async t => {
    const cause = new Error('TEST-cause')
    const evaluators = [
      () => {
        throw cause
      },
    ]
    const { error, reply } = await refusal(t, { rules: [{ ...ALLOW, evaluators }, ALLOW] })
    assert.deepEqual([reply.status, reply.json.error_type], [403, 'PolicyEvaluationError'])
    assert.equal(reply.headers['www-authenticate'], undefined)
    assert.doesNotMatch(reply.text, /TEST-cause/)
    assert.ok(error instanceof PolicyDeniedError)
    assert.equal(error.cause, cause)
  })

  test('tells the developer the decision', async t => {
    const archived = { ...DENY, name: 'archive' }
    const { error } = await refusal(t, { rules: [ALLOW, archived] })
    assert.ok(error instanceof PolicyDeniedError)
    assert.equal(error.reason, 'rules[1] (archive) denies')
    assert.deepEqual((error.cause as { rule?: unknown }).rule, archived)
    const { error: nobody } = await refusal(t, {})
    assert.equal((nobody as PolicyDeniedError).reason, NO_RULE)
  })

  test('denies what an engine of another make does not plainly allow', async t => {
    const authx = makeAuthX()
    const answers = [
      undefined,
      null,
      {},
      { allowed: 'yes' },
      { allowed: 1 },
      { allowed: false, error: new Error('TEST') },
    ]
    for (const answer of answers) {
      authx.setPolicyEngine({ evaluate: async () => answer as never })
      const client = await serve(
        t,
        appOf(authx.policyRequired('a', 'b'), () => {}),
      )
      assert.equal((await client({ headers: [bearer(authx.createAccessToken('test'))] })).status, 403)
    }
    authx.setPolicyEngine({ evaluate: () => Promise.reject(new Error('TEST')) })
    const client = await serve(t, appOf(authx.middleware(), authx.policyRequired('a', 'b')))
    const { json } = await client({ headers: [bearer(authx.createAccessToken('test'))] })
    assert.equal(json.error_type, 'PolicyEvaluationError')
  })

  test('gives the rules who asks, what for and the circumstances', async t => {
    // 2026-01-01 is a Thursday.
    const authx = makeAuthX({ now: () => TEST_NOW + 3_600_000, loginType: 'user' })
    const seen: PolicyRequest[] = []
    const engine: PolicyDecider = {
      evaluate: async request => {
        seen.push(request)
        return { allowed: true, reason: '' }
      },
    }
    authx.setPolicyEngine(engine)
    const options = { subject: () => ({ a: 1 }), resourceAttrs: { b: 2 }, env: async () => ({ hour: 'mine', c: 3 }) }
    const guards = [authx.policyRequired('read', 'things'), authx.policyRequired('edit', async () => 'more', options)]
    const nobody = authx.policyRequired('read', 'things', { subject: undefined })
    guards.push(nobody as never)
    const client = await serve(t, appOf(...(guards as unknown as Koa.Middleware[])))
    await client({ method: 'POST', path: '/there?x=1', headers: [bearer(authx.createAccessToken('test'))] })
    const [first, second, third] = seen
    assert.equal(seen.length, 3)
    assert.equal(third?.subject, undefined, 'who was looked for and not found is not the token')
    const { payload, subject, environment, ...rest } = first ?? {}
    assert.deepEqual(rest, { action: 'read', resource: 'things', loginType: 'user', resourceAttrs: undefined })
    assert.equal(payload, subject)
    assert.equal(payload?.sub, 'test')
    const time = new Date(TEST_NOW + 3_600_000)
    const circumstances = { time, hour: 1, weekday: 3, method: 'POST', path: '/there', clientIp: '127.0.0.1' }
    assert.deepEqual(environment, circumstances)
    assert.deepEqual([second?.resource, second?.subject, second?.resourceAttrs], ['more', { a: 1 }, { b: 2 }])
    assert.deepEqual(second?.environment, { ...circumstances, hour: 'mine', c: 3 })
  })

  test('does not let the claims stand in for a subject that was not found', async t => {
    const authx = makeAuthX()
    const conditions = [{ source: 'subject', key: 'role', value: 'admin' }] as const
    authx.setPolicyEngine(new PolicyEngine({ rules: [{ ...ALLOW, conditions }] }))
    const headers = [bearer(authx.createAccessToken('test', { data: { role: 'admin' } }))]
    for (const [subject, status] of [
      [undefined, 404],
      [() => undefined, 403],
      [() => ({ role: 'admin' }), 404],
    ] as const) {
      const guard = authx.policyRequired('a', 'b', subject && { subject })
      assert.equal(
        (
          await (
            await serve(
              t,
              appOf(guard, () => {}),
            )
          )({ headers })
        ).status,
        status,
      )
    }
  })

  test('leaves to Koa what the functions of the application throw, and does not go on', async t => {
    const authx = makeAuthX()
    authx.setPolicyEngine(new PolicyEngine({ rules: [ALLOW] }))
    let reached = 0
    const guard = authx.policyRequired('a', ctx => ctx.throw(404, 'no such document'))
    const client = await serve(
      t,
      appOf(authx.middleware(), guard, () => void reached++),
    )
    const reply = await client({ headers: [bearer(authx.createAccessToken('test'))] })
    assert.deepEqual([reply.status, reply.text, reached], [404, 'no such document', 0])
  })

  test('denies a resource that is no name', async t => {
    const authx = makeAuthX()
    authx.setPolicyEngine(new PolicyEngine({ rules: [ALLOW] }))
    for (const found of [undefined, '', 5, 'documents:', { 0: 'documents', length: 1 }]) {
      const guard = authx.policyRequired('a', () => found as string)
      const client = await serve(
        t,
        appOf(authx.middleware(), guard, () => {}),
      )
      const { status, json } = await client({ headers: [bearer(authx.createAccessToken('test'))] })
      assert.deepEqual([status, json.error_type], [403, 'PolicyEvaluationError'])
    }
  })

  test('does not take an error of the next handlers for its own', async t => {
    const authx = makeAuthX()
    authx.setPolicyEngine(new PolicyEngine({ rules: [ALLOW] }))
    const guard = authx.policyRequired('a', 'b')
    const client = await serve(
      t,
      appOf(guard, () => {
        throw new Error('TEST')
      }),
    )
    assert.equal((await client({ headers: [bearer(authx.createAccessToken('test'))] })).status, 500)
  })

  test('is a configuration error without an engine, and opens nothing', async t => {
    const authx = makeAuthX()
    let reached = 0
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.policyRequired('a', 'b'), () => void reached++),
    )
    const { status, json } = await client({ headers: [bearer(authx.createAccessToken('test'))] })
    assert.deepEqual([status, json.error_type, reached], [500, 'BadConfigurationError', 0])
  })

  test('refuses wrong arguments when it is made', () => {
    const authx = makeAuthX()
    const wrong: unknown[][] = [
      [],
      ['', 'b'],
      [5, 'b'],
      ['a'],
      ['a', ''],
      ['a', []],
      ['a', ['b', '']],
      ['a', ['b', 5]],
      ['a', ['b:c']],
      ['a', ['b', '*']],
      ['a', [['b']]],
      [[], 'b'],
      [['a', '*'], 'b'],
      ['a', 'b', { subjct: {} }],
      ['a', 'b', { environment: {} }],
      ['a', 'b', { engine: {} }],
    ]
    for (const args of wrong) assert.throws(() => Reflect.apply(authx.policyRequired, authx, args), TypeError)
    for (const engine of [undefined, null, {}, [], 'engine']) {
      assert.throws(() => authx.setPolicyEngine(engine as never), TypeError)
    }
  })

  /** How one request is refused: the answer, and the error as the developer sees it. */
  async function refusal(t: TestContext, options: ConstructorParameters<typeof PolicyEngine>[0]) {
    const authx = makeAuthX()
    authx.setPolicyEngine(new PolicyEngine(options))
    let error: unknown
    const watch: Koa.Middleware = (_, next) =>
      next().catch((thrown: unknown) => {
        error = thrown
        throw thrown
      })
    const guard = authx.policyRequired('documents:read', 'documents:1') as unknown as Koa.Middleware
    const client = await serve(t, appOf(authx.middleware(), watch, guard))
    return { reply: await client({ headers: [bearer(authx.createAccessToken('test'))] }), error }
  }
})

describe('authorize', () => {
  const rules: PolicyRule[] = [{ ...ALLOW, conditions: [{ source: 'resource', key: 'owner', value: 'test' }] }]
  const mine = { resourceAttrs: { owner: 'test' } }

  test('asks in a handler, about the token of the request', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    authx.setPolicyEngine(new PolicyEngine({ rules }))
    const handler: Koa.Middleware = async ctx => {
      const { sub } = await authx.authorize(ctx, 'read', 'documents:1', { resourceAttrs: { owner: ctx.query.owner } })
      ctx.body = { sub }
    }
    const client = await serve(t, appOf(authx.middleware(), handler))
    const token = authx.createAccessToken('test')
    const ask = async (owner: string, headers = [bearer(token)]) => {
      const { status, json } = await client({ path: `/?owner=${owner}`, headers })
      return json.error_type ?? json.sub ?? status
    }
    assert.equal(await ask('test'), 'test')
    assert.equal(await ask('other'), 'PolicyDeniedError')
    assert.equal(await ask('test', []), 'MissingTokenError')
    await authx.revoke(token)
    assert.equal(await ask('test'), 'RevokedTokenError')
  })

  test('asks about a payload that was verified elsewhere', async () => {
    const authx = makeAuthX({ loginType: 'user' })
    authx.setPolicyEngine(new PolicyEngine({ rules }))
    const payload = await authx.verifyToken(authx.createAccessToken('test'))
    assert.equal(await authx.authorize(payload, 'read', 'documents:1', mine), payload)
    assert.equal(await verdictOf(() => authx.authorize(payload, 'read', 'documents:1')), 'PolicyDeniedError')
    const refresh = await authx.verifyToken(authx.createRefreshToken('test'), { type: 'refresh' })
    assert.equal(await verdictOf(() => authx.authorize(refresh, 'read', 'x', mine)), 'AccessTokenRequiredError')
    const admins = makeAuthX({ loginType: 'admin' })
    const admin = await admins.verifyToken(admins.createAccessToken('test'))
    assert.equal(await verdictOf(() => authx.authorize(admin, 'read', 'x', mine)), 'LoginTypeMismatchError')
  })

  test('knows no request where there is none', async () => {
    const authx = makeAuthX()
    authx.setPolicyEngine(
      new PolicyEngine({
        rules: [{ ...ALLOW, conditions: [{ source: 'environment', key: 'path', operator: 'exists' }] }],
      }),
    )
    const payload = await authx.verifyToken(authx.createAccessToken('test'))
    assert.equal(await verdictOf(() => authx.authorize(payload, 'read', 'x')), 'PolicyDeniedError')
    assert.equal(await authx.authorize(payload, 'read', 'x', { env: { path: '/job' } }), payload)
  })

  test('needs an engine, and known options', async () => {
    const authx = makeAuthX()
    const payload = await authx.verifyToken(authx.createAccessToken('test'))
    await assert.rejects(authx.authorize(payload, 'read', 'x'), BadConfigurationError)
    await assert.rejects(authx.authorize(payload, 'read', 'x', { resourceAttributes: {} } as object), TypeError)
    assert.equal(await authx.authorize(payload, 'read', 'x', { engine: new PolicyEngine({ rules: [ALLOW] }) }), payload)
  })
})
