import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import type Koa from 'koa'
import { koaBody } from 'koa-body'
import { AuthManager, type AuthXOptions, type MiddlewareOptions, RevokedTokenError } from '../../src/index.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, cookie, makeAuthX, type Reply, serve } from '../support/app.js'
import { mount } from '../support/mount.js'
import { NAVIGATION } from '../support/visitor.js'

const FETCH = [
  ['Accept', 'text/html'],
  ['Sec-Fetch-Mode', 'cors'],
] as const
const target = ({ status, headers }: Reply) => [status, headers.location]
const verdict = ({ status, json }: Reply) => [status, json.error_type]

/** An app with a guard for every path, and what `onError` was called with. */
async function guarded(t: TestContext, options: MiddlewareOptions, config: AuthXOptions = {}) {
  const authx = makeAuthX({ tokenLocation: ['cookies', 'headers'], ...config })
  const send = await serve(t, appOf(authx.middleware(options), authx.scopesRequired('read'), respond))
  return { authx, send }
}

const respond: Koa.Middleware = ctx => {
  ctx.body = { ok: true }
}

describe('a login page', () => {
  test('gets the navigations that end in a 401, by 303, with the path and query in next', async t => {
    const { send } = await guarded(t, { loginPage: '/login' })
    const reply = await send({ path: '/list?page=2&q=a%20b', headers: NAVIGATION })
    assert.deepEqual(target(reply), [303, '/login?next=%2Flist%3Fpage%3D2%26q%3Da%2520b'])
    assert.deepEqual([reply.headers['cache-control'], reply.headers['www-authenticate']], ['no-store', undefined])
  })

  test('with a fragment gets next before it', async t => {
    const { send } = await guarded(t, { loginPage: '/login?lang=en#form' })
    const reply = await send({ path: '/list', headers: NAVIGATION })
    assert.deepEqual(target(reply), [303, '/login?lang=en&next=%2Flist#form'])
  })

  const ROWS: readonly [what: string, headers: readonly (readonly [string, string])[], redirected: boolean][] = [
    ['a navigation', [['Sec-Fetch-Mode', 'navigate']], true],
    ['a script', [['Sec-Fetch-Mode', 'cors']], false],
    ['a script that accepts HTML', FETCH, false],
    [
      'an image',
      [
        ['Sec-Fetch-Mode', 'no-cors'],
        ['Accept', 'text/html'],
      ],
      false,
    ],
    ['a WebSocket', [['Sec-Fetch-Mode', 'websocket']], false],
    ['a browser without Fetch Metadata', [['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8']], true],
    ['a browser that accepts HTML last', [['Accept', 'application/json, Text/HTML;q=0.1']], true],
    ['curl', [['Accept', '*/*']], false],
    ['a client that accepts JSON', [['Accept', 'application/json']], false],
    ['a client that accepts another type that begins alike', [['Accept', 'text/html5, xtext/html']], false],
    ['a client without headers', [], false],
  ]
  for (const [what, headers, redirected] of ROWS) {
    test(`${redirected ? 'gets' : 'does not get'} ${what}`, async t => {
      const { send } = await guarded(t, { loginPage: '/login' })
      const reply = await send({ path: '/list', headers })
      if (redirected) assert.deepEqual(target(reply), [303, '/login?next=%2Flist'])
      else assert.deepEqual([verdict(reply), reply.headers.location], [[401, 'MissingTokenError'], undefined])
    })
  }

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    test(`gets ${method} without next`, async t => {
      const { send } = await guarded(t, { loginPage: '/login' })
      assert.deepEqual(target(await send({ method, path: '/list?a=1', headers: NAVIGATION })), [303, '/login'])
    })
  }

  test('gets HEAD with next', async t => {
    const { send } = await guarded(t, { loginPage: '/login' })
    const reply = await send({ method: 'HEAD', path: '/list', headers: NAVIGATION })
    assert.deepEqual(target(reply), [303, '/login?next=%2Flist'])
  })

  test('gets every 401 of the library, such as of an expired, malformed, revoked or old token', async t => {
    const authx = makeAuthX({ tokenLocation: ['cookies'], store: new MemoryTokenStore() })
    const revoked = authx.createAccessToken('ada')
    await authx.revoke(revoked)
    const old = authx.createAccessToken('ada')
    const expired = makeAuthX({ now: () => 0 }).createAccessToken('ada')
    const send = await serve(t, appOf(authx.middleware({ loginPage: '/login' }), authx.freshTokenRequired(), respond))
    for (const token of [revoked, old, expired, 'nonsense']) {
      const reply = await send({ path: '/list', headers: [...NAVIGATION, cookie({ access_token_cookie: token })] })
      assert.deepEqual(target(reply), [303, '/login?next=%2Flist'])
    }
  })

  test('gets no 401 of the application, no 403 and no 503', async t => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const { authx, send } = await guarded(t, { loginPage: '/login' }, { store })
    const headers = [...NAVIGATION, bearer(authx.createAccessToken('ada'))]
    assert.deepEqual(verdict(await send({ headers })), [403, 'InsufficientScopeError'])
    store.down()
    assert.deepEqual(verdict(await send({ headers })), [503, 'StoreUnavailableError'])
    const own = await serve(
      t,
      appOf(authx.middleware({ loginPage: '/login' }), ctx => ctx.throw(401, 'own')),
    )
    const reply = await own({ headers: NAVIGATION })
    assert.deepEqual([reply.status, reply.text], [401, 'own'])
  })

  test('clears the cookies of a session that has ended, and keeps what was set before', async t => {
    const authx = makeAuthX({ tokenLocation: ['cookies'], store: new MemoryTokenStore() })
    const upstream: Koa.Middleware = (ctx, next) => {
      ctx.set('X-Request-Id', '1')
      ctx.cookies.set('theme', 'dark')
      return next()
    }
    const ended: Koa.Middleware = ctx => {
      ctx.cookies.set('half', 'done')
      const error = new RevokedTokenError()
      error.headers['Set-Cookie'] = ['access_token_cookie=; Max-Age=0']
      throw error
    }
    const send = await serve(t, appOf(upstream, authx.middleware({ loginPage: '/login' }), ended))
    const { status, headers, cookies } = await send({ headers: NAVIGATION })
    assert.deepEqual([status, headers['x-request-id']], [303, '1'])
    assert.deepEqual(
      cookies.map(line => line.split(';')[0]),
      ['theme=dark', 'access_token_cookie='],
    )
  })

  test('that is guarded itself makes no loop, in any spelling of its query', async t => {
    const { send } = await guarded(t, { loginPage: '/login?from=app' })
    for (const path of ['/login', '/login?next=%2Flist', '/login?from=app', 'http://own.example/login']) {
      assert.deepEqual(verdict(await send({ path, headers: NAVIGATION })), [401, 'MissingTokenError'], path)
    }
    const other = await send({ path: '/list', headers: NAVIGATION })
    assert.deepEqual(target(other), [303, '/login?from=app&next=%2Flist'])
  })

  test('that is a function is asked with the context', async t => {
    const loginPage = (ctx: Koa.Context) => `/${ctx.get('Accept-Language') || 'en'}/login`
    const { send } = await guarded(t, { loginPage })
    const reply = await send({ path: '/list', headers: [...NAVIGATION, ['Accept-Language', 'de']] })
    assert.deepEqual(target(reply), [303, '/de/login?next=%2Flist'])
    assert.deepEqual(verdict(await send({ path: '/en/login', headers: NAVIGATION })), [401, 'MissingTokenError'])
  })

  for (const wrong of ['https://evil.example/login', '//evil.example', 'login', '', undefined, 7]) {
    test(`that is a function must return a path: ${wrong} is answered with 500, and the app is told`, async t => {
      const authx = makeAuthX({ tokenLocation: ['cookies'] })
      const app = appOf(authx.middleware({ loginPage: () => wrong as string }), authx.accessTokenRequired())
      const errors: Error[] = []
      app.on('error', error => errors.push(error))
      const { status, headers } = await (await serve(t, app))({ path: '/list', headers: NAVIGATION })
      assert.deepEqual([status, headers.location, errors.map(({ name }) => name)], [500, undefined, ['TypeError']])
    })
  }

  test('gets the whole path of an app that is mounted under a path', async t => {
    const authx = makeAuthX({ tokenLocation: ['cookies'] })
    const inner = appOf(authx.middleware({ loginPage: '/app/login' }), authx.accessTokenRequired(), respond)
    const send = await serve(t, appOf(mount('/app', inner)))
    const reply = await send({ path: '/app/list?page=2', headers: NAVIGATION })
    assert.deepEqual(target(reply), [303, '/app/login?next=%2Fapp%2Flist%3Fpage%3D2'])
    assert.deepEqual(verdict(await send({ path: '/app/login', headers: NAVIGATION })), [401, 'MissingTokenError'])
  })

  test('gets no next that nextPath would not return', async t => {
    const { send } = await guarded(t, { loginPage: '/login' })
    for (const path of ['//evil.example/', '/\\evil.example', `/${'a'.repeat(2048)}`, 'http://own.example/list']) {
      assert.deepEqual(target(await send({ path, headers: NAVIGATION })), [303, '/login'], path)
    }
  })

  test('works through the middleware of a manager', async t => {
    const store = new MemoryTokenStore()
    const make = (loginType: string) => makeAuthX({ loginType, store })
    const manager = new AuthManager({ user: make('user'), admin: make('admin') })
    const seen: string[] = []
    const options: MiddlewareOptions = { loginPage: '/login', onError: (_ctx, { name }) => seen.push(name) }
    for (const type of ['user', 'admin'] as const) {
      const send = await serve(t, appOf(manager.middleware(options), manager.accessTokenRequired(type), respond))
      assert.deepEqual(target(await send({ path: '/list', headers: NAVIGATION })), [303, '/login?next=%2Flist'])
      assert.deepEqual(verdict(await send({ headers: FETCH })), [401, 'MissingTokenError'])
    }
    assert.deepEqual(seen, ['MissingTokenError', 'MissingTokenError'])
    for (const wrong of [{ loginPage: 'login' }, { onError: 'render' }]) {
      assert.throws(() => manager.middleware(wrong as never), TypeError)
    }
  })
})

describe('onError', () => {
  test('gets what does not go to the login page: 403, 503, and a 401 of a script', async t => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const seen: unknown[] = []
    const onError: MiddlewareOptions['onError'] = (ctx, error) => seen.push([ctx.status, error.name])
    const { authx, send } = await guarded(t, { loginPage: '/login', onError }, { store })
    const headers = [...NAVIGATION, bearer(authx.createAccessToken('ada'))]
    await send({ headers: NAVIGATION })
    await send({ headers })
    await send({ headers: FETCH })
    store.down()
    const { headers: replied } = await send({ headers })
    assert.equal(replied['retry-after'], '1')
    assert.deepEqual(seen, [
      [403, 'InsufficientScopeError'],
      [401, 'MissingTokenError'],
      [503, 'StoreUnavailableError'],
    ])
  })

  const BODIES: readonly [what: string, onError: MiddlewareOptions['onError'], reply: readonly unknown[]][] = [
    [
      'nothing',
      () => {},
      [401, 'application/json; charset=utf-8', /^\{"message":".+","error_type":"MissingTokenError"\}$/],
    ],
    ['the body', ctx => (ctx.body = '<h1>Log in</h1>'), [401, 'text/html; charset=utf-8', /^<h1>Log in<\/h1>$/]],
    [
      'the body later',
      async ctx => setImmediate().then(() => (ctx.body = 'no')),
      [401, 'text/plain; charset=utf-8', /^no$/],
    ],
    ['the status', ctx => (ctx.status = 404), [404, 'application/json; charset=utf-8', /MissingTokenError/]],
    [
      'the JSON',
      ctx => Object.assign(ctx.body as object, { hint: 1 }),
      [401, 'application/json; charset=utf-8', /"hint":1\}$/],
    ],
    [
      'another JSON',
      ctx => (ctx.body = { title: 'no' }),
      [401, 'application/json; charset=utf-8', /^\{"title":"no"\}$/],
    ],
    [
      'the type',
      ctx => (ctx.type = 'application/problem+json'),
      [401, 'application/problem+json', /MissingTokenError/],
    ],
    ['a redirect', ctx => ctx.redirect('/sorry'), [302, 'text/html; charset=utf-8', /sorry/]],
  ]
  for (const [what, onError, [status, type, text]] of BODIES) {
    test(`may change: ${what}`, async t => {
      const { send } = await guarded(t, { onError })
      const reply = await send({ headers: [['Accept', '*/*']] })
      assert.deepEqual([reply.status, reply.headers['content-type']], [status, type])
      assert.match(reply.text, text as RegExp)
    })
  }

  test('that throws is an error of the application', async t => {
    const { send } = await guarded(t, {
      onError: ctx => ctx.throw(418, 'own'),
    })
    const reply = await send()
    assert.deepEqual([reply.status, reply.text], [418, 'own'])
  })

  test('is not called for errors of the application', async t => {
    const authx = makeAuthX()
    let calls = 0
    const app = appOf(authx.middleware({ onError: () => calls++ }), ctx => ctx.throw(403, 'own'))
    assert.deepEqual([(await (await serve(t, app))()).text, calls], ['own', 0])
  })
})

describe('the options of middleware()', () => {
  const WRONG: readonly object[] = [
    ...[
      'login',
      '',
      'https://own.example/login',
      '//evil.example',
      '/\\evil.example',
      'javascript:1',
      '/a b',
      '/ü',
      null,
      1,
      {},
    ].map(loginPage => ({ loginPage })),
    ...['render', null, 1, {}].map(onError => ({ onError })),
    { loginpage: '/login' },
  ]
  for (const options of WRONG) {
    test(`of the wrong kind are a TypeError that names the option: ${JSON.stringify(options)}`, () => {
      const [name = ''] = Object.keys(options)
      assert.throws(() => makeAuthX().middleware(options as never), { name: 'TypeError', message: new RegExp(name) })
    })
  }

  test('may be undefined', async t => {
    const { send } = await guarded(t, { loginPage: undefined, onError: undefined })
    assert.deepEqual(verdict(await send({ headers: NAVIGATION })), [401, 'MissingTokenError'])
  })
})

/** What the login page does with `next`: the path, and the Location of Koa's redirect to it. */
async function loginPage(t: TestContext): Promise<Client> {
  const authx = makeAuthX()
  return serve(
    t,
    appOf(koaBody({ multipart: true }), ctx => {
      ctx.status = 303
      const next = authx.nextPath(ctx)
      ctx.redirect(next)
      ctx.body = { next }
    }),
  )
}

const OWN = 'https://own.example'
/** Where a browser goes. */
const originOf = (location: string) => new URL(location, `${OWN}/login`).origin

const OPEN_REDIRECTS: readonly string[] = [
  '//evil.example',
  '///evil.example',
  '////evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '\\/evil.example',
  '/\\/evil.example',
  '/./\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/\r\n/evil.example',
  '\t//evil.example',
  ' //evil.example',
  '/ /evil.example',
  '\u0000//evil.example',
  '/\u0000/evil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/a/..//evil.example',
  '/a/../../..//evil.example',
  '/%2e//evil.example',
  '/%2E%2e//evil.example',
  '/a/%2e%2e//evil.example',
  '/.\\evil.example',
  '/./\\/evil.example',
  'https://evil.example',
  'HTTPS:evil.example',
  'https:/evil.example',
  'https:///evil.example',
  'http:evil.example',
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'java\nscript:alert(1)',
  'data:text/html,x',
  'vbscript:x',
  'file:///etc/passwd',
  'mailto:a@evil.example',
  '@evil.example',
  'own.example@evil.example',
  'https://own.example@evil.example/',
  '//own.example:x@evil.example',
  '.evil.example',
  '?next=//evil.example',
  '#//evil.example',
  'evil.example',
  '',
  ' ',
  '/a b',
  '/ü',
  '/list\r\nSet-Cookie: a=b',
  '/list\nX: y',
  '/\u2028/evil',
  '/\uff0fevil.example',
  '\uff0f\uff0fevil.example',
  '/\u3002evil',
  `/${'a'.repeat(2048)}`,
  `//${'a/'.repeat(10_000)}`,
  '/\u007f',
  '/\u0085',
  '/\u00a0/evil.example',
  '/\ufeff/evil.example',
]

const PATHS: readonly string[] = [
  '/',
  '/list',
  '/list/',
  '/list?page=2',
  '/list?a=1&b=%2F%2Fevil.example',
  '/list?next=//evil.example',
  '/list#part',
  '/%5c%5cevil.example',
  '/%5Cevil.example',
  '/%2f%2fevil.example',
  '/%2F/evil.example',
  '/%09/evil.example',
  '/%0d%0aSet-Cookie:a=b',
  '/@evil.example',
  '/a//b',
  '/https://evil.example',
  '/a:b@c',
  '/a/../b',
  '/%ZZ',
  `/${'a'.repeat(2047)}`,
  '/?',
  '/:80',
  '/;',
  '/%E2%82%AC',
]

describe('nextPath', () => {
  const form = (text: string) =>
    ({ method: 'POST', headers: [['Content-Type', 'application/x-www-form-urlencoded']], body: text }) as const
  const asForm = (next: string) => form(`next=${encodeURIComponent(next)}`)

  for (const next of OPEN_REDIRECTS) {
    test(`does not leave this origin: ${JSON.stringify(next.slice(0, 60))}`, async t => {
      const send = await loginPage(t)
      const written = encodeURIComponent(next)
      const byQuery = next.length > 10_000 ? [] : [{ path: `/login?next=${written}` }]
      for (const sent of [...byQuery, form(`next=${written}`)]) assert.deepEqual(target(await send(sent)), [303, '/'])
    })
  }

  for (const next of PATHS) {
    test(`returns a path of this origin: ${JSON.stringify(next.slice(0, 60))}`, async t => {
      const send = await loginPage(t)
      for (const sent of [{ path: `/login?next=${encodeURIComponent(next)}` }, asForm(next)]) {
        const { status, json, headers } = await send(sent)
        assert.deepEqual([status, json.next, originOf(String(headers.location))], [303, next, OWN])
      }
    })
  }

  const ODD: readonly [what: string, sent: Parameters<Client>[0]][] = [
    ['without next', { path: '/login' }],
    ['with an empty next', { path: '/login?next=' }],
    ['with next twice', { path: '/login?next=/a&next=/b' }],
    ['with next twice in a form', form('next=/a&next=/b')],
    ['with a list in a form', form('next[]=/a')],
    ['with an object in a form', form('next[toString]=/a&next[length]=1')],
    ['with another prototype in a form', form('__proto__[next]=/a')],
    ['with a constructor in a form', form('constructor[prototype][next]=/a')],
    ['with an empty form', form('')],
    ['with a percent sign in a form that begins nothing', form('next=%')],
    ['with JSON', { method: 'POST', headers: [['Content-Type', 'application/json']], body: '{"next":"/a"}' }],
    ['with text', { method: 'POST', headers: [['Content-Type', 'text/plain']], body: 'next=/a' }],
  ]
  for (const [what, sent] of ODD) {
    test(`returns / for a request ${what}`, async t => {
      assert.deepEqual(target(await (await loginPage(t))(sent)), [303, '/'])
    })
  }

  test('reads a form with files', async t => {
    const body = '--b\r\nContent-Disposition: form-data; name="next"\r\n\r\n/list\r\n--b--\r\n'
    const sent = { method: 'POST', headers: [['Content-Type', 'multipart/form-data; boundary=b']], body } as const
    assert.deepEqual(target(await (await loginPage(t))(sent)), [303, '/list'])
  })

  test('prefers the query to the form', async t => {
    const send = await loginPage(t)
    assert.deepEqual(target(await send({ ...asForm('/form'), path: '/login?next=/query' })), [303, '/query'])
    assert.deepEqual(target(await send({ ...asForm('/form'), path: '/login?next=//evil.example' })), [303, '/'])
  })

  test('returns nothing that a browser resolves to another origin, whatever next is', async t => {
    const send = await loginPage(t)
    const piece = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      '%2e',
      '%2f',
      '%5c',
      '\t',
      '\n',
      '\r',
      ':',
      '@',
      '?',
      '#',
      'evil.example',
      'https',
      'a',
      ' ',
      '\u0000',
      'ü',
    )
    const harmless = fc.constantFrom('/', '.', '..', '%2e', '%2f', '%5c', ':', '@', '?', '#', 'evil.example', 'a')
    const text = fc.oneof(
      fc.array(harmless, { maxLength: 12 }).map(pieces => `/${pieces.join('')}`),
      fc.array(piece, { maxLength: 12 }).map(pieces => `/${pieces.join('')}`),
      fc.array(piece, { maxLength: 12 }).map(pieces => pieces.join('')),
      fc.string({ unit: 'binary' }),
      fc.webUrl(),
    )
    let kept = 0
    await fc.assert(
      fc.asyncProperty(text, async next => {
        const { json, headers } = await send(asForm(next))
        if (json.next !== '/') kept++
        assert.ok([next, '/'].includes(String(json.next)))
        assert.equal(originOf(String(json.next)), OWN)
        assert.equal(originOf(String(headers.location)), OWN)
      }),
      { numRuns: 1500 },
    )
    assert.ok(kept > 50, `only ${kept} paths were kept`)
  })

  test('returns every path that a login page is given as next', async t => {
    const { send } = await guarded(t, { loginPage: '/login' })
    const read = await loginPage(t)
    for (const path of ['/list', '/list?page=2', '/a%2Fb?q=%26&r=a+b', '/x;y=1?~']) {
      const { headers } = await send({ path, headers: NAVIGATION })
      assert.equal((await read({ path: String(headers.location) })).json.next, path)
    }
  })
})
