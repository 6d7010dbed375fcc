import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { createRemoteJWKSet } from 'jose'
import jwksRsa from 'jwks-rsa'
import { AuthX } from '../../src/index.js'
import { type GetKey, guard, jwkOf, REFUSED, serveAnswers, UNKNOWN } from '../support/key-sets.js'
import { makeRsaPair } from '../support/signing.js'

const [one, two] = [makeRsaPair(), makeRsaPair()]
const SET = JSON.stringify({
  keys: [jwkOf(one.publicKey, { kid: 'one' }), jwkOf(two.publicKey, { kid: 'two' })],
})
const tokenWith = (kid: string) =>
  new AuthX({ algorithm: 'RS256', keys: [{ kid, privateKey: one.privateKey }] }).createAccessToken('test')
const good = tokenWith('one')
const noKid = new AuthX({ algorithm: 'RS256', ...one }).createAccessToken('test')

/** A token with `alg: HS256` and the `kid` of a key of the set, signed with the public key. */
const forHmac = (() => {
  const header = Buffer.from('{"alg":"HS256","kid":"one"}').toString('base64url')
  const signed = `${header}.${good.split('.')[1]}`
  return `${signed}.${createHmac('sha256', one.publicKey).update(signed).digest('base64url')}`
})()

type Callback = (...parameters: unknown[]) => Promise<string | undefined>
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** Longer than any pause of a busy machine, milliseconds. */
const PATIENT = 60_000

/** The functions of jose and jwks-rsa that find a key, each as a `getKey`. */
const ADAPTERS: readonly (readonly [what: string, make: (jwksUri: string, timeout?: number) => GetKey])[] = [
  [
    'createRemoteJWKSet of jose',
    (jwksUri, timeout = PATIENT) => {
      const keys = createRemoteJWKSet(new URL(jwksUri), { timeoutDuration: timeout })
      return header => keys(header)
    },
  ],
  [
    'getSigningKey with a callback',
    (jwksUri, timeout = PATIENT) => {
      const client = jwksRsa({ jwksUri, timeout })
      const find = promisify(client.getSigningKey.bind(client) as (kid: unknown, done: never) => void)
      return async ({ kid }) => (await (find as unknown as typeof client.getSigningKey)(kid as string)).getPublicKey()
    },
  ],
  [
    'getSigningKeys',
    (jwksUri, timeout = PATIENT) => {
      const client = jwksRsa({ jwksUri, timeout })
      return async ({ kid }) => (await client.getSigningKeys()).find(key => key.kid === kid)?.getPublicKey()
    },
  ],
  [
    'koaJwtSecret',
    (jwksUri, timeout = PATIENT) => {
      const find = jwksRsa.koaJwtSecret({ jwksUri, timeout })
      return header => find(header as unknown as Parameters<typeof find>[0])
    },
  ],
  [
    'koaJwtSecret with an error handler',
    (jwksUri, timeout = PATIENT) => {
      const find = jwksRsa.koaJwtSecret({ jwksUri, timeout, handleSigningKeyError: async error => error as never })
      return header => find(header as unknown as Parameters<typeof find>[0])
    },
  ],
  [
    'expressJwtSecret',
    (jwksUri, timeout = PATIENT) => {
      const find = jwksRsa.expressJwtSecret({ jwksUri, timeout }) as unknown as Callback
      return (header, payload, ctx) => find(ctx?.req, { header, payload })
    },
  ],
  [
    'expressJwtSecret with a callback',
    (jwksUri, timeout = PATIENT) => {
      const find = promisify(jwksRsa.expressJwtSecret({ jwksUri, timeout }) as never) as unknown as Callback
      return (header, payload, ctx) => find(ctx?.req, header, payload)
    },
  ],
  [
    'passportJwtSecret',
    (jwksUri, timeout = PATIENT) => {
      const find = promisify(jwksRsa.passportJwtSecret({ jwksUri, timeout }) as never) as unknown as Callback
      return (header, payload, ctx) => find(ctx?.req, `${encode(header)}.${encode(payload)}.`)
    },
  ],
  [
    'hapiJwt2KeyAsync',
    (jwksUri, timeout = PATIENT) => {
      const find = jwksRsa.hapiJwt2KeyAsync({ jwksUri, timeout }) as unknown as (token: object) => Promise<unknown>
      return async header => ((await find({ header })) as { key: string }).key
    },
  ],
]

/** What a server of a key set answers when it is not well. */
const FAILURES: readonly (readonly [what: string, answer: (response: ServerResponse) => void])[] = [
  ...[500, 404, 403, 429].map(
    status => [`${status}`, (response: ServerResponse) => response.writeHead(status).end('{}')] as const,
  ),
  ['a redirect to nowhere', response => response.writeHead(302, { Location: 'http://127.0.0.1:9/' }).end()],
  ['a closed connection', response => response.destroy()],
  ['a page', response => response.end('<html>')],
  ['JSON that is no set', response => response.end('{}')],
]

for (const [what, make] of ADAPTERS) {
  describe(what, () => {
    test('a good token passes, and one that the set has no key for is 401, without an alarm', async t => {
      const url = await serveAnswers(t, response => response.end(SET))
      const { answer, reported } = await guard(t, make(url), { decodeAlgorithms: ['RS256', 'HS256'] })
      const tokens = [good, tokenWith('three'), tokenWith('__proto__'), noKid, tokenWith('two'), forHmac]
      const answers = []
      for (const token of tokens) answers.push(await answer(token))
      assert.deepEqual(answers, ['good', REFUSED, REFUSED, REFUSED, REFUSED, REFUSED])
      assert.deepEqual(reported, [])
    })

    test('a server that is not well is 503 each time, and its token passes when it is well again', async t => {
      const server: { answer: (response: ServerResponse) => void } = { answer: () => {} }
      const url = await serveAnswers(t, response => server.answer(response))
      for (const [failure, respond] of FAILURES) {
        server.answer = respond
        const { answer, reported } = await guard(t, make(url), { storeTimeout: PATIENT })
        assert.equal(await answer(good), UNKNOWN, failure)
        assert.equal(reported.length, 1, failure)
        server.answer = response => response.end(SET)
        assert.equal(await answer(good), 'good', failure)
      }
    })

    test('a server that says nothing is 503 when the package gives up', async t => {
      const url = await serveAnswers(t, () => {})
      const { answer } = await guard(t, make(url, 50), { storeTimeout: PATIENT })
      assert.equal(await answer(good), UNKNOWN)
    })

    test('a server that stops within its answer is 503 when storeTimeout is over, if not before', async t => {
      const url = await serveAnswers(t, response => {
        response.writeHead(200, { 'Content-Length': '9999' }).write(SET, () => response.destroy())
      })
      const { answer } = await guard(t, make(url), { storeTimeout: 100 })
      assert.equal(await answer(good), UNKNOWN)
    })
  })
}

describe('a function of jwks-rsa that is given as getKey itself', () => {
  const WRONG: readonly (readonly [what: string, make: (jwksUri: string) => unknown])[] = [
    ['passportJwtSecret', jwksUri => jwksRsa.passportJwtSecret({ jwksUri })],
    ['hapiJwt2Key', jwksUri => jwksRsa.hapiJwt2Key({ jwksUri })],
    ['hapiJwt2KeyAsync', jwksUri => jwksRsa.hapiJwt2KeyAsync({ jwksUri })],
    ['expressJwtSecret', jwksUri => jwksRsa.expressJwtSecret({ jwksUri })],
  ]
  for (const [what, make] of WRONG) {
    test(`${what} lets nobody in`, async t => {
      const url = await serveAnswers(t, response => response.end(SET))
      const { answer } = await guard(t, make(url) as GetKey, { decodeAlgorithms: ['RS256', 'HS256'] })
      for (const token of [good, forHmac]) assert.notEqual(await answer(token), 'good')
    })
  }
})

describe('the errors of jwks-rsa for a wrong algorithm', () => {
  const messages = ['Missing / invalid token algorithm', 'Unsupported algorithm HS256 supplied.']
  for (const message of messages) {
    test(`"${message}" is 401 for an HS token, and 503 for any other`, async t => {
      const getKey = () => Promise.reject(new Error(message))
      const { answer } = await guard(t, getKey, { decodeAlgorithms: ['RS256', 'HS256'] })
      assert.deepEqual([await answer(forHmac), await answer(good)], [REFUSED, UNKNOWN])
    })
  }
})
