import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type PolicyCondition,
  PolicyEngine,
  type PolicyEvaluator,
  type PolicyRequest,
  type PolicyRule,
} from '../../src/index.js'
import { payloadOf } from './questions.js'

/** The laws of the engine, over rules and requests of few words, so that they meet often. */

const name = fc.constantFrom('a', 'b', 'a:b', 'a:b:c', 'b:a')
const pattern = fc.constantFrom('*', 'a', 'b', 'a:*', 'a:b', 'a:*:c', '*:a')
const patterns = fc.array(pattern, { minLength: 1, maxLength: 2 })
const scalar = fc.constantFrom(1, 2, '1', 'x', true, false)
const scopes = fc.array(fc.constantFrom('s:1', 's:2', 's:*'), { minLength: 1, maxLength: 2 })

const at = {
  source: fc.constantFrom('subject', 'resource', 'environment', 'token'),
  key: fc.constantFrom('p', 'q', 'r.p'),
}
const condition: fc.Arbitrary<PolicyCondition> = fc.oneof(
  fc.record({ ...at, operator: fc.constantFrom('equals', 'notEquals', 'contains'), value: scalar }),
  fc.record({
    ...at,
    operator: fc.constantFrom('in', 'notIn'),
    value: fc.oneof(
      ...[fc.constantFrom(1, 2), fc.constantFrom('1', 'x'), fc.boolean()].map(item =>
        fc.array<string | number | boolean>(item, { minLength: 1, maxLength: 3 }),
      ),
    ),
  }),
  fc.record({ ...at, operator: fc.constantFrom('gt', 'gte', 'lt', 'lte'), value: fc.constantFrom(1, 2, '1', 'x') }),
  fc.record({ ...at, operator: fc.constant('exists') }),
) as fc.Arbitrary<PolicyCondition>

const evaluator: fc.Arbitrary<PolicyEvaluator> = fc.constantFrom(
  () => true,
  () => false,
  async () => true,
  async () => false,
  () => undefined as never,
  () => {
    throw new Error('TEST')
  },
)
const evaluators = fc.array(evaluator, { maxLength: 2 })

const members = {
  actions: patterns,
  resources: patterns,
  conditions: fc.array(condition, { maxLength: 2 }),
  scopes: fc.option(scopes, { nil: undefined }),
}
const deny = fc.record({ effect: fc.constant('deny' as const), ...members })
const allow = fc.record({ effect: fc.constant('allow' as const), ...members, evaluators })
const rule: fc.Arbitrary<PolicyRule> = fc.oneof(
  allow,
  deny,
  fc.constant({ effect: 'allow', actions: ['*'], resources: ['*'] } as const),
)
const rules = fc.array(rule, { maxLength: 6 })

const attributes = fc.dictionary(
  fc.constantFrom('p', 'q'),
  fc.oneof(scalar, fc.constant(null), fc.array(scalar, { maxLength: 2 })),
  { maxKeys: 2 },
)
const request: fc.Arbitrary<PolicyRequest> = fc.record({
  action: name,
  resource: name,
  subject: fc.oneof(attributes, fc.constant(undefined)),
  resourceAttrs: attributes,
  environment: attributes,
  payload: fc.option(
    fc.record({ scopes, p: scalar }).map(claims => payloadOf(claims)),
    { nil: undefined },
  ),
})

const allowed = async (
  rules: readonly PolicyRule[],
  asked: PolicyRequest,
  evaluators: readonly PolicyEvaluator[] = [],
) => (await new PolicyEngine({ rules, evaluators }).evaluate(asked)).allowed

const laws = { numRuns: 500 }

describe('the laws of the engine', () => {
  test('the order of rules does not matter', async () => {
    const shuffled = rules.chain(all => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })))
    await fc.assert(
      fc.asyncProperty(shuffled, request, evaluators, async ([one, other], asked, each) => {
        assert.equal(await allowed(one, asked, each), await allowed(other, asked, each))
      }),
      laws,
    )
  })

  test('a deny rule that covers the request and asks nothing wins over all others, at any place', async () => {
    await fc.assert(
      fc.asyncProperty(rules, request, fc.nat(6), async (others, asked, place) => {
        const denies: PolicyRule = { effect: 'deny', actions: [asked.action], resources: ['*'] }
        assert.equal(await allowed(others.toSpliced(place, 0, denies), asked), false)
      }),
      laws,
    )
  })

  test('a further deny rule never allows more', async () => {
    await fc.assert(
      fc.asyncProperty(rules, deny, request, async (before, added, asked) => {
        if (await allowed([...before, added], asked)) assert.equal(await allowed(before, asked), true)
      }),
      laws,
    )
  })

  test('a further condition or scope never makes an allow rule allow more', async () => {
    await fc.assert(
      fc.asyncProperty(allow, condition, request, async (before, added, asked) => {
        const narrower = { ...before, conditions: [...before.conditions, added] }
        if (await allowed([narrower], asked)) assert.equal(await allowed([before], asked), true)
        const { scopes: _, ...open } = before
        if (await allowed([before], asked)) assert.equal(await allowed([open], asked), true)
      }),
      laws,
    )
  })

  test('an evaluator never widens, of a rule or of the engine', async () => {
    await fc.assert(
      fc.asyncProperty(rules, fc.nat(5), evaluator, request, async (before, n, added, asked) => {
        if (await allowed(before, asked, [added])) assert.equal(await allowed(before, asked), true)
        const narrower = before.map((each, at) =>
          at === n && each.effect === 'allow' ? { ...each, evaluators: [...(each.evaluators ?? []), added] } : each,
        )
        if (await allowed(narrower, asked)) assert.equal(await allowed(before, asked), true)
      }),
      laws,
    )
  })

  test('an attribute that goes missing never allows more', async () => {
    await fc.assert(
      fc.asyncProperty(rules, request, fc.constantFrom('p', 'q'), async (all, asked, lost) => {
        const existential = all.some(({ conditions = [] }) => conditions.some(({ operator }) => operator === 'exists'))
        fc.pre(!existential)
        const { [lost]: _, ...rest } = asked.resourceAttrs as Record<string, unknown>
        if (await allowed(all, { ...asked, resourceAttrs: rest })) assert.equal(await allowed(all, asked), true)
      }),
      laws,
    )
  })

  test('nothing is allowed unless an allow rule covers it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deny, { maxLength: 4 }), request, async (all, asked) => {
        assert.equal(await allowed(all, asked), false)
      }),
      laws,
    )
  })

  test('the rule that decides has the effect that is decided, and an error always denies', async () => {
    await fc.assert(
      fc.asyncProperty(rules, request, evaluators, async (all, asked, each) => {
        const decision = await new PolicyEngine({ rules: all, evaluators: each }).evaluate(asked)
        if (decision.allowed) assert.deepEqual([decision.rule?.effect, decision.error], ['allow', undefined])
        else if (decision.rule && !decision.error) assert.equal(decision.rule.effect, 'deny')
      }),
      laws,
    )
  })
})
