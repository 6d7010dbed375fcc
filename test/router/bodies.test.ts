import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type Koa from 'koa'
import { authRouter } from 'koa-authx/router'
import { koaBody } from 'koa-body'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, type Sent, serve } from '../support/app.js'
import { FORM_TYPE, JSON_TYPE, login, scene } from './scene.js'

// Their types of `ctx.request` and those of koa-body exclude each other.
const require = createRequire(import.meta.url)
const { bodyParser } = require('@koa/bodyparser') as { bodyParser(options?: object): Koa.Middleware }
const olderBodyParser = require('koa-bodyparser') as (options?: object) => Koa.Middleware

const GOOD = '{"username":"test","password":"test"}'
const LARGE = JSON.stringify({ password: 'x'.repeat(10_000_000) })

/** Every route that reads a body. */
const ROUTES = [
  ['POST', '/login'],
  ['POST', '/refresh'],
  ['POST', '/logout'],
  ['POST', '/revoke'],
  ['GET', '/sessions'],
  ['DELETE', '/sessions'],
  ['DELETE', '/sessions/others'],
  ['DELETE', '/sessions/none'],
] as const

type Headers = NonNullable<Sent['headers']>
type Bad = readonly [what: string, body: string | Uint8Array, statuses: readonly number[], headers: Headers]

const packed = (encoding: string) => [JSON_TYPE, ['Content-Encoding', encoding]] as const
const GARBAGE = Buffer.from('nothing that was ever compressed')

/** What follows after 64 kB have been unpacked is broken. */
function bombThatBreaks(pack: (data: string) => Buffer): Buffer {
  const whole = pack(LARGE)
  return Buffer.concat([whole.subarray(0, whole.length >> 1), Buffer.alloc(500, 0xff)])
}

const UNREADABLE: readonly Bad[] = [
  ...(['gzip', 'x-gzip', 'deflate', 'br', 'GZIP', 'Br', ' br'] as const).map(
    encoding => [`garbage said to be ${encoding}`, GARBAGE, [400], packed(encoding)] as const,
  ),
  ...(
    ['zstd', 'compress', 'rot13', 'gzip, br', 'br, br', '*', 'identity;q=0', '__proto__', 'constructor'] as const
  ).map(encoding => [`garbage said to be ${encoding}`, GARBAGE, [415], packed(encoding)] as const),
  ['brotli that breaks off', brotliCompressSync(GOOD).subarray(0, -4), [400], packed('br')],
  ['gzip that breaks off', gzipSync(GOOD).subarray(0, -4), [400], packed('gzip')],
  [
    'gzip with a wrong checksum',
    gzipSync(GOOD).map((byte, n, { length }) => (n < length - 8 ? byte : 0)),
    [400],
    packed('gzip'),
  ],
  ['deflate without its header', deflateRawSync(GOOD), [400], packed('deflate')],
  ['gzip said to be br', gzipSync(GOOD), [400], packed('br')],
  ['brotli said to be gzip', brotliCompressSync(GOOD), [400], packed('gzip')],
  ['a gzip bomb', gzipSync(LARGE), [413], packed('gzip')],
  ['a deflate bomb', deflateSync(LARGE), [413], packed('deflate')],
  ['a brotli bomb', brotliCompressSync(LARGE), [413], packed('br')],
  ['a gzip bomb that breaks', bombThatBreaks(gzipSync), [400, 413], packed('gzip')],
  ['a deflate bomb that breaks', bombThatBreaks(deflateSync), [400, 413], packed('deflate')],
  ['a brotli bomb that breaks', bombThatBreaks(brotliCompressSync), [400, 413], packed('br')],
  ['more than 64 kB of JSON', LARGE, [413], [JSON_TYPE]],
  ['more than 64 kB of a form', LARGE, [413], [FORM_TYPE]],
  ['JSON in UTF-16', Buffer.from(GOOD, 'utf16le'), [400], [['Content-Type', 'application/json; charset=utf-16']]],
  ['bytes that are no UTF-8', Buffer.from('ff'.repeat(40), 'hex'), [400], [JSON_TYPE]],
  ['a prototype in JSON', '{"__proto__":{"token":"a"}}', [400], [JSON_TYPE]],
  ['lists in lists, not closed', '['.repeat(60_000), [400], [JSON_TYPE]],
]

/** Bodies that can be read, or are of a type that a route may ignore: 401, 404 or 415 where they are no login. */
const ODD: readonly Bad[] = [
  ['lists in lists', '['.repeat(30_000) + ']'.repeat(30_000), [], [JSON_TYPE]],
  ['a list where members are expected', `[${GOOD}]`, [], [JSON_TYPE]],
  ['members named as those of all objects', '{"constructor":1,"toString":1,"hasOwnProperty":1}', [], [JSON_TYPE]],
  ['a form with such members', 'constructor=1&toString=1&__proto__[token]=a&hasOwnProperty=1', [], [FORM_TYPE]],
  ['a deep form', `a${'[a]'.repeat(10_000)}=1`, [], [FORM_TYPE]],
  ['a form with wrong percent-encoding', 'token=%E0%A4%A&access_token=%&refresh_token=%ZZ&username=%', [], [FORM_TYPE]],
  ['a form of many fields', 'a=1&'.repeat(10_000), [], [FORM_TYPE]],
  ['tokens that are lists', '{"token":["a"],"access_token":["a"],"refresh_token":{}}', [], [JSON_TYPE]],
  [
    'tokens with lone surrogates',
    '{"token":"\\ud800","access_token":"\\ud800","refresh_token":"\\ud800"}',
    [],
    [JSON_TYPE],
  ],
  ['tokens with NUL', '{"token":"\\u0000","access_token":"a\\u0000","refresh_token":"\\u0000"}', [], [JSON_TYPE]],
  ['a charset that there is not', GOOD, [], [['Content-Type', 'application/json; charset=none']]],
  ['a multipart form without a boundary', '--x--', [], [['Content-Type', 'multipart/form-data']]],
  [
    'a multipart form that breaks off',
    '--x\r\nContent-Disp',
    [],
    [['Content-Type', 'multipart/form-data; boundary=x']],
  ],
  [
    'packed text',
    gzipSync(GOOD),
    [],
    [
      ['Content-Type', 'text/plain'],
      ['Content-Encoding', 'gzip'],
    ],
  ],
  ['a type that is none', GOOD, [], [['Content-Type', ';;;=']]],
  ['an empty body said to be packed', '', [], packed('br')],
]

describe('no body that a client sends is an error of the server', () => {
  for (const [what, options] of [
    ['headers', {}],
    ['JSON bodies', { tokenLocation: ['json'] }],
    ['cookies and forms', { tokenLocation: ['cookies'], csrfCheckForm: true }],
  ] as const) {
    describe(`with tokens in ${what}, a body`, () => {
      for (const [holds, body, statuses, headers] of UNREADABLE) {
        test(`(${holds}) is ${statuses.join(' or ')} on every route, and the next request is served`, async t => {
          const { client, reported } = await scene(t, options as object)
          for (const [method, path] of ROUTES) {
            const { status } = await client({ method, path, headers, body })
            assert.ok(statuses.includes(status), `${method} ${path}: ${status}`)
          }
          for (const error of reported) assert.equal((error as { expose?: boolean }).expose, true)
          assert.equal((await client({ method: 'POST', path: '/login', headers: [JSON_TYPE], body: GOOD })).status, 200)
        })
      }

      for (const [holds, body, , headers] of ODD) {
        test(`(${holds}) is no error of the server on any route`, async t => {
          const { client, authx } = await scene(t, options as object)
          const token = authx.createAccessToken('test')
          for (const [method, path] of ROUTES) {
            for (const more of [[], [bearer(token)], [['Cookie', `access_token_cookie=${token}`] as const]]) {
              const { status } = await client({ method, path, headers: [...headers, ...more], body })
              assert.ok(status < 500, `${method} ${path}: ${status}`)
            }
          }
        })
      }
    })
  }
})

describe('the body that login gets', () => {
  const DEEP = `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`
  const GIVEN: readonly (readonly [what: string, type: string, body: string | Uint8Array, members: object])[] = [
    ['JSON', 'application/json', '{"a":1,"b":{"c":["d"]}}', { a: 1, b: { c: ['d'] } }],
    [
      'JSON in any charset is UTF-8',
      'application/JSON; charset=iso-8859-1',
      '{"a":"\u00e9\u65e5"}',
      { a: '\u00e9\u65e5' },
    ],
    ['JSON after a byte order mark', 'application/json', '\ufeff{"a":1}', { a: 1 }],
    ['a type that ends in +json', 'application/vnd.api+json', '{"a":1}', { a: 1 }],
    ['a list has no members', 'application/json', '[{"a":1}]', {}],
    [
      'members of all objects',
      'application/json',
      '{"constructor":{"a":1},"toString":1}',
      { constructor: { a: 1 }, toString: 1 },
    ],
    ['a form', FORM_TYPE[1], 'a=1&b=c+d%20e&f', { a: '1', b: 'c d e', f: '' }],
    ['a repeated field is a list', FORM_TYPE[1], 'a=1&b=2&a=3&a=4', { a: ['1', '3', '4'], b: '2' }],
    ['brackets are part of a name', FORM_TYPE[1], 'a[b]=1&a[$ne]=2&c[]=3', { 'a[b]': '1', 'a[$ne]': '2', 'c[]': '3' }],
    ['a form in UTF-8', `${FORM_TYPE[1]}; charset=iso-8859-1`, 'a=\u00e9%C3%A9', { a: '\u00e9\u00e9' }],
    ['a field named as a member of all objects', FORM_TYPE[1], 'constructor=1', { constructor: '1' }],
  ]
  const received = async (t: TestContext) => {
    const bodies: unknown[] = []
    const here = await scene(t, {}, { login: body => void bodies.push(body) })
    return { ...here, bodies }
  }

  for (const [what, type, body, members] of GIVEN) {
    test(`is what was sent: ${what}`, async t => {
      const { client, bodies } = await received(t)
      const sent = { method: 'POST', path: '/login', headers: [['Content-Type', type]], body } as const
      assert.equal((await client(sent)).status, 401)
      assert.deepEqual(bodies, [members])
    })
  }

  test('may be nested deeply', async t => {
    const { client, bodies } = await received(t)
    assert.equal((await client({ method: 'POST', path: '/login', headers: [JSON_TYPE], body: DEEP })).status, 401)
    assert.equal(JSON.stringify(bodies[0]), DEEP)
  })

  for (const [what, [name, type], body] of [
    ['a prototype', JSON_TYPE, '{"__proto__":{"admin":true}}'],
    ['a prototype in other letters', JSON_TYPE, '{"\\u005f_proto__":{"admin":true}}'],
    ['a prototype deep inside', JSON_TYPE, '{"a":[{"b":{"__proto__":1}}]}'],
    ['the prototype of a constructor', JSON_TYPE, '{"a":{"constructor":{"prototype":{"admin":true}}}}'],
    ['a prototype in a form', FORM_TYPE, '__proto__=1'],
    ['a text', JSON_TYPE, '"text"'],
    ['a number', JSON_TYPE, '5'],
    ['null', JSON_TYPE, 'null'],
    ['what is no JSON', JSON_TYPE, '{"a":1,}'],
    ['a form that is no UTF-8', FORM_TYPE, Buffer.from('613dff', 'hex')],
  ] as const) {
    test(`is never one with ${what}: 400`, async t => {
      const { client, bodies } = await received(t)
      const { status, text } = await client({ method: 'POST', path: '/login', headers: [[name, type]], body })
      assert.deepEqual([status, bodies], [400, []])
      assert.doesNotMatch(text, /admin|text/)
    })
  }
})

describe('a body that', () => {
  test('is packed well is read, in every spelling of its coding', async t => {
    const { client } = await scene(t)
    for (const [encoding, body] of [
      ['gzip', gzipSync(GOOD)],
      ['X-GZIP', gzipSync(GOOD)],
      ['deflate', deflateSync(GOOD)],
      ['BR', brotliCompressSync(GOOD)],
      ['identity', Buffer.from(GOOD)],
      ['', Buffer.from(GOOD)],
    ] as const) {
      assert.equal((await client({ method: 'POST', path: '/login', headers: packed(encoding), body })).status, 200)
    }
  })

  test('breaks off ends its request and leaves the server running', async t => {
    const { client, port } = await listening(t)
    for (const encoding of ['identity', 'gzip', 'br']) {
      const socket = connect(port, '127.0.0.1')
      const head = `POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: ${encoding}`
      socket.write(`${head}\r\nContent-Length: 500\r\n\r\n{"username":"test"`)
      await once(socket, 'connect')
      socket.end()
      await once(socket.resume(), 'close')
    }
    assert.equal((await client({ method: 'POST', path: '/login', headers: [JSON_TYPE], body: GOOD })).status, 200)
  })

  test('is too large leaves its connection usable for the next request', async t => {
    const { port } = await listening(t)
    const socket = connect(port, '127.0.0.1').setEncoding('utf8')
    const head = 'POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
    const statuses: (string | undefined)[] = []
    for (const [length, body] of [
      [`Content-Length: ${LARGE.length}`, LARGE],
      ['Transfer-Encoding: chunked', `${LARGE.length.toString(16)}\r\n${LARGE}\r\n0\r\n\r\n`],
      [`Content-Length: ${GOOD.length}`, GOOD],
    ] as const) {
      socket.write(`${head}${length}\r\n\r\n${body}`)
      const [answer] = await once(socket, 'data')
      statuses.push(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1])
    }
    socket.destroy()
    assert.deepEqual(statuses, ['413', '413', '200'])
  })

  async function listening(t: TestContext) {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const app = appOf(authx.middleware()).use(authRouter(authx, { login }).routes())
    const client = await serve(t, app)
    const server = app.listen(0, '127.0.0.1')
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    await once(server, 'listening')
    return { client, port: (server.address() as { port: number }).port }
  }
})

/** What stands before the routes. */
const PARSERS: Readonly<Record<string, () => readonly Koa.Middleware[]>> = {
  'no parser': () => [],
  'koa-body': () => [koaBody()],
  'koa-body for every text': () => [koaBody({ textTypes: ['text/*', 'application/octet-stream'] })],
  '@koa/bodyparser': () => [bodyParser()],
  '@koa/bodyparser for forms only': () => [bodyParser({ enableTypes: ['form'] })],
  '@koa/bodyparser for texts too': () => [bodyParser({ enableTypes: ['json', 'form', 'text'] })],
  'koa-bodyparser': () => [olderBodyParser()],
  'koa-bodyparser for texts too': () => [olderBodyParser({ enableTypes: ['json', 'form', 'text'] })],
}

const MULTIPART = '--x\r\nContent-Disposition: form-data; name="username"\r\n\r\ntest\r\n--x--\r\n'

/** Bodies that nobody parses. */
const UNPARSED: readonly (readonly [what: string, body: string, type: string | undefined])[] = [
  ['a multipart form', MULTIPART, 'multipart/form-data; boundary=x'],
  ['JSON without a type', GOOD, undefined],
  ['JSON as text', GOOD, 'text/plain'],
  ['JSON as bytes', GOOD, 'application/octet-stream'],
  ['XML', '<username>test</username>', 'application/xml'],
  ['a form as something else', 'token=a', 'application/x-www-form'],
]

describe('a body that nobody has parsed is no wrong password, whatever parser is mounted', () => {
  for (const [parser, before] of Object.entries(PARSERS)) {
    describe(`behind ${parser}`, () => {
      const post = (path: string, type: string | undefined, body: string): Sent => {
        return { method: 'POST', path, headers: type === undefined ? [] : [['Content-Type', type]], body }
      }

      for (const [what, body, type] of UNPARSED) {
        test(`${what} is 415 for login and revoke, with the hint about the parser for the developer`, async t => {
          const causes: unknown[] = []
          const watch: Koa.Middleware = (_, next) =>
            next().catch((error: { cause?: unknown }) => {
              causes.push(error.cause)
              throw error
            })
          const { client } = await scene(t, {}, { login, before: { all: watch } }, before())
          for (const path of ['/login', '/revoke']) {
            const { status, json } = await client(post(path, type, body))
            assert.deepEqual([status, json.error_type], [415, 'UnsupportedBodyError'], path)
          }
          for (const cause of causes) assert.match(String(cause), /has not been parsed.*koa-body/)
          assert.equal(causes.length, 2)
        })

        test(`${what} does not stand in the way of tokens elsewhere, and is named where a token is missing`, async t => {
          const causes: unknown[] = []
          const here = await scene(t, { tokenLocation: ['json', 'headers'] }, { login }, before())
          const { json } = await here.client(post('/login', JSON_TYPE[1], GOOD))
          const sent = post('/refresh', type, body)
          const headers = [...(sent.headers ?? []), bearer(String(json.refresh_token))]
          assert.equal((await here.client({ ...sent, headers })).status, 200)

          const authx = makeAuthX({ tokenLocation: ['json'] })
          const guarded: Koa.Middleware = async ctx => {
            await authx.authorize(ctx, 'a', 'b').catch(error => causes.push(error.cause))
            ctx.status = 204
          }
          authx.setPolicyEngine({ evaluate: async () => ({ allowed: true, reason: '' }) })
          const client = await serve(t, appOf(...before(), guarded))
          await client(sent)
          assert.match(String(causes[0]), /^no access token in json; the body has not been parsed/)
        })
      }

      test('a JSON body and a form are read, and an empty one is no unparsed one', async t => {
        const { client } = await scene(t, {}, { login }, before())
        const answers = [
          post('/login', JSON_TYPE[1], GOOD),
          post('/login', FORM_TYPE[1], 'username=test&password=test'),
          post('/login', JSON_TYPE[1], '{}'),
          post('/login', FORM_TYPE[1], '&'),
          post('/login', undefined, ''),
          post('/login', JSON_TYPE[1], ''),
          post('/revoke', JSON_TYPE[1], '{}'),
          post('/revoke', FORM_TYPE[1], '&'),
          post('/revoke', undefined, ''),
        ]
        const statuses: number[] = []
        for (const sent of answers) statuses.push((await client(sent)).status)
        assert.deepEqual(statuses, [200, 200, 401, 401, 401, 401, 400, 400, 400])
      })
    })
  }
})
