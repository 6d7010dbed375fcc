import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions, type TokenType } from '../../src/index.js'
import { contentOf, verdictOf } from '../support/signing.js'

interface Vector {
  name: string
  type: TokenType
  options: AuthXOptions
  token: string
  claims: Record<string, unknown>
  /** `valid`, the name of an error, or one of the words below. */
  expect: string
}

const file = new URL('../vectors/authx-python.json', import.meta.url)
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }

const VERDICTS: Record<string, string> = { valid: 'good', RefreshWhereAccess: 'AccessTokenRequiredError' }
const REFUSED = ['JWTDecodeError', 'TokenInvalidSignatureError']

describe('tokens of the Python AuthX', () => {
  for (const { name, type, options, token, claims, expect } of vectors) {
    test(`${name}: ${expect}`, async () => {
      // The tokens were issued at one time; the verdict must not depend on when the tests run.
      const issued = contentOf(vectors[0]?.token ?? '').claims.iat
      const authx = new AuthX({ ...options, now: () => (Number(issued) + 10) * 1000 })
      const verdict = await verdictOf(() => authx.verifyToken(token, { type }))
      if (expect === 'refused') return assert.ok(REFUSED.includes(verdict), verdict)
      assert.equal(verdict, VERDICTS[expect] ?? expect)
      if (expect === 'valid') assert.deepEqual(await authx.verifyToken(token, { type }), claims)
    })
  }

  test('there are some that are good and some that are refused', () => {
    assert.ok(vectors.filter(({ expect }) => expect === 'valid').length > 10)
    assert.ok(vectors.filter(({ expect }) => expect !== 'valid').length > 4)
  })
})
