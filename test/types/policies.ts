/** Compiled by `npm run types`, never run: policies and login types as an application writes them. */
import Router from '@koa/router'
import {
  AuthManager,
  AuthX,
  type GuardOptions,
  type PolicyCondition,
  PolicyEngine,
  type PolicyOperator,
  type PolicyRule,
  type TokenPayload,
} from '../../src/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(..._proof: Equal<A, B> extends true ? [] : [never]) => {}

interface Admin {
  name: string
}

const user = new AuthX<{ tenant: string }>({ loginType: 'user' })
const admin = new AuthX<{ level: number }, Admin>({ loginType: 'admin' })
const manager = new AuthManager({ user, admin })
const router = new Router()

// A guard promises the token, and its functions see it and what the router knows.
router.get(
  '/',
  user.policyRequired('read', ctx => ['documents', ctx.params.id], {
    subject: async ctx => ({ tenant: ctx.state.token.tenant.toUpperCase() }),
    resourceAttrs: { owner: 'test' },
    env: () => ({ weather: 'fine' }),
  }),
  ctx => {
    same<typeof ctx.state.token.tenant, string>()
  },
)
router.get('/', async ctx => {
  const payload = await user.authorize(ctx, 'read', 'documents', { subject: undefined })
  same<typeof payload.tenant, string>()
  await user.authorize(ctx.state.token as TokenPayload, ['documents', 'read'], ['documents', '1'] as const)
  // @ts-expect-error: a part is a string
  await user.authorize(ctx, 'read', ['documents', 1])
})
// @ts-expect-error: the option is called env
user.policyRequired('read', 'documents', { environment: {} })
// @ts-expect-error: an engine is needed
user.setPolicyEngine(undefined)
user.setPolicyEngine(new PolicyEngine())
user.setPolicyEngine({ evaluate: async () => ({ allowed: false, reason: '' }) })

// Rules are checked where they are written.
const rules: PolicyRule[] = [
  { effect: 'allow', actions: ['a'], resources: ['b'], evaluators: [async ({ subject }) => subject.role === 'admin'] },
  { effect: 'deny', actions: ['a'], resources: ['b'], conditions: [{ source: 'token', key: 'sub', value: 'test' }] },
  // @ts-expect-error: a deny rule has no evaluators
  { effect: 'deny', actions: ['a'], resources: ['b'], evaluators: [() => true] },
  // @ts-expect-error: an evaluator says true or false
  { effect: 'allow', actions: ['a'], resources: ['b'], evaluators: [() => 'yes'] },
  // @ts-expect-error: a rule names resources
  { effect: 'allow', actions: ['a'] },
]
const conditions: PolicyCondition[] = [
  { source: 'resource', key: ['a.b'], operator: 'in', value: ['a', 1] },
  { source: 'resource', key: 'a', operator: 'lt', value: new Date() },
  { source: 'resource', key: 'a', operator: 'exists' },
  // @ts-expect-error: a list is needed
  { source: 'resource', key: 'a', operator: 'in', value: 'a' },
  // @ts-expect-error: true is neither more nor less than anything
  { source: 'resource', key: 'a', operator: 'gt', value: true },
  // @ts-expect-error: nothing to compare with
  { source: 'resource', key: 'a', operator: 'equals' },
  // @ts-expect-error: exists takes no value
  { source: 'resource', key: 'a', operator: 'exists', value: false },
  // @ts-expect-error: no such operator
  { source: 'resource', key: 'a', operator: 'not_equals', value: 1 },
  // @ts-expect-error: no such source
  { source: 'user', key: 'a', value: 1 },
]
type Operators = 'equals' | 'notEquals' | 'in' | 'notIn' | 'contains' | 'gt' | 'gte' | 'lt' | 'lte' | 'exists'
same<PolicyOperator, Operators>()

// The manager knows its types, and the claims and the subject of each.
same<typeof manager.loginTypes, readonly ('user' | 'admin')[]>()
same<ReturnType<typeof manager.get<'admin'>>, typeof admin>()
router.get('/', manager.accessTokenRequired('admin'), ctx => {
  same<typeof ctx.state.token.level, number>()
  // @ts-expect-error: a claim of the other type
  ctx.body = ctx.state.token.tenant.length
})
router.get('/', manager.tokenRequired('user', { optional: true }), ctx => {
  ctx.body = ctx.state.token?.tenant.toUpperCase()
  // @ts-expect-error: there may be none
  ctx.body = ctx.state.token.tenant
})
router.get('/', manager.refreshTokenRequired('user', { optional: false }), ctx => {
  ctx.body = ctx.state.token.tenant
})
router.get('/', manager.freshTokenRequired('user', { within: '5m', amr: ['otp'] }), ctx => {
  ctx.body = ctx.state.token.auth_time
})
router.get('/', manager.freshTokenRequired('user', { locations: ['cookies'] }), ctx => {
  ctx.body = ctx.state.token.tenant
})
declare const optional: boolean
declare const options: GuardOptions
router.get('/', manager.accessTokenRequired('user', options), ctx => {
  // @ts-expect-error: there may be none
  ctx.body = ctx.state.token.tenant
})
router.get('/', manager.accessTokenRequired('user', { optional }), ctx => {
  // @ts-expect-error: there may be none
  ctx.body = ctx.state.token.tenant
})
router.get('/', manager.subjectRequired('admin'), ctx => {
  ctx.body = ctx.state.subject.name + ctx.state.token.level
})
router.get(
  '/',
  manager.policyRequired('admin', 'read', ctx => String(ctx.state.token.level)),
  ctx => {
    ctx.body = ctx.state.token.level
  },
)
router.get('/', async ctx => {
  ctx.body = (await manager.authorize('admin', ctx, 'read', 'documents')).level
})
// @ts-expect-error: no such login type
manager.accessTokenRequired('partner')
// @ts-expect-error: no such option of a guard
manager.accessTokenRequired('user', { optionnal: true })
// @ts-expect-error: a manager takes instances
new AuthManager({ user: {} })

// Registered later, a type is not known to the compiler.
const open = new AuthManager().register(user).register(admin)
router.get('/', open.accessTokenRequired('admin'), ctx => {
  ctx.body = ctx.state.token.sub
})

export { conditions, rules }
