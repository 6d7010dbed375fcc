import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { createGzip } from 'node:zlib'
import { freePort } from '../support/free-port.js'
import { type IssuerServer, issuerKey, json } from '../support/issuer-server.js'
import { until } from '../support/until.js'
import { causesOf, HOUR, SECOND, sceneOf } from './scene.js'

const [one, two] = await Promise.all([issuerKey('one'), issuerKey('two')])
const SET = JSON.stringify({ keys: [one.jwk, two.jwk] })

type Answer = (res: ServerResponse, server: IssuerServer) => void

const withBody =
  (body: string | Uint8Array, type = 'application/json', status = 200): Answer =>
  res =>
    res.writeHead(status, { 'Content-Type': type }).end(body)

/** Sends `piece` until the client goes away, as fast as the client reads or with a pause in milliseconds. */
function endless(res: ServerResponse, piece: string | Uint8Array, pause: number): void {
  res.writeHead(200, { 'Content-Type': 'application/json' })
  const timer = setInterval(() => res.write(piece), pause)
  res.once('close', () => clearInterval(timer))
}

/** Answers that are no key set, and what an operator reads in the log. */
const BAD: readonly [what: string, answer: Answer, reason: RegExp][] = [
  ['500', withBody(SET, undefined, 500), /answered 500/],
  ['404', withBody('', undefined, 404), /answered 404/],
  ['201 with the keys', withBody(SET, undefined, 201), /answered 201/],
  ['204', res => res.writeHead(204).end(), /answered 204/],
  ['nothing', withBody(''), /did not answer with JSON/],
  ['a page', withBody('<!doctype html><p>Hello', 'text/html'), /did not answer with JSON/],
  ['half a set', withBody(SET.slice(0, -20)), /did not answer with JSON/],
  ['bytes that are no text', withBody(Buffer.alloc(1000, 0xff)), /did not answer with JSON/],
  ['null', withBody('null'), /did not answer with a JWK Set/],
  ['a list of keys', withBody(JSON.stringify([one.jwk])), /did not answer with a JWK Set/],
  ['one key', withBody(JSON.stringify(one.jwk)), /did not answer with a JWK Set/],
  ['keys that are no list', withBody('{"keys":{}}'), /did not answer with a JWK Set/],
  ['a list with something that is no key', withBody(JSON.stringify({ keys: [one.jwk, null] })), /JWK Set/],
  [
    'the metadata of the issuer',
    (res, { issuer, jwksUri }) => json(res, { issuer, jwks_uri: jwksUri }),
    /did not answer with a JWK Set.*set jwksUri/,
  ],
  [
    'a huge set',
    withBody(JSON.stringify({ keys: [one.jwk, two.jwk], more: 'x'.repeat(256 * 1024) })),
    /more than 262144 bytes/,
  ],
  [
    'a huge set that is compressed to a few bytes',
    res => {
      res.writeHead(200, { 'Content-Encoding': 'gzip' })
      const zip = createGzip()
      zip.pipe(res)
      zip.end(`{"keys":[],"more":"${'x'.repeat(50_000_000)}"}`)
    },
    /more than 262144 bytes/,
  ],
  ['an answer without end', res => endless(res, Buffer.alloc(65_536, 0x20), 1), /more than 262144 bytes/],
  ['a closed connection', res => res.destroy(), /did not answer/],
  [
    'a connection that closes in the middle',
    res => {
      res.writeHead(200, { 'Content-Length': SET.length })
      res.write(SET.slice(0, 100), () => res.destroy())
    },
    /terminated/,
  ],
  ...[301, 302, 303, 307, 308].map((status): [string, Answer, RegExp] => [
    `${status} to the keys`,
    res => res.writeHead(status, { Location: '/moved' }).end(),
    /redirects are not followed/,
  ]),
  ['300', res => res.writeHead(300).end(), /answered 300/],
  // A connection on which nothing comes any more, as after a failure of the network.
  ['silence', () => {}, /the issuer http:\S+ did not answer within 5000 ms/],
  [
    'headers and then silence',
    res => res.writeHead(200).flushHeaders(),
    /the issuer http:\S+ did not answer within 5000 ms/,
  ],
  [
    'half a set and then silence',
    res => res.write(SET.slice(0, 100)),
    /the issuer http:\S+ did not answer within 5000 ms/,
  ],
  ['one space every 50 ms', res => endless(res, ' ', 50), /the issuer http:\S+ did not answer within 5000 ms/],
]

describe('what the server of the keys answers instead of a set lets nobody in and harms nobody', {
  concurrency: true,
}, () => {
  for (const [what, answer, reason] of BAD) {
    test(what, async t => {
      const { server, authx, statusOf, pass } = await sceneOf(t, {}, one, two)
      const [known, unknown] = [await server.token({}, {}, one), await server.token({}, {}, two)]
      // The question that was given up may end a moment after its token was refused.
      const heals = (pause: number, token: string) =>
        until(async () => {
          pass(pause)
          return (await statusOf(token)) === 200
        })
      const badly: IssuerServer['answer'] = (req, res) =>
        req.url === '/jwks' ? answer(res, server) : json(res, JSON.parse(SET))
      server.answer = badly
      assert.match(await causesOf(authx, known), reason)
      assert.equal(await statusOf(known), 503)

      server.answer = undefined
      server.keys = [one]
      await heals(5 * SECOND, known)

      server.answer = badly
      server.keys = [one, two]
      pass(HOUR)
      assert.equal(await statusOf(unknown), 503)
      for (let n = 0; n < 3; n++) assert.equal(await statusOf(known), 200)

      server.answer = undefined
      await heals(30 * SECOND, unknown)
      assert.deepEqual([...new Set(server.asked)], ['/jwks'])
    })
  }

  test('nobody listens on the port', async t => {
    const port = await freePort()
    const { server, authx } = await sceneOf(t, { jwksUri: `http://127.0.0.1:${port}/jwks` })
    assert.match(await causesOf(authx, await server.token()), /did not answer; fetch failed; .*ECONNREFUSED/)
  })
})

describe('a set is read in every form in which servers publish it', () => {
  const GOOD: readonly [what: string, answer: Answer][] = [
    ['application/jwk-set+json', withBody(SET, 'application/jwk-set+json')],
    ['application/octet-stream, as a bucket serves it', withBody(SET, 'application/octet-stream')],
    ['text/html', withBody(SET, 'text/html')],
    ['no content type', res => res.end(SET)],
    ['a byte order mark', withBody(`\uFEFF${SET}`)],
    ['indented', withBody(JSON.stringify(JSON.parse(SET), null, 4))],
    ['other members', withBody(JSON.stringify({ ...JSON.parse(SET), issuer: 'x', keys2: [] }))],
    [
      'compressed',
      res => {
        res.writeHead(200, { 'Content-Encoding': 'gzip' })
        const zip = createGzip()
        zip.pipe(res)
        zip.end(SET)
      },
    ],
    [
      'in small pieces',
      res => {
        for (const character of SET) res.write(character)
        res.end()
      },
    ],
    ['almost too large', withBody(SET.padEnd(256 * 1024))],
  ]
  for (const [what, answer] of GOOD) {
    test(what, async t => {
      const { server, statusOf } = await sceneOf(t, {}, one)
      server.answer = (_req, res) => answer(res, server)
      assert.equal(await statusOf(await server.token()), 200)
    })
  }
})

test('the text of an answer that is no set does not get into the log', async t => {
  const { server, authx } = await sceneOf(t, {}, one)
  server.answer = (_req, res) => res.end('TEST_ONLY_secret of another page')
  assert.doesNotMatch(await causesOf(authx, await server.token()), /TEST_ONLY/)
})

test('the question for the keys accepts both media types of a set and carries nothing of a request', async t => {
  const { server, authx } = await sceneOf(t, {}, one)
  let headers: Record<string, unknown> = {}
  server.answer = (req, res) => {
    headers = req.headers
    json(res, JSON.parse(SET))
  }
  await authx.verifyToken(await server.token())
  assert.equal(headers.accept, 'application/json, application/jwk-set+json')
  assert.equal(headers.authorization, undefined)
  assert.equal(headers.cookie, undefined)
})
