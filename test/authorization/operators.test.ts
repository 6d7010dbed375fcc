import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PolicyCondition, PolicyOperator } from '../../src/index.js'
import { payloadOf, READ, verdictsOf } from './questions.js'

const [holds, fails, unknown] = ['holds', 'does not hold', 'cannot be told'] as const

const JULY = new Date('2026-07-01T00:00:00Z')
const MAY = new Date('2026-05-01T00:00:00Z')
const NO_DATE = new Date(Number.NaN)

type Row = readonly [attribute: unknown, value: unknown, verdict: typeof holds | typeof fails | typeof unknown]

/** What says nothing to any operator that compares. */
const SILENT = [undefined, null, Number.NaN, Number.POSITIVE_INFINITY, NO_DATE, {}, () => true, Symbol('a'), 1n]

const TABLE: Readonly<Record<Exclude<PolicyOperator, 'exists'>, readonly Row[]>> = {
  equals: [
    ['a', 'a', holds],
    ['a', 'b', fails],
    ['a', 'A', fails],
    ['', '', holds],
    [1, 1, holds],
    [1, 2, fails],
    [0, -0, holds],
    [true, true, holds],
    [true, false, fails],
    [new Date(JULY), JULY, holds],
    [MAY, JULY, fails],
    [1, '1', unknown],
    ['true', true, unknown],
    [JULY.getTime(), JULY, unknown],
    [JULY.toISOString(), JULY, unknown],
    [['a'], 'a', unknown],
    [{ a: 'a' }, 'a', unknown],
  ],
  notEquals: [
    ['a', 'b', holds],
    ['a', 'a', fails],
    [1, 2, holds],
    [true, false, holds],
    [MAY, JULY, holds],
    [JULY, JULY, fails],
    [1, '1', unknown],
    [['guest'], 'guest', unknown],
  ],
  in: [
    ['a', ['a', 'b'], holds],
    ['c', ['a', 'b'], fails],
    [1, [2, 1], holds],
    [2, [3, 1], fails],
    [JULY, [MAY, JULY], holds],
    [true, ['true'], unknown],
    [1, ['1'], unknown],
    [['a'], ['a'], unknown],
  ],
  notIn: [
    ['c', ['a', 'b'], holds],
    ['a', ['a', 'b'], fails],
    [2, [3, 1], holds],
    [1, ['1'], unknown],
    [['a'], ['a'], unknown],
  ],
  contains: [
    [['a', 'b'], 'a', holds],
    [['a', 'b'], 'c', fails],
    [[], 'a', fails],
    [new Set(['a']), 'a', holds],
    [new Set(['b']), 'a', fails],
    [[1, 'a'], 'a', holds],
    [[1, 'b'], 'a', unknown],
    [[{ name: 'a' }], 'a', unknown],
    [[['a']], 'a', unknown],
    ['notadmin', 'admin', unknown],
    ['a', 'a', unknown],
    [{ a: true }, 'a', unknown],
    [new Map([['a', 1]]), 'a', unknown],
  ],
  gt: [
    [2, 1, holds],
    [1, 1, fails],
    [0, 1, fails],
    [JULY, MAY, holds],
    [JULY, JULY, fails],
    ['2026-07-01', '2026-05-01', holds],
    ['10', 9, unknown],
    [10, '9', unknown],
    [JULY, '2026-05-01', unknown],
    [[2], 1, unknown],
    [true, 0, unknown],
  ],
  gte: [
    [2, 1, holds],
    [1, 1, holds],
    [0, 1, fails],
    [MAY, JULY, fails],
    ['b', 'a', holds],
    ['2', 1, unknown],
  ],
  lt: [
    [0, 1, holds],
    [1, 1, fails],
    [2, 1, fails],
    [MAY, JULY, holds],
    ['a', 'b', holds],
    ['0', 1, unknown],
  ],
  lte: [
    [0, 1, holds],
    [1, 1, holds],
    [2, 1, fails],
    [JULY, JULY, holds],
    ['b', 'a', fails],
    [false, 1, unknown],
  ],
}

const condition = (operator: string, value: unknown) =>
  ({ source: 'resource', key: 'attribute', operator, value }) as PolicyCondition

const about = (attribute: unknown) => ({ ...READ, resourceAttrs: { attribute } })

for (const [operator, rows] of Object.entries(TABLE)) {
  describe(`the operator ${operator}`, () => {
    for (const [attribute, value, verdict] of rows) {
      test(`${shown(attribute)} beside ${shown(value)} ${verdict}`, async () => {
        assert.equal(await verdictsOf(condition(operator, value), about(attribute)), verdict)
      })
    }

    test('says nothing about what cannot be compared', async () => {
      const values = rows.map(([, value]) => value)
      for (const attribute of SILENT) {
        for (const value of values) {
          assert.equal(await verdictsOf(condition(operator, value), about(attribute)), unknown, shown(attribute))
        }
      }
    })
  })
}

describe('the operator exists', () => {
  const exists: PolicyCondition = { source: 'resource', key: 'attribute', operator: 'exists' }

  test('is the one that knows of every attribute whether it is there', async () => {
    for (const attribute of ['', 0, false, [], {}, Number.NaN, JULY]) {
      assert.equal(await verdictsOf(exists, about(attribute)), holds, shown(attribute))
    }
    for (const attribute of [undefined, null]) assert.equal(await verdictsOf(exists, about(attribute)), fails)
    assert.equal(await verdictsOf(exists, READ), fails)
  })
})

describe('a condition', () => {
  const subject = {
    department: 'sales',
    address: { city: 'Rabat' },
    roles: ['editor', 'admin'],
    'https://example.com/role': 'admin',
  }
  const request = { ...READ, subject, payload: payloadOf({ tenant: 'acme' }), environment: { hour: 9 } }

  test('takes equals where no operator is given', async () => {
    assert.equal(await verdictsOf({ source: 'subject', key: 'department', value: 'sales' }, request), holds)
  })

  test('looks into each of the four sources', async () => {
    const conditions: PolicyCondition[] = [
      { source: 'subject', key: 'department', value: 'sales' },
      { source: 'resource', key: 'owner', value: 'test' },
      { source: 'environment', key: 'hour', operator: 'lt', value: 10 },
      { source: 'token', key: 'tenant', value: 'acme' },
    ]
    for (const each of conditions) {
      assert.equal(await verdictsOf(each, { ...request, resourceAttrs: { owner: 'test' } }), holds, each.source)
      const { action, resource } = READ
      assert.equal(await verdictsOf(each, { action, resource }), unknown, each.source)
    }
  })

  test('finds nested attributes, items of lists, and by parts names that have dots', async () => {
    const city: PolicyCondition = { source: 'subject', key: 'address.city', value: 'Rabat' }
    assert.equal(await verdictsOf(city, request), holds)
    assert.equal(await verdictsOf({ source: 'subject', key: 'roles.1', value: 'admin' }, request), holds)
    const claim = { source: 'subject', key: ['https://example.com/role'], value: 'admin' } as const
    assert.equal(await verdictsOf(claim, request), holds)
    assert.equal(await verdictsOf({ ...claim, key: 'https://example.com/role' }, request), unknown)
  })

  test('sees own properties only', async () => {
    const inherited = Object.create({ role: 'admin' })
    const made = new (class {
      get role() {
        return 'admin'
      }
    })()
    for (const each of [inherited, made, new Map([['role', 'admin']])]) {
      const role: PolicyCondition = { source: 'subject', key: 'role', value: 'admin' }
      assert.equal(await verdictsOf(role, { ...request, subject: each }), unknown)
    }
    for (const key of ['toString.name', 'hasOwnProperty', 'department.length', 'address.toString']) {
      assert.equal(await verdictsOf({ source: 'subject', key, operator: 'exists' }, request), fails, key)
    }
  })

  test('sees no attributes of what is no object', async () => {
    for (const each of [undefined, null, 'sales', 5, ['sales']]) {
      const first: PolicyCondition = { source: 'subject', key: '0', operator: 'exists' }
      assert.equal(await verdictsOf(first, { ...request, subject: each }), fails)
    }
  })
})

function shown(value: unknown): string {
  if (value instanceof Set) return `Set ${shown([...value])}`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no date' : value.toISOString()
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`
  return typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? JSON.stringify(value) : String(value)
}
