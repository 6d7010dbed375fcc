import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Internals } from '../../src/authenticate/internals.js'
import { checkToken, type TokenSource } from '../../src/authenticate/token-checks.js'
import { FreshTokenRequiredError, RevokedTokenError, TokenExpiredError } from '../../src/errors.js'
import type { TokenPayload } from '../../src/token/payload.js'

const INTERNALS = { config: { now: Date.now } } as Internals

const PAYLOAD: TokenPayload = { sub: 'ada', jti: 'j', type: 'access', iat: 1, exp: 2, fresh: false }

const source = (more: Partial<TokenSource> = {}): TokenSource => ({
  locate: () => [{ token: 'a.b.c', type: 'access' }],
  verify: () => PAYLOAD,
  checkOrigin: () => {},
  checkRevocation: () => undefined,
  ...more,
})

/** For an attacker's requests, promises would cost more than the checks. */
describe('the check of a token, while nobody has to be asked', () => {
  test('returns the payload without a promise', () => {
    assert.equal(checkToken(INTERNALS, source(), {}), PAYLOAD)
    assert.equal(checkToken(INTERNALS, source({ locate: () => [] }), {}), undefined)
  })

  test('throws the refusal without a promise', () => {
    const verify = () => {
      throw new TokenExpiredError()
    }
    assert.throws(() => checkToken(INTERNALS, source({ verify }), {}), TokenExpiredError)
    assert.throws(() => checkToken(INTERNALS, source(), { verifyFresh: true }), FreshTokenRequiredError)
  })
})

describe('the check of a token, if somebody has to be asked', () => {
  test('checks revocation before freshness, and resolves to the payload', async () => {
    const isLive = source({ checkRevocation: async () => 'live' })
    assert.equal(await checkToken(INTERNALS, isLive, {}), PAYLOAD)
    await assert.rejects(async () => checkToken(INTERNALS, isLive, { verifyFresh: true }), FreshTokenRequiredError)
    const isRevoked = source({ checkRevocation: () => Promise.reject(new RevokedTokenError()) })
    await assert.rejects(async () => checkToken(INTERNALS, isRevoked, { verifyFresh: true }), RevokedTokenError)
  })

  test('waits for a key', async () => {
    assert.equal(await checkToken(INTERNALS, source({ verify: async () => PAYLOAD }), {}), PAYLOAD)
    const verify = () => Promise.reject(new TokenExpiredError())
    await assert.rejects(async () => checkToken(INTERNALS, source({ verify }), {}), TokenExpiredError)
  })
})
