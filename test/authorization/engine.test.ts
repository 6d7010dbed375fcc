import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  BadConfigurationError,
  type PolicyCondition,
  type PolicyDecision,
  PolicyEngine,
  PolicyEvaluationError,
  type PolicyEvaluator,
  type PolicyRequest,
  type PolicyRule,
} from '../../src/index.js'
import { problemsIn } from '../support/problems.js'
import { ALLOW, DENY, isAllowed, payloadOf, READ } from './questions.js'

const decide = (rules: readonly PolicyRule[], request: PolicyRequest = READ) =>
  new PolicyEngine({ rules }).evaluate(request)

const WRONG_EVALUATORS: readonly [what: string, evaluator: unknown][] = [
  [
    'throws',
    () => {
      throw new Error('TEST')
    },
  ],
  ['rejects', () => Promise.reject(new Error('TEST'))],
  ['returns nothing', () => {}],
  ['resolves to nothing', async () => {}],
  ['returns null', () => null],
  ['returns 1', () => 1],
  ["returns 'true'", () => 'true'],
  ['returns an object', () => ({ allowed: true })],
]

describe('an engine', () => {
  test('denies what no rule covers, and everything if it has no rules', async () => {
    assert.equal(await isAllowed([]), false)
    assert.equal(await isAllowed([{ ...ALLOW, actions: ['documents:edit'] }]), false)
    assert.equal(await isAllowed([{ ...ALLOW, resources: ['documents:2'] }]), false)
    assert.equal(await isAllowed([{ ...ALLOW, actions: ['documents:edit', 'documents:read'] }]), true)
  })

  test('lets a deny rule win, wherever it stands', async () => {
    const denies: PolicyRule = { ...DENY, actions: ['documents:read'] }
    for (const rules of [
      [ALLOW, denies],
      [denies, ALLOW],
      [ALLOW, denies, ALLOW],
    ])
      assert.equal(await isAllowed(rules), false)
    assert.equal(await isAllowed([denies, ALLOW], { ...READ, action: 'documents:edit' }), true)
  })

  test('asks that all conditions of a rule hold', async () => {
    const owner: PolicyCondition = { source: 'resource', key: 'owner', value: 'test' }
    const draft: PolicyCondition = { source: 'resource', key: 'state', value: 'draft' }
    const rule: PolicyRule = { ...ALLOW, conditions: [owner, draft] }
    assert.equal(await isAllowed([rule], { ...READ, resourceAttrs: { owner: 'test', state: 'draft' } }), true)
    assert.equal(await isAllowed([rule], { ...READ, resourceAttrs: { owner: 'test', state: 'final' } }), false)
    assert.equal(await isAllowed([rule], { ...READ, resourceAttrs: { owner: 'test' } }), false)
  })

  test('denies by a deny rule of which one condition cannot be told, not by one of which a condition fails', async () => {
    const suspended: PolicyCondition = { source: 'subject', key: 'suspended', value: true }
    const known: PolicyCondition = { source: 'subject', key: 'suspended', operator: 'exists' }
    const strict = [ALLOW, { ...DENY, conditions: [suspended] }]
    const lenient = [ALLOW, { ...DENY, conditions: [known, suspended] }]
    assert.deepEqual(
      [await isAllowed(strict), await isAllowed(lenient)],
      [false, true],
      'a missing attribute denies, unless exists asks for it first',
    )
    for (const rules of [strict, lenient]) {
      assert.equal(await isAllowed(rules, { ...READ, subject: { suspended: false } }), true)
      assert.equal(await isAllowed(rules, { ...READ, subject: { suspended: true } }), false)
      assert.equal(await isAllowed(rules, { ...READ, subject: { suspended: 'yes' } }), false)
    }
  })

  test('reads scopes as guards do', async () => {
    const all: PolicyRule = { ...ALLOW, scopes: ['documents:read', 'documents:edit'] }
    const one: PolicyRule = { ...all, allScopesRequired: false }
    const holding = (...scopes: string[]) => ({ ...READ, payload: payloadOf({ scopes }) })
    for (const [rule, scopes, allowed] of [
      [all, ['documents:*'], true],
      [all, ['documents:read', 'documents:edit'], true],
      [all, ['documents:read'], false],
      [one, ['documents:read'], true],
      [one, ['users:read'], false],
      [one, [], false],
    ] as const) {
      assert.equal(await isAllowed([rule], holding(...scopes)), allowed, scopes.join())
    }
    assert.equal(await isAllowed([one], READ), false, 'a token without scopes')
    assert.equal(await isAllowed([one], { ...READ, payload: undefined }), false, 'no token')
  })

  test('applies a deny rule by scopes to tokens that have them, and to a request without a token', async () => {
    const rules: PolicyRule[] = [ALLOW, { ...DENY, scopes: ['trial'] }]
    assert.equal(await isAllowed(rules, { ...READ, payload: payloadOf({ scopes: ['trial'] }) }), false)
    assert.equal(await isAllowed(rules, READ), true)
    const { allowed, error, reason } = await decide(rules, { ...READ, payload: undefined })
    assert.deepEqual([allowed, error], [false, undefined])
    assert.match(reason, /scopes is missing/)
  })

  test('says which rule decided, and why', async () => {
    const owners: PolicyRule = { ...ALLOW, name: 'owners' }
    const freeze: PolicyRule = { ...DENY, name: 'freeze', reason: 'accounts are closed in January' }
    const missing: PolicyRule = { ...DENY, conditions: [{ source: 'subject', key: 'a.b', value: 1 }] }
    const seen = async (...rules: PolicyRule[]) => {
      const { allowed, reason, rule } = await decide(rules)
      return [allowed, reason, rule && rules.findIndex(each => each.name === rule.name)]
    }
    assert.deepEqual(await seen(owners), [true, 'rules[0] (owners) allows', 0])
    assert.deepEqual(await seen(owners, freeze), [false, 'accounts are closed in January', 1])
    assert.deepEqual(await seen(), [false, 'no rule allows documents:read on documents:1', undefined])
    const why = 'rules[1] denies, because subject.a.b is missing or of another type'
    assert.deepEqual(await seen(owners, missing), [false, why, 1])
  })

  test('answers a request that is none with a denial', async () => {
    const names = [
      { action: '' },
      { resource: 'documents::secret' },
      { resource: 'documents:law:' },
      { resource: '' },
      { action: 5 },
      { resource: { 0: 'documents', length: 1 } },
      { resource: undefined },
    ]
    for (const request of [{}, ...names.map(wrong => ({ ...READ, ...wrong })), null]) {
      const { allowed, error } = await decide([ALLOW], request as PolicyRequest)
      assert.equal(allowed, false)
      assert.ok(error instanceof PolicyEvaluationError && error.cause instanceof TypeError)
    }
  })

  test('takes rules and evaluators later, in force for the requests that come then', async () => {
    const engine = new PolicyEngine()
    engine.addRule(ALLOW)
    const [slow, opened] = gate()
    engine.addEvaluator(() => slow)
    const before = engine.evaluate(READ)
    engine.addRule(DENY)
    opened()
    assert.equal((await before).allowed, true)
    assert.equal((await engine.evaluate(READ)).allowed, false)
    assert.equal(engine.rules.length, 2)
  })

  test('keeps its rules as they were given', async () => {
    const value = new Date('2026-05-01')
    const condition = { source: 'environment', key: 'time', operator: 'lt', value } as const
    const rule = { ...ALLOW, actions: ['documents:read'], conditions: [{ ...condition }] as PolicyCondition[] }
    const rules: PolicyRule[] = [rule]
    const engine = new PolicyEngine({ rules })
    const request = { ...READ, environment: { time: new Date('2026-07-01') } }
    rules.push(ALLOW)
    rule.actions.push('*')
    rule.conditions.pop()
    value.setFullYear(2030)
    assert.equal((await engine.evaluate(request)).allowed, false)
    const [kept] = engine.rules
    assert.ok(kept && Object.isFrozen(kept) && Object.isFrozen(kept.actions) && Object.isFrozen(kept.conditions?.[0]))
  })
})

describe('an evaluator', () => {
  const yes: PolicyEvaluator = () => true
  const no: PolicyEvaluator = () => false

  test('of a rule is asked with the context and the rule, once the rest holds', async () => {
    const seen: unknown[] = []
    const evaluator: PolicyEvaluator = (context, rule) => {
      seen.push(
        context.action,
        context.resourceAttrs.owner === context.payload?.sub,
        rule.name,
        Object.isFrozen(context),
      )
      return true
    }
    const rule: PolicyRule = { ...ALLOW, name: 'mine', actions: ['documents:read'], evaluators: [evaluator] }
    assert.equal(await isAllowed([rule], { ...READ, action: 'documents:edit' }), false)
    assert.deepEqual(seen, [])
    assert.equal(await isAllowed([rule], { ...READ, resourceAttrs: { owner: 'test' } }), true)
    assert.deepEqual(seen, ['documents:read', true, 'mine', true])
  })

  test('finds objects in the context, whatever was given', async () => {
    const evaluator: PolicyEvaluator = ({ subject, resourceAttrs, environment }) =>
      [subject.a, resourceAttrs.b, environment.c].every(each => each === undefined)
    const rule: PolicyRule = { ...ALLOW, evaluators: [evaluator] }
    for (const each of [undefined, null, 5, 'text', []]) {
      assert.equal(await isAllowed([rule], { ...READ, subject: each, resourceAttrs: each }), true)
    }
  })

  test('narrows what is allowed, sync or async, of one rule or of the engine', async () => {
    for (const evaluator of [no, async () => false]) {
      assert.equal(await isAllowed([{ ...ALLOW, evaluators: [yes, evaluator, yes] }]), false)
      assert.equal(await isAllowed([{ ...ALLOW, evaluators: [evaluator] }, ALLOW]), true, 'another rule allows it')
      const engine = new PolicyEngine({ rules: [ALLOW, { ...ALLOW, evaluators: [yes] }], evaluators: [evaluator] })
      assert.equal((await engine.evaluate(READ)).allowed, false)
    }
    assert.equal(await isAllowed([{ ...ALLOW, evaluators: [yes, async () => true] }]), true)
  })

  for (const [what, evaluator] of WRONG_EVALUATORS) {
    test(`that ${what} denies, whatever the order of the rules, and is told to the developer`, async () => {
      const wrong: PolicyRule = { ...ALLOW, name: 'wrong', evaluators: [evaluator as PolicyEvaluator] }
      for (const rules of [[wrong], [wrong, ALLOW], [ALLOW, wrong]]) {
        const decision = await decide(rules)
        assertFailed(decision, 'wrong')
      }
      const engine = new PolicyEngine({ rules: [ALLOW], evaluators: [evaluator as PolicyEvaluator] })
      assertFailed(await engine.evaluate(READ), undefined)
    })

    test(`that ${what} switches no deny rule off`, async () => {
      const rules: PolicyRule[] = [DENY, ALLOW]
      const engine = new PolicyEngine({ rules, evaluators: [evaluator as PolicyEvaluator] })
      const { allowed, rule, error } = await engine.evaluate(READ)
      assert.deepEqual([allowed, rule?.effect, error], [false, 'deny', undefined])
    })
  }

  test('is not asked about what a deny rule refuses', async () => {
    let asked = 0
    const evaluators = [() => ++asked > 0]
    for (const rules of [
      [DENY, { ...ALLOW, evaluators }],
      [{ ...ALLOW, evaluators }, DENY],
    ])
      assert.equal((await new PolicyEngine({ rules, evaluators }).evaluate(READ)).allowed, false)
    assert.equal(asked, 0)
  })

  test('of a deny rule is a mistake that is reported when the engine is made', () => {
    for (const evaluators of [[yes], [no], []]) {
      const rules = [{ ...DENY, name: 'freeze', evaluators }] as unknown as PolicyRule[]
      assert.throws(
        () => new PolicyEngine({ rules }),
        /rules\[0\] \(freeze\): evaluators are not allowed in a deny rule/,
      )
    }
  })

  function assertFailed({ allowed, rule, error }: PolicyDecision, name: string | undefined): void {
    assert.deepEqual([allowed, rule?.name], [false, name])
    assert.ok(error instanceof PolicyEvaluationError)
    assert.ok(error.cause instanceof TypeError || (error.cause as Error).message === 'TEST')
  }
})

describe('an attribute that throws when it is read', () => {
  const trap = {
    get owner() {
      throw new Error('TEST')
    },
  }
  const conditions: PolicyCondition[] = [{ source: 'resource', key: 'owner', value: 'test' }]
  const request = { ...READ, resourceAttrs: trap }

  test('denies, in an allow rule and in a deny rule', async () => {
    const sets: PolicyRule[][] = [
      [{ ...ALLOW, conditions }],
      [{ ...ALLOW, conditions }, ALLOW],
      [ALLOW, { ...ALLOW, conditions }],
      [ALLOW, { ...DENY, conditions }],
      [{ ...DENY, conditions }, ALLOW],
    ]
    for (const rules of sets) {
      const { allowed, error } = await decide(rules, request)
      assert.equal(allowed, false)
      assert.equal((error?.cause as Error | undefined)?.message, 'TEST')
    }
  })

  test('leaves the word to a deny rule that needs it not', async () => {
    for (const rules of [
      [{ ...DENY, conditions }, DENY],
      [DENY, { ...DENY, conditions }],
    ]) {
      const { allowed, error } = await decide(rules, request)
      assert.deepEqual([allowed, error], [false, undefined])
    }
  })
})

describe('wrong rules', () => {
  const rule = (members: object) => ({ ...ALLOW, ...members })
  const withCondition = (members: object) =>
    rule({ conditions: [{ source: 'subject', key: 'a', value: 'TEST-value', ...members }] })

  const TABLE: readonly [rule: unknown, member: string][] = [
    [undefined, 'must be an object'],
    ['allow', 'must be an object'],
    [[], 'must be an object'],
    [rule({ effect: undefined }), 'effect'],
    [rule({ effect: 'permit' }), 'effect'],
    [rule({ effect: 'Deny' }), 'effect'],
    [rule({ actions: undefined }), 'actions'],
    [rule({ actions: [] }), 'actions'],
    [rule({ actions: '*' }), 'actions'],
    [rule({ actions: ['documents*'] }), 'actions'],
    [rule({ resources: [] }), 'resources'],
    [withCondition({ operator: 'in', value: ['secret', 5] }), 'conditions[0]: value'],
    [rule({ resources: ['documents:*', ''] }), 'resources'],
    [rule({ resources: ['documents:**'] }), 'resources'],
    [rule({ resources: [/documents/] }), 'resources'],
    [rule({ resource: ['*'] }), 'unknown option "resource"; it takes '],
    [rule({ condition: [] }), 'unknown option "condition"; it takes '],
    [rule({ subjects: ['test'] }), 'unknown option "subjects"; it takes '],
    [
      JSON.parse('{"effect":"allow","actions":["*"],"resources":["*"],"__proto__":{}}'),
      'unknown option "__proto__"; it takes ',
    ],
    [Object.create(ALLOW), 'effect'],
    [rule({ name: '' }), 'name'],
    [rule({ reason: 5 }), 'reason'],
    [rule({ scopes: [] }), 'scopes'],
    [rule({ scopes: 'admin' }), 'scopes'],
    [rule({ scopes: ['a b'] }), 'scopes'],
    [rule({ scopes: ['a'], allScopesRequired: 'yes' }), 'allScopesRequired'],
    [rule({ allScopesRequired: false }), 'allScopesRequired'],
    [rule({ evaluators: () => true }), 'evaluators'],
    [rule({ evaluators: ['isOwner'] }), 'evaluators'],
    [rule({ conditions: {} }), 'conditions'],
    [rule({ conditions: [null] }), 'conditions[0]'],
    [withCondition({ source: 'user' }), 'conditions[0]: source'],
    [withCondition({ source: '__proto__' }), 'conditions[0]: source'],
    [withCondition({ key: '' }), 'conditions[0]: key'],
    [withCondition({ key: 'a..b' }), 'conditions[0]: key'],
    [withCondition({ key: [] }), 'conditions[0]: key'],
    [withCondition({ key: 5 }), 'conditions[0]: key'],
    [withCondition({ key: '__proto__.admin' }), 'conditions[0]: key'],
    [withCondition({ key: 'constructor.name' }), 'conditions[0]: key'],
    [withCondition({ key: ['a', 'prototype'] }), 'conditions[0]: key'],
    [withCondition({ operator: 'equal' }), 'conditions[0]: operator'],
    [withCondition({ operator: 'not_equals' }), 'conditions[0]: operator'],
    [withCondition({ operator: 'toString' }), 'conditions[0]: operator'],
    [withCondition({ operator: '__proto__' }), 'conditions[0]: operator'],
    [withCondition({ value: undefined }), 'conditions[0]: value'],
    [withCondition({ value: null }), 'conditions[0]: value'],
    [withCondition({ value: Number.NaN }), 'conditions[0]: value'],
    [withCondition({ value: ['a'] }), 'conditions[0]: value'],
    [withCondition({ operator: 'in', value: 'a' }), 'conditions[0]: value'],
    [withCondition({ operator: 'in', value: [] }), 'conditions[0]: value'],
    [withCondition({ operator: 'notIn', value: [null] }), 'conditions[0]: value'],
    [withCondition({ operator: 'gt', value: true }), 'conditions[0]: value'],
    [withCondition({ operator: 'lte', value: new Date(Number.NaN) }), 'conditions[0]: value'],
    [withCondition({ operator: 'exists', value: false }), 'conditions[0]: value'],
    [withCondition({ vlaue: 1 }), 'conditions[0]: unknown option "vlaue"; it takes '],
  ]

  test('are reported when the engine is made, each by its place and its member, and no value is printed', () => {
    for (const [wrong, member] of TABLE) {
      const rules = [ALLOW, wrong] as PolicyRule[]
      const [problem, ...more] = problemsIn(() => new PolicyEngine({ rules }))
      const place = member.startsWith('must') ? 'rules[1] ' : 'rules[1]: '
      assert.ok(problem?.startsWith(`${place}${member}`), `${member}: ${problem}`)
      assert.doesNotMatch([problem, ...more].join(), /TEST-value|permit|\[object/)
    }
  })

  test('are reported by addRule in the same way, and not added', () => {
    const engine = new PolicyEngine({ rules: [ALLOW] })
    for (const [wrong] of TABLE) assert.notEqual(problemsIn(() => engine.addRule(wrong as PolicyRule)).length, 0)
    assert.equal(engine.rules.length, 1)
    assert.throws(() => engine.addEvaluator('yes' as never), BadConfigurationError)
  })

  test('are reported all at once, by name where they have one', () => {
    const rules = [
      { ...ALLOW, name: 'owners', actions: [], conditions: [{ source: 'who', key: '', operator: 'is' }] },
      { effect: 'allow' },
    ] as unknown as PolicyRule[]
    const problems = problemsIn(() => new PolicyEngine({ rules, evaluators: [5] as never, rule: [] } as never))
    assert.deepEqual(
      problems.map(problem => /^(.*?)(?: must|; it takes rules, evaluators$)/.exec(problem)?.[1]),
      [
        'PolicyEngine: unknown option "rule"',
        'rules[0] (owners): actions',
        'rules[0] (owners): conditions[0]: source',
        'rules[0] (owners): conditions[0]: key',
        'rules[0] (owners): conditions[0]: operator',
        'rules[1]: actions',
        'rules[1]: resources',
        'evaluators',
      ],
    )
  })

  test('and options that are none are reported too', () => {
    for (const options of [
      null,
      [],
      'rules',
      { rules: {} },
      { rules: 'all' },
      { defaultAllow: true },
      { evaluators: {} },
    ]) {
      assert.equal(problemsIn(() => new PolicyEngine(options as never)).length, 1, JSON.stringify(options))
    }
  })
})

/** A promise of `true`, and what keeps it. */
function gate(): [Promise<boolean>, () => void] {
  let open = () => {}
  const opened = new Promise<boolean>(resolve => {
    open = () => resolve(true)
  })
  return [opened, open]
}
