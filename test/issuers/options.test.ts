import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { AuthX } from 'koa-authx'
import { type RemoteIssuerOptions, remoteIssuer } from 'koa-authx/issuers'
import { assertOneProblem, problemsOf, problemsWith } from '../config/problems.js'
import { issuerServer } from '../support/issuer-server.js'
import { problemsIn } from '../support/problems.js'
import { causesOf, statusOf } from './scene.js'

const GOOD = { issuer: 'https://issuer.example', audience: 'my-api' }

/** Options with a wrong value, and what the problem says. */
const WRONG: readonly [options: Record<string, unknown>, problem: RegExp][] = [
  ...[undefined, null, '', 5, ['https://issuer.example'], new URL('https://issuer.example')].map(
    (issuer): [Record<string, unknown>, RegExp] => [{ issuer }, /^remoteIssuer: issuer must be a non-empty string/],
  ),
  ...['issuer.example', 'http://issuer.example', 'ftp://issuer.example', 'https://a:b@issuer.example', 'my issuer'].map(
    (issuer): [Record<string, unknown>, RegExp] => [
      { issuer },
      /^remoteIssuer: issuer must be a URL with https.*jwksUri/,
    ],
  ),
  ...[undefined, null, '', 5, true, [], [''], ['my-api', 5], { api: true }].map(
    (audience): [Record<string, unknown>, RegExp] => [{ audience }, /^remoteIssuer: audience must be the aud/],
  ),
  [{ audience: false }, /^remoteIssuer: audience: false requires clientId/],
  ...[null, '', 5, 'keys.example', 'http://keys.example/jwks', 'file:///jwks', 'https://a:b@keys.example'].map(
    (jwksUri): [Record<string, unknown>, RegExp] => [{ jwksUri }, /^remoteIssuer: jwksUri must be a URL with https/],
  ),
  ...[null, 'RS256', [], ['HS256'], ['none'], ['RS256', 'HS512'], ['rs256'], [undefined]].map(
    (algorithms): [Record<string, unknown>, RegExp] => [
      { algorithms },
      /^remoteIssuer: algorithms must be a non-empty list of/,
    ],
  ),
  ...[null, '', 5, [], [''], ['a', null]].map((clientId): [Record<string, unknown>, RegExp] => [
    { clientId },
    /^remoteIssuer: clientId must be/,
  ]),
  ...[null, 'true', 1].map((idTokens): [Record<string, unknown>, RegExp] => [
    { idTokens },
    /^remoteIssuer: idTokens must be/,
  ]),
  ...[null, 'roles', {}].map((claims): [Record<string, unknown>, RegExp] => [
    { claims },
    /^remoteIssuer: claims must be a function/,
  ]),
  ...[null, 5].map((now): [Record<string, unknown>, RegExp] => [{ now }, /^remoteIssuer: now must be a function/]),
  ...[null, 0, 3599, '59m', 'a day', -1, Number.NaN, Number.POSITIVE_INFINITY, []].map(
    (maxAge): [Record<string, unknown>, RegExp] => [
      { maxAge },
      /^remoteIssuer: maxAge must be a duration of at least one hour/,
    ],
  ),
]

const make = (options: unknown) => remoteIssuer(options as RemoteIssuerOptions)

describe('a wrong option of remoteIssuer is named when the issuer is made', () => {
  for (const [options, problem] of WRONG) {
    test(inspect(options), () => {
      const problems = problemsIn(() => make({ ...GOOD, ...options }))
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(String(problems[0]), problem)
    })
  }

  test('several at once', () => {
    assert.equal(problemsIn(() => make({ maxAge: 1, idTokens: 1, algorithms: [] })).length, 5)
  })

  test('no options', () => {
    for (const options of [undefined, null, 'https://issuer.example', [GOOD]]) {
      assert.match(String(problemsIn(() => make(options))[0]), /remoteIssuer takes an object; write remoteIssuer\(\{/)
    }
  })

  test('unknown ones', () => {
    for (const name of ['audiences', 'jwksURI', 'jwks', 'secret', 'algorithm', 'client_id', 'maxage']) {
      assert.throws(() => make({ ...GOOD, [name]: 'x' }), {
        name: 'TypeError',
        message: new RegExp(`remoteIssuer.*unknown option "${name}"|unknown option "${name}".*remoteIssuer`),
      })
    }
  })
})

describe('options of remoteIssuer that are right', () => {
  const RIGHT: readonly Record<string, unknown>[] = [
    {},
    { issuer: 'https://issuer.example/' },
    { issuer: 'http://localhost:8080/realms/a' },
    { issuer: 'http://127.0.0.1:8080' },
    { issuer: 'http://[::1]:8080' },
    { issuer: 'my issuer', jwksUri: 'https://keys.example/jwks' },
    { issuer: 'http://issuer.example', jwksUri: 'http://localhost/jwks' },
    { audience: ['a', 'b'] },
    { audience: false, clientId: 'my-app' },
    { clientId: ['a', 'b'] },
    { algorithms: ['RS256', 'ES256', 'EdDSA', 'Ed25519'] },
    { maxAge: '1h' },
    { maxAge: 3600 },
    { maxAge: '2w', idTokens: false, claims: () => ({}), now: () => 0 },
    {
      jwksUri: undefined,
      algorithms: undefined,
      clientId: undefined,
      claims: undefined,
      maxAge: undefined,
      now: undefined,
    },
  ]
  for (const options of RIGHT) {
    test(inspect(options), () => {
      const issuer = make({ ...GOOD, ...options })
      assert.deepEqual(problemsOf({ issuers: [issuer] }), [])
    })
  }

  test('are copied: a later change of a list changes nothing', () => {
    const lists = { audience: ['my-api'], clientId: ['my-app'], algorithms: ['RS256'] }
    const issuer = make({ ...GOOD, ...lists })
    for (const list of Object.values(lists)) list.push('other')
    assert.deepEqual([issuer.audience, issuer.clientId, issuer.algorithms], [['my-api'], ['my-app'], ['RS256']])
    assert.ok(Object.isFrozen(issuer))
    for (const list of [issuer.audience, issuer.clientId, issuer.algorithms]) assert.ok(Object.isFrozen(list))
  })

  test('no key and no claim is printed with an issuer', () => {
    assert.equal(inspect(make(GOOD)), 'Issuer { https://issuer.example }')
  })
})

describe('a wrong option issuers is named when the instance is made', () => {
  const one = make(GOOD)

  test('two entries with one name', () => {
    assertOneProblem(problemsOf({ issuers: [one, make({ ...GOOD, audience: 'other' })] }), 'issuers has two entries')
    assert.deepEqual(problemsOf({ issuers: [one, one] }), [])
    assert.deepEqual(problemsOf({ issuers: [one, make({ ...GOOD, issuer: `${GOOD.issuer}/` })] }), [])
  })

  test('an issuer with the name of our own tokens', () => {
    for (const option of ['encodeIssuer', 'decodeIssuer']) {
      assertOneProblem(problemsWith({ issuers: [one], [option]: GOOD.issuer }), `${option} must not be the issuer`)
      assert.deepEqual(problemsWith({ issuers: [one], [option]: 'our own' }), [])
    }
  })

  test('something that is no issuer', () => {
    const { issuer, algorithms, audience, clientId } = one
    const verify = async () => undefined
    for (const issuers of [
      one,
      GOOD,
      [GOOD],
      ['https://issuer.example'],
      [undefined],
      [remoteIssuer],
      [one, GOOD],
      [{ issuer, algorithms, verify }],
      [{ issuer, algorithms, audience, verify }],
      [{ issuer: '', algorithms, audience, clientId, verify }],
      [{ issuer, algorithms, audience: 'my-api', clientId, verify }],
      [{ issuer, algorithms, audience, clientId }],
    ]) {
      const problems = problemsWith({ issuers })
      assertOneProblem(problems, 'issuers')
      assert.match(String(problems[0]), /remoteIssuer\(\{ issuer, audience \}\)/)
    }
  })

  test('a list without issuers is as if it were left out', () => {
    assert.deepEqual(problemsWith({ issuers: [] }), [])
    assert.ok(problemsOf({ issuers: [] }).length > 0)
  })
})

describe('what the function claims of an issuer returns', () => {
  const RESULTS: readonly [what: string, claims: (claims: unknown) => unknown, status: number, cause?: RegExp][] = [
    ['the claims', claims => claims, 200],
    ['nothing but scopes', () => ({ scopes: 'a b' }), 200],
    ['undefined', () => undefined, 401, /claims of the issuer http:\S+ returned undefined/],
    ['null', () => null, 401, /returned undefined/],
    ['a promise', async claims => claims, 503, /must return the claims at once, not a promise/],
    ['a promise that rejects', async () => Promise.reject(new Error('x')), 503, /not a promise/],
    ['a list', () => [], 503, /the result of claims of the issuer/],
    ['text', () => 'ada', 503, /the result of claims of the issuer/],
    ['a date among the claims', () => ({ at: new Date() }), 503, /the result of claims of the issuer/],
    ['scopes that are a number', () => ({ scopes: 5 }), 503, /must return scopes as a list or as text/],
    ['an error', () => assert.fail('no roles'), 503, /no roles/],
    ['an error because it changes the claims', claims => Object.assign(claims as object, { sub: 'eve' }), 503],
  ]
  for (const [what, claims, status, cause = /^/] of RESULTS) {
    test(`${what}: ${status}`, async t => {
      const server = await issuerServer(t)
      const options = { issuer: server.issuer, audience: 'my-api', claims }
      const authx = new AuthX({ issuers: [make(options)] })
      const token = await server.token({ scope: 'read' })
      for (let n = 0; n < 3; n++) assert.equal(await statusOf(authx, token), status)
      assert.match(await causesOf(authx, token), cause)
    })
  }

  test('never changes who the token is for and how long it is valid', async t => {
    const server = await issuerServer(t)
    const lies = { sub: 'eve', iss: 'x', aud: 'x', iat: 1, nbf: 1, exp: 9_999_999_999, jti: 'x', sid: 'x' }
    const ours = { type: 'refresh', csrf: 'x', gen: 5, renewable: true, login_type: 'admin' }
    const claims = () => ({ ...lies, ...ours, role: 'reader' })
    const authx = new AuthX({ issuers: [make({ issuer: server.issuer, audience: 'my-api', claims })] })
    const plain = new AuthX({ issuers: [make({ issuer: server.issuer, audience: 'my-api' })] })
    const token = await server.token({ scope: 'read' })
    const { scope, ...seen } = await plain.verifyToken(token)
    assert.deepEqual(await authx.verifyToken(token), { ...seen, role: 'reader' })
    const withSid = await authx.verifyToken(await server.token({ sid: 's', nbf: 5 }))
    assert.deepEqual([withSid.sid, withSid.nbf], ['s', 5])
  })
})
