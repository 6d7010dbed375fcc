import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthX, BadConfigurationError, type KeyOptions } from '../../src/index.js'
import { makeAuthX, TEST_SECRET } from '../support/app.js'
import { contentOf, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const TEST_NEW_SECRET = 'TEST_ONLY_new_secret_of_the_test_suite_of_more_than_64_bytes_0123456789'
const [oldRsa, newRsa] = [makeRsaPair(), makeRsaPair()]
const ec = makeEcPair()

const verdictOn = (authx: AuthX, token: string) => verdictOf(() => authx.verifyToken(token))

/** What `setKeys` refuses, for which reasons. */
function problemsOf(authx: AuthX, options: unknown): readonly string[] {
  try {
    authx.setKeys(options as KeyOptions)
    return []
  } catch (error) {
    assert.ok(error instanceof BadConfigurationError, String(error))
    return error.problems
  }
}

describe('setKeys', () => {
  test('signs with the new secret, and keeps tokens of the previous one good', async () => {
    const authx = makeAuthX()
    const before = authx.createAccessToken('test')
    authx.setKeys({ secretKey: TEST_NEW_SECRET, previousSecretKey: TEST_SECRET })
    const after = authx.createAccessToken('test')
    assert.deepEqual([await verdictOn(authx, before), await verdictOn(authx, after)], ['good', 'good'])
    const other = makeAuthX({ secretKey: TEST_NEW_SECRET })
    assert.deepEqual(
      [await verdictOn(other, before), await verdictOn(other, after)],
      ['TokenInvalidSignatureError', 'good'],
    )
  })

  test('ends the tokens of a key that is not named again', async () => {
    const authx = makeAuthX({ previousSecretKey: TEST_NEW_SECRET })
    const [own, previous] = [authx, makeAuthX({ secretKey: TEST_NEW_SECRET })].map(each => each.createAccessToken('a'))
    authx.setKeys({ secretKey: 'TEST_ONLY_third_secret_of_more_than_32_bytes' })
    assert.equal(await verdictOn(authx, own ?? ''), 'TokenInvalidSignatureError')
    assert.equal(await verdictOn(authx, previous ?? ''), 'TokenInvalidSignatureError')
  })

  test('changes key pairs, found by kid', async () => {
    const authx = new AuthX({ algorithm: 'RS256', keys: [{ kid: 'old', ...oldRsa }] })
    const before = authx.createAccessToken('test')
    const [former, next] = [
      { kid: 'old', publicKey: oldRsa.publicKey },
      { kid: 'new', ...newRsa },
    ]
    authx.setKeys({ keys: [next, former] })
    assert.equal(contentOf(authx.createAccessToken('test')).header.kid, 'new')
    assert.equal(await verdictOn(authx, before), 'good')
    authx.setKeys({ keys: [next] })
    assert.equal(await verdictOn(authx, before), 'TokenInvalidSignatureError')
  })

  test('changes the algorithm, and accepts the former one if that is listed', async () => {
    const authx = new AuthX({ algorithm: 'RS256', keys: [{ kid: 'rsa', ...oldRsa }] })
    const before = authx.createAccessToken('test')
    const keys = [
      { kid: 'ec', ...ec },
      { kid: 'rsa', publicKey: oldRsa.publicKey },
    ]
    authx.setKeys({ algorithm: 'ES256', decodeAlgorithms: ['ES256', 'RS256'], keys })
    assert.equal(contentOf(authx.createAccessToken('test')).header.alg, 'ES256')
    assert.equal(await verdictOn(authx, before), 'good')
    authx.setKeys({ algorithm: 'ES256', keys: keys.slice(0, 1) })
    assert.equal(await verdictOn(authx, before), 'JWTDecodeError')
  })

  test('keeps the algorithms if both are left out, and shows which are in force', async () => {
    const authx = makeAuthX({ algorithm: 'HS512', decodeAlgorithms: ['HS512', 'HS256'] })
    const of256 = makeAuthX({ secretKey: TEST_NEW_SECRET }).createAccessToken('test')
    authx.setKeys({ secretKey: TEST_NEW_SECRET })
    assert.equal(contentOf(authx.createAccessToken('test')).header.alg, 'HS512')
    assert.equal(await verdictOn(authx, of256), 'good')
    assert.deepEqual(authx.config.decodeAlgorithms, ['HS512', 'HS256'])

    authx.setKeys({ algorithm: 'HS384', secretKey: TEST_NEW_SECRET })
    assert.deepEqual([authx.config.algorithm, authx.config.decodeAlgorithms], ['HS384', ['HS384']])
    assert.equal(await verdictOn(authx, of256), 'JWTDecodeError')
  })

  test('holds for cookies and CSRF values too, and for tokens of a pair', async () => {
    const authx = makeAuthX({ tokenLocation: ['cookies'] })
    const before = authx.createAccessToken('test')
    authx.setKeys({ secretKey: TEST_NEW_SECRET })
    assert.throws(() => authx.getCsrfToken(before), { name: 'TokenInvalidSignatureError' })
    const pair = await authx.createTokenPair('test')
    assert.equal(authx.getCsrfToken(pair.access_token), authx.getCsrfToken(pair.refresh_token))
    assert.equal(await verdictOn(makeAuthX({ secretKey: TEST_NEW_SECRET }), pair.access_token), 'good')
  })

  test('copies what it is given', async () => {
    const authx = makeAuthX()
    const secretKey = Buffer.from(TEST_NEW_SECRET)
    authx.setKeys({ secretKey })
    secretKey.fill(0)
    const token = makeAuthX({ secretKey: TEST_NEW_SECRET }).createAccessToken('test')
    assert.equal(await verdictOn(authx, token), 'good')
  })
})

describe('setKeys with wrong keys', () => {
  const ofNewSecret = makeAuthX({ secretKey: TEST_NEW_SECRET }).createAccessToken('test')
  const WRONG: readonly [what: string, options: unknown, names: readonly string[]][] = [
    ['nothing to sign with', {}, ['secretKey']],
    ['a short secret', { secretKey: 'TEST_ONLY_short' }, ['secretKey']],
    [
      'several mistakes',
      { secretKey: 'TEST_ONLY_short', previousSecretKey: ['', oldRsa.publicKey] },
      ['secretKey', 'previousSecretKey[0]', 'previousSecretKey[1]'],
    ],
    ['a value of a wrong type', { secretKey: TEST_NEW_SECRET, previousSecretKey: 5 }, ['previousSecretKey']],
    ['an unknown algorithm', { algorithm: 'HS1', secretKey: TEST_NEW_SECRET }, ['algorithm']],
    ['keys and a secret', { keys: [{ kid: 'a', secretKey: TEST_NEW_SECRET }], secretKey: TEST_SECRET }, ['keys']],
    ['one kid twice', { keys: ['a', 'a'].map(kid => ({ kid, secretKey: TEST_NEW_SECRET })) }, ['keys[1].kid']],
    ['a key pair for an algorithm of secrets', { ...newRsa }, ['secretKey', 'publicKey']],
    [
      'an option that is not about keys',
      { secretKey: TEST_NEW_SECRET, cookieSecure: false },
      ['setKeys: unknown option "cookieSecure"; it takes algorithm, '],
    ],
    [
      'a getKey',
      { secretKey: TEST_NEW_SECRET, getKey: () => TEST_SECRET },
      ['setKeys: unknown option "getKey"; it takes algorithm, '],
    ],
    [
      'a name that is not an option',
      { secretKey: TEST_NEW_SECRET, secret: 'TEST_ONLY' },
      ['setKeys: unknown option "secret"; it takes algorithm, '],
    ],
    ['no object', TEST_NEW_SECRET, ['setKeys']],
    ['nothing', undefined, ['setKeys']],
  ]
  for (const [what, options, names] of WRONG) {
    test(`${what}: says all that is wrong, and nothing changes`, async () => {
      const authx = makeAuthX()
      const before = authx.createAccessToken('test')
      const problems = problemsOf(authx, options)
      assert.equal(problems.length, names.length, problems.join('\n'))
      for (const name of names) {
        assert.ok(
          problems.some(problem => problem.startsWith(name)),
          name,
        )
      }
      assert.doesNotMatch(problems.join(), /TEST_ONLY|BEGIN/)

      assert.equal(await verdictOn(authx, before), 'good')
      assert.equal(await verdictOn(makeAuthX(), authx.createAccessToken('test')), 'good')
      assert.equal(await verdictOn(authx, ofNewSecret), 'TokenInvalidSignatureError')
    })
  }
})
