import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { covers, coversAll, coversAny, isScope } from '../../src/token/scopes.js'

const TABLE: readonly [held: string, wanted: string, covered: boolean][] = [
  ['admin', 'admin', true],
  ['admin', 'admin:users', false],
  ['admin', 'Admin', false],
  ['admin:*', 'admin', true],
  ['admin:*', 'admin:users', true],
  ['admin:*', 'admin:users:edit', true],
  ['admin:*', 'admin:*', true],
  ['admin:*', 'administrator', false],
  ['admin:*', 'administrator:users', false],
  ['admin:*', 'adm', false],
  ['admin:*', 'super:admin', false],
  ['admin:users:*', 'admin:users', true],
  ['admin:users:*', 'admin:users:edit', true],
  ['admin:users:*', 'admin', false],
  ['admin:users:*', 'admin:usersx', false],
  ['admin:users', 'admin:*', false],
  ['admin*', 'administrator', false],
  ['admin*', 'admin*', true],
  ['*', 'admin:users', true],
  ['*', '*', true],
  [':*', 'admin', false],
  ['*:users', 'admin:users', false],
  ['admin:*:edit', 'admin:users:edit', false],
  ['', '', true],
  ['', 'admin', false],
]

const word = fc.stringMatching(/^[a-z]{1,6}$/)
const path = fc.array(word, { minLength: 1, maxLength: 4 }).map(words => words.join(':'))

describe('scopes', () => {
  for (const [held, wanted, covered] of TABLE) {
    test(`'${held}' ${covered ? 'covers' : 'does not cover'} '${wanted}'`, () =>
      assert.equal(covers([held], wanted), covered))
  }

  test('a wildcard covers its scope and what is below it, to any depth', () => {
    const holds = fc.property(
      path,
      path,
      (scope, below) => covers([`${scope}:*`], scope) && covers([`${scope}:*`], `${scope}:${below}`),
    )
    fc.assert(holds)
  })

  test('a wildcard covers nothing that only begins with the same letters', () => {
    fc.assert(fc.property(path, word, (scope, letters) => !covers([`${scope}:*`], `${scope}${letters}`)))
  })

  test('a scope without a wildcard covers itself alone', () => {
    fc.assert(fc.property(path, path, (held, wanted) => covers([held], wanted) === (held === wanted)))
  })

  test('holding more never covers less', () => {
    const holds = fc.property(
      fc.array(path),
      path,
      path,
      (held, more, wanted) => !covers(held, wanted) || covers([...held, more], wanted),
    )
    fc.assert(holds)
  })

  test('all are covered if each is, any if one is', () => {
    const holds = fc.property(fc.array(path), fc.array(path), (held, wanted) => {
      assert.equal(
        coversAll(held, wanted),
        wanted.every(scope => covers(held, scope)),
      )
      assert.equal(
        coversAny(held, wanted),
        wanted.some(scope => covers(held, scope)),
      )
    })
    fc.assert(holds)
  })

  test('a scope is printable ASCII without space, quote and backslash', () => {
    for (const scope of ['a', 'admin:*', 'https://api.example/read', '!', '~']) assert.ok(isScope(scope), scope)
    for (const scope of ['', 'a b', 'a"b', 'a\\b', 'ü', 'a\n', '\x7f', 5, null, ['a']])
      assert.ok(!isScope(scope), String(scope))
  })
})
