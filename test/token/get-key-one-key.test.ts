import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { assertOneProblem, problemsOf } from '../config/problems.js'
import { PEM_OF_CERTIFICATE } from '../support/key-forms.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey

describe('getKey takes one key', () => {
  const one = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pemOf = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string
  const [pem, other] = [pemOf(one.publicKey), pemOf(rsa)]
  const token = new AuthX({ algorithm: 'RS256', privateKey: one.privateKey }).createAccessToken('test')
  const SEVERAL: readonly (readonly [what: string, value: unknown, says: RegExp])[] = [
    ['two PEM documents, the right one first', `${pem}${other}`, /several public keys/],
    ['two PEM documents, the right one last', `${other}${pem}`, /several public keys/],
    ['two PEM documents in base64', Buffer.from(`${pem}${other}`).toString('base64'), /key of a key pair/],
    ['a chain of certificates', PEM_OF_CERTIFICATE.repeat(2), /of a chain, return the first/],
    ['a JSON map of PEM documents', JSON.stringify({ a: pem, b: other }), /JSON text.*header\.kid/],
    ['a JSON map of one PEM document', JSON.stringify({ a: pem }), /JSON text/],
    ['a JSON list', Buffer.from(JSON.stringify([pem])), /JSON text/],
    ['a map of PEM documents', { a: pem }, /not a key/],
    ['a list', [pem], /is a list; return one key: the one whose kid is header\.kid/],
    ['an empty list', [], /is a list/],
    ['a promise of a list', Promise.resolve([pem]), /is a list/],
    ['a JWK Set', { keys: [one.publicKey.export({ format: 'jwk' })] }, /is a JWK Set; return one key/],
    ['a function', () => pem, /is a function; call it/],
    ['a key pair', one, /give the publicKey alone/],
    ['an empty text', '', /is empty; return undefined/],
    ['empty bytes', Buffer.alloc(0), /is empty; return undefined/],
    ['an empty object', {}, /not a key: a JWK has kty/],
    ['false', false, /return undefined if there is no key/],
    ['0', 0, /return undefined if there is no key/],
    ['an Ed25519 key', generateKeyPairSync('ed25519').publicKey, /of the type ed25519, which no algorithm/],
    [
      'an RSA-PSS key',
      generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256' }).publicKey,
      /of the type rsa-pss, which no algorithm/,
    ],
  ]
  for (const [what, value, says] of SEVERAL) {
    test(`${what} is 503, and the cause says what to return`, async () => {
      const getKey = (() => value) as NonNullable<AuthXOptions['getKey']>
      const authx = new AuthX({ decodeAlgorithms: ['RS256', 'HS256'], getKey })
      await assert.rejects(authx.verifyToken(token), (error: Error & { status: number }) => {
        assert.deepEqual([error.name, error.status], ['CallbackUnavailableError', 503])
        assert.match(String((error.cause as Error).message), says)
        assert.doesNotMatch(String((error.cause as Error).message), /MII|BEGIN/)
        return true
      })
    })
  }

  test('options take one public key too, and say so', () => {
    const problems = problemsOf({ algorithm: 'RS256', publicKey: `${pem}${other}` })
    assertOneProblem(problems, 'publicKey contains several public keys')
    assert.deepEqual(problemsOf({ algorithm: 'RS256', publicKey: pem, previousPublicKey: [other] }), [])
  })
})
