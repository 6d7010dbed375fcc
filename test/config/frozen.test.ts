import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { makeAuthX, TEST_SECRET } from '../support/app.js'
import { verdictOf } from '../support/signing.js'

const TEST_OTHER_SECRET = 'TEST_ONLY_another_secret_of_more_than_32_bytes'

describe('options are copied and frozen', () => {
  test('changing the object or its lists later changes nothing', async () => {
    const decodeAudience = ['web']
    const decodeAlgorithms: ('HS256' | 'HS384')[] = ['HS256']
    const access: ('headers' | 'query')[] = ['headers']
    const options: AuthXOptions = {
      secretKey: TEST_SECRET,
      encodeAudience: 'web',
      decodeAudience,
      decodeAlgorithms,
      tokenLocation: { access, refresh: ['headers'] },
    }
    const authx = new AuthX(options)
    decodeAudience[0] = 'other'
    decodeAlgorithms.push('HS384')
    access.push('query')
    options.secretKey = TEST_OTHER_SECRET
    options.encodeAudience = 'other'

    assert.equal(await verdictOf(() => authx.verifyToken(authx.createAccessToken('test'))), 'good')
    assert.deepEqual(authx.config.decodeAudience, ['web'])
    assert.deepEqual(authx.config.decodeAlgorithms, ['HS256'])
    assert.deepEqual(authx.config.tokenLocation.access, ['headers'])
  })

  test('overwriting a secret in its Buffer, or a key in its list, changes nothing', async () => {
    const secretKey = Buffer.from(TEST_SECRET)
    const previousSecretKey = [TEST_OTHER_SECRET]
    const authx = new AuthX({ secretKey, previousSecretKey })
    secretKey.fill(0)
    previousSecretKey.pop()
    const [ours, previous] = [TEST_SECRET, TEST_OTHER_SECRET].map(secret => makeAuthX({ secretKey: secret }))
    for (const each of [ours, previous]) {
      const token = each?.createAccessToken('test') ?? ''
      assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
    }
  })

  test('changing the list of named keys later changes nothing', async () => {
    const keys = [{ kid: 'one', secretKey: TEST_SECRET }]
    const authx = new AuthX({ keys })
    const token = authx.createAccessToken('test')
    keys.push({ kid: 'two', secretKey: TEST_OTHER_SECRET })
    Object.assign(keys[0] ?? {}, { kid: 'changed', secretKey: TEST_OTHER_SECRET })
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
    const other = new AuthX({ keys: [{ kid: 'two', secretKey: TEST_OTHER_SECRET }] }).createAccessToken('test')
    assert.notEqual(await verdictOf(() => authx.verifyToken(other)), 'good')
  })

  test('what is in force can be read and not written', () => {
    const { config } = makeAuthX({
      tokenLocation: ['headers', 'json'],
      csrfMethods: ['PUT'],
      encodeAudience: ['a', 'b'],
    })
    assert.throws(() => Object.assign(config, { cookieSecure: false }), TypeError)
    for (const list of [
      config.tokenLocation.access,
      config.tokenLocation.refresh,
      config.csrfMethods,
      config.encodeAudience,
    ]) {
      assert.ok(Object.isFrozen(list))
    }
  })

  test('what is in force holds durations in seconds, and neither keys nor store', () => {
    const { config } = makeAuthX({ accessTokenExpires: 'PT1H' })
    assert.equal(config.accessTokenExpires, 3600)
    assert.doesNotMatch(JSON.stringify(config), /secret|private|TEST_ONLY/i)
    assert.ok(!('store' in config))
  })

  test('a refresh token is not looked for in the query unless that is said of refresh tokens', () => {
    assert.deepEqual(makeAuthX({ tokenLocation: ['headers', 'query'] }).config.tokenLocation.refresh, ['headers'])
    const said = makeAuthX({ tokenLocation: { access: ['headers'], refresh: ['query'] } })
    assert.deepEqual(said.config.tokenLocation, { access: ['headers'], refresh: ['query'] })
  })
})
