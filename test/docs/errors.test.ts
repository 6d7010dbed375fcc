import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as errors from '../../src/errors.js'
import { readPage } from '../support/markdown.js'

/** The cells of the rows whose first cell is the name of a class, that name without its quotes. */
function tableRows(text: string): string[][] {
  const rows = text.split('\n').filter(line => /^\| `\w+Error` |^\| `RateLimitExceeded` /.test(line))
  return rows.map(row => {
    const [, first = '', ...cells] = row.split('|').map(cell => cell.trim())
    return [first.replaceAll('`', ''), ...cells.slice(0, -1)]
  })
}

describe('the page of errors', () => {
  const abstract = ['AuthXError', 'TokenTypeError']
  const constructors = Object.entries(errors).filter(([name]) => !abstract.includes(name))
  const rows = new Map(tableRows(readPage('docs/errors.md')).map(([name = '', ...cells]) => [name, cells]))

  test('are all that there are', () => {
    assert.deepEqual([...rows.keys()].sort(), constructors.map(([name]) => name).sort())
  })

  test('have the status, the code and the headers of the code', () => {
    for (const [name, ErrorClass] of constructors) {
      const [status, code, challenge, text] = rows.get(name) ?? []
      const error = Reflect.construct(ErrorClass, takesList(name) ? [['...']] : []) as errors.AuthXError
      assert.equal(error.name, name)
      assert.deepEqual([String(error.status), `\`${error.code}\``], [status, code], name)
      const sent = String(error.headers['WWW-Authenticate'] ?? '-').replace(/^Bearer realm="authx", /, '')
      assert.equal(sent === '-' ? sent : `\`${sent}\``, challenge, name)
      assert.equal(text?.includes('Retry-After: 1'), error.headers['Retry-After'] === '1', name)
    }
  })

  test('extend each other as it says', () => {
    const children = (parent: abstract new (...args: never[]) => errors.AuthXError) =>
      constructors.filter(([, { prototype }]) => prototype instanceof parent).map(([name]) => name)
    assert.equal(children(errors.AuthXError).length, constructors.length)
    const order = [...rows.keys()]
    const decoding = order.indexOf('JWTDecodeError') + 1
    assert.deepEqual(children(errors.JWTDecodeError).sort(), order.slice(decoding, decoding + 4).sort())
    assert.deepEqual(children(errors.TokenTypeError), ['AccessTokenRequiredError', 'RefreshTokenRequiredError'])
    assert.deepEqual(children(errors.RevokedTokenError), ['ReusedTokenError'])
    assert.deepEqual(children(errors.CSRFError), ['MissingCSRFTokenError'])
    assert.deepEqual(children(errors.PolicyDeniedError), ['PolicyEvaluationError'])
  })

  const takesList = (name: string) => name === 'InsufficientScopeError' || name === 'BadConfigurationError'
})
