import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import {
  AuthManager,
  audit,
  type PolicyDecider,
  PolicyDeniedError,
  PolicyEngine,
  type PolicyName,
  type PolicyRequest,
  type PolicyRule,
} from '../../src/index.js'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'
import { ALLOW, READ } from './questions.js'

const RULES: readonly PolicyRule[] = [
  { effect: 'allow', actions: ['documents:*'], resources: ['documents:*'] },
  { effect: 'deny', actions: ['*'], resources: ['documents:42'] },
  { effect: 'deny', actions: ['*'], resources: ['documents:*:secret'] },
]

/** Lists that make no name. */
const BAD: readonly (readonly [what: string, parts: readonly unknown[]])[] = [
  ['no parts', []],
  ['an empty part', ['documents', '']],
  ['a part with a colon', ['documents', '42:x']],
  ['a part that is a colon', ['documents', ':']],
  ['a star', ['documents', '*']],
  ['a part with a star in it', ['documents', '4*']],
  ['a number', ['documents', 42]],
  ['nothing', ['documents', undefined]],
  ['null', ['documents', null]],
  ['an object', ['documents', { toString: () => '1' }]],
  ['a String object', ['documents', new String('1')]],
  ['a list', ['documents', ['1']]],
  ['a hole', Array(2).with(0, 'documents').concat(Array(1))],
  ['only a hole', Array(1)],
]

/** What a rule is asked about, or how it was denied before. */
async function asked(parts: readonly unknown[], which: 'action' | 'resource'): Promise<unknown> {
  const engine = new PolicyEngine({ rules: [ALLOW], evaluators: [context => names.push(context[which]) > 0] })
  const names: unknown[] = []
  const { allowed, reason, error } = await engine.evaluate({ ...READ, [which]: parts })
  if (allowed) return names[0]
  assert.deepEqual([names, error], [[], undefined])
  return reason
}

describe('a list of parts', () => {
  for (const which of ['action', 'resource'] as const) {
    test(`is the name that its parts make, as ${which}`, async () => {
      assert.equal(await asked(['documents'], which), 'documents')
      assert.equal(await asked(['documents', '42', 'comments'], which), 'documents:42:comments')
      assert.equal(await asked(['a b', '.+', '%3A', '__proto__', '\u0000'], which), 'a b:.+:%3A:__proto__:\u0000')
    })

    for (const [what, parts] of BAD) {
      test(`is denied with ${what}, as ${which}, and the reason says so`, async () => {
        const reason = new RegExp(
          `^the ${which} has no parts, or a part that is empty, is not a string, or contains : or `,
        )
        assert.match(String(await asked(parts, which)), reason)
      })
    }
  }

  test('is covered by the rules as its name is', async () => {
    const engine = new PolicyEngine({ rules: RULES })
    for (const [resource, allowed] of [
      [['documents', '1'], true],
      [['documents', '42'], false],
      [['documents', '1', 'secret'], false],
      [['documents', '1:secret'], false],
      [['documents', '42:x'], false],
    ] as const) {
      assert.equal((await engine.evaluate({ ...READ, resource })).allowed, allowed, String(resource))
    }
  })
})

describe('a resource that a client chooses', () => {
  /** Spellings of ids that walk past `deny documents:42` or `deny documents:*:secret` in a text. */
  const IDS = ['42:x', '42%3Ax', '42%3ax', '1:secret', '1%3Asecret', '*', '%2A', '%2a', ':', '%3A', '1:', ':1', '4*']

  const ask = {
    'in a guard': (authx: ReturnType<typeof makeAuthX>, engine?: PolicyDecider) =>
      authx.policyRequired('documents:read', ctx => ['documents', ctx.params.id], { engine }),
    'in a handler': (authx: ReturnType<typeof makeAuthX>, engine?: PolicyDecider) =>
      (async (ctx, next) => {
        await authx.authorize(ctx, 'documents:read', ['documents', ctx.params.id], { engine })
        await next()
      }) as Koa.Middleware,
    "in a manager's guard": (authx: ReturnType<typeof makeAuthX>, engine?: PolicyDecider) =>
      new AuthManager({ user: authx }, { policyRules: RULES }).policyRequired(
        'user',
        ['documents', 'read'],
        async ctx => ['documents', ctx.params.id],
        { engine },
      ),
    "in a manager's handler": (authx: ReturnType<typeof makeAuthX>, engine?: PolicyDecider) =>
      (async (ctx, next) => {
        const manager = new AuthManager({ user: authx }, { policyRules: RULES })
        await manager.authorize('user', ctx, ['documents', 'read'], ['documents', ctx.params.id], { engine })
        await next()
      }) as Koa.Middleware,
  }

  for (const [where, make] of Object.entries(ask)) {
    test(`is one part, whatever it holds, ${where}`, async t => {
      const authx = makeAuthX({ loginType: 'user' })
      authx.setPolicyEngine(new PolicyEngine({ rules: RULES }))
      const router = new Router().get('/documents/:id', make(authx) as never, ctx => {
        ctx.body = 'in'
      })
      const client = await serve(t, appOf(authx.middleware(), router.routes() as never))
      const headers = [bearer(authx.createAccessToken('test'))]
      const answer = async (id: string) => {
        const { status, json } = await client({ path: `/documents/${id}`, headers })
        return status === 200 ? 'in' : `${status} ${json.error_type}`
      }
      assert.deepEqual([await answer('1'), await answer('42')], ['in', '403 PolicyDeniedError'])
      for (const id of IDS) assert.equal(await answer(id), '403 PolicyDeniedError', id)
    })

    test(`reaches another engine as a name, or not at all, ${where}`, async t => {
      const authx = makeAuthX({ loginType: 'user' })
      const seen: string[] = []
      const engine: PolicyDecider = {
        evaluate: async ({ action, resource }: PolicyRequest) => ({
          allowed: seen.push(`${action} ${resource.toUpperCase()}`) > 0,
          reason: '',
        }),
      }
      const router = new Router().get('/documents/:id', make(authx, engine) as never, () => {})
      const client = await serve(t, appOf(authx.middleware(), router.routes() as never))
      const headers = [bearer(authx.createAccessToken('test'))]
      for (const id of ['1', ...IDS]) await client({ path: `/documents/${id}`, headers })
      assert.deepEqual(seen, ['documents:read DOCUMENTS:1'])
    })
  }

  test('is asked about after the token, and before what else the guard looks up', async t => {
    const authx = makeAuthX()
    authx.setPolicyEngine(new PolicyEngine({ rules: RULES }))
    const looked: unknown[] = []
    const guard = authx.policyRequired('documents:read', ctx => ['documents', ctx.params.id], {
      resourceAttrs: ctx => void looked.push(ctx.params.id),
    })
    const router = new Router().get('/documents/:id', guard, () => {})
    const client = await serve(t, appOf(authx.middleware(), router.routes() as never))
    assert.equal((await client({ path: '/documents/42:x' })).status, 401)
    await client({ path: '/documents/42:x', headers: [bearer(authx.createAccessToken('test'))] })
    assert.deepEqual(looked, [])
  })

  test('is told the developer, and not the client', async () => {
    const authx = makeAuthX()
    authx.setPolicyEngine(new PolicyEngine({ rules: RULES }))
    const payload = await authx.verifyToken(authx.createAccessToken('test'))
    await assert.rejects(
      authx.authorize(payload, 'documents:read', ['documents', '42:x']),
      (error: unknown) => error instanceof PolicyDeniedError && /resource.*contains/.test(error.reason),
    )
    await assert.rejects(authx.authorize(payload, ['documents', '*'], 'documents:1'), { name: 'PolicyDeniedError' })
  })
})

test('a list in a guard is the name that it makes when the guard is made, and the audit shows it', async t => {
  const authx = makeAuthX()
  authx.setPolicyEngine(new PolicyEngine({ rules: RULES }))
  const resource = ['documents', '1']
  const guard = authx.policyRequired(['documents', 'read'], resource as PolicyName)
  resource[1] = '42'
  const router = new Router().get('/', guard, ctx => {
    ctx.body = 'in'
  })
  assert.deepEqual(audit(router).routes[0]?.guards, ['policyRequired(documents:read, documents:1)'])
  const client = await serve(t, appOf(authx.middleware(), router.routes() as never))
  assert.equal((await client({ headers: [bearer(authx.createAccessToken('test'))] })).status, 200)
})
