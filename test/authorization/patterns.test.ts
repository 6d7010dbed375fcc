import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isPattern, matchesPattern } from '../../src/authorization/policy/patterns.js'
import { ALLOW, isAllowed, READ } from './questions.js'

type Row = readonly [pattern: string, covered: readonly string[], others: readonly string[]]

const TABLE: readonly Row[] = [
  ['documents', ['documents'], ['documents:1', 'document', 'documentsx', 'Documents', ' documents', 'documents:']],
  ['*', ['documents', 'documents:1', 'a:b:c:d', '*', '.*'], [':', 'a:', ':a', 'a::b']],
  [
    'documents:*',
    ['documents', 'documents:1', 'documents:1:comments'],
    ['documentsx', 'x:documents:1', 'documents:', 'documents::secret'],
  ],
  ['documents:1', ['documents:1'], ['documents', 'documents:10', 'documents:1:comments', 'documents:*']],
  [
    'documents:*:comments',
    ['documents:1:comments', 'documents:*:comments'],
    ['documents:comments', 'documents::comments', 'documents:1:2:comments', 'documents:1:comments:2', 'documents:1'],
  ],
  ['*:read', ['documents:read', 'users:read'], ['read', ':read', 'documents:1:read', 'documents:write']],
  ['a:*:*', ['a:b', 'a:b:c', 'a:b:c:d'], ['a', 'a:']],
  // Nothing in a pattern is a regular expression.
  ['docs.v1', ['docs.v1'], ['docsxv1']],
  ['(a+)+', ['(a+)+'], ['aaaa', 'a']],
  ['[ab]', ['[ab]'], ['a']],
  ['a|b', ['a|b'], ['a', 'b']],
  ['$', ['$'], ['', 'a']],
]

describe('a pattern', () => {
  for (const [pattern, covered, others] of TABLE) {
    test(`${pattern} covers what it says, as action and as resource`, async () => {
      for (const name of [...covered, ...others]) {
        const expected = covered.includes(name)
        assert.equal(matchesPattern(pattern, name), expected, name)
        if (name === '') continue
        assert.equal(await isAllowed([{ ...ALLOW, actions: [pattern] }], { ...READ, action: name }), expected, name)
        assert.equal(await isAllowed([{ ...ALLOW, resources: [pattern] }], { ...READ, resource: name }), expected, name)
      }
    })
  }

  test('has a * as a whole part only, and no empty part', () => {
    for (const pattern of ['*', 'a', 'a:*', '*:a', 'a:*:b', 'a/b c', '.']) assert.ok(isPattern(pattern))
    const wrong = [
      '',
      ':',
      'a:',
      ':a',
      'a::b',
      'a*',
      '*a',
      'a:b*',
      '**',
      'a:**',
      '.*',
      'a/*',
      undefined,
      null,
      5,
      ['a'],
    ]
    for (const pattern of wrong) assert.ok(!isPattern(pattern), String(pattern))
  })

  test('comes to an answer about names and patterns that a backtracking matcher would never be done with', () => {
    const pattern = `${'*:'.repeat(2000)}b`
    const name = `${'a:'.repeat(200_000)}a`
    assert.equal(matchesPattern(pattern, name), false)
    assert.equal(matchesPattern(`${pattern}:*`, name), false)
  })

  const part = fc.stringMatching(/^[a-c*.+()[\]]{1,3}$/)
  const name = fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => parts.join(':'))

  test('without a * covers itself and nothing else (property)', () => {
    fc.assert(
      fc.property(name, name, (pattern, asked) => {
        fc.pre(!pattern.includes('*'))
        assert.equal(matchesPattern(pattern, asked), pattern === asked)
      }),
    )
  })

  test('that ends in :* covers what begins with it, at a part (property)', () => {
    fc.assert(
      fc.property(name, name, (prefix, asked) => {
        fc.pre(!prefix.includes('*'))
        assert.equal(matchesPattern(`${prefix}:*`, asked), asked === prefix || asked.startsWith(`${prefix}:`))
      }),
    )
  })
})
