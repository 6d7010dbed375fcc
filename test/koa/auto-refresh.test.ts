import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type Koa from 'koa'
import {
  type AuthX,
  type AuthXOptions,
  BadConfigurationError,
  MissingTokenError,
  type TokenStore,
} from '../../src/index.js'
import { FaultyTokenStore, TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { claimsOf } from '../flows/api.js'
import { appOf, bearer, cookie, makeAuthX, type Reply, serve } from '../support/app.js'
import { NAVIGATION, Visitor } from '../support/visitor.js'

const EVENTS = ['refreshed', 'replayed', 'recovered', 'reuse', 'revoked'] as const
const COOKIES = ['access_token_cookie', 'csrf_access_token', 'csrf_refresh_token', 'refresh_token_cookie']
/** Longer than an access token lives. */
const LATER = '16m'

interface Scene {
  readonly authx: AuthX
  readonly clock: TestClock
  readonly store: FaultyTokenStore
  readonly events: string[]
  /** Logged in. */
  readonly ada: Visitor
  /** Somebody else with the cookies that ada has now. */
  copyOfAda(): Visitor
}

interface Circumstances {
  options?: AuthXOptions
  /** Handles paths other than the routes of every scene. */
  handler?: Koa.Middleware
  order?: 'after' | 'before'
  /** Mounted before everything else. */
  outermost?: Koa.Middleware
  prepare?: (authx: AuthX) => void
}

const answer = (ctx: Koa.Context) => {
  ctx.body = { sub: ctx.state.token.sub }
}
const passOn: Koa.Middleware = (_ctx, next) => next()

/** An app with `/login`, the guarded `/list`, and `/open`, which is not guarded, and a visitor who is logged in. */
async function scene(t: TestContext, circumstances: Circumstances = {}): Promise<Scene> {
  const { options, handler = passOn, order = 'after', outermost = passOn, prepare } = circumstances
  const clock = new TestClock()
  const store = new FaultyTokenStore(new MemoryTokenStore())
  const authx = makeAuthX({ tokenLocation: ['cookies'], store, now: clock.now, ...options })
  prepare?.(authx)
  const guard = authx.accessTokenRequired()
  const routes: Koa.Middleware = async (ctx, next) => {
    if (ctx.path === '/login') ctx.body = await authx.login(ctx, 'ada')
    if (ctx.path === '/open') ctx.body = { sub: ctx.state.token?.sub ?? null }
    if (ctx.path === '/list') return guard(ctx as never, async () => answer(ctx))
    return next()
  }
  const layers = [authx.middleware() as Koa.Middleware, authx.autoRefresh()]
  if (order === 'before') layers.reverse()
  const send = await serve(t, appOf(outermost, ...layers, routes, handler))
  const events: string[] = []
  for (const name of EVENTS) authx.on(name, () => events.push(name))
  const ada = new Visitor(send)
  await ada.visit('/login')
  const copyOfAda = () => {
    const copy = new Visitor(send)
    copy.take(Object.entries(ada.cookies()).map(([name, value]) => `${name}=${value}; Path=/`))
    return copy
  }
  return { authx, clock, store, events, ada, copyOfAda }
}

const verdict = ({ status, json }: Reply) => [status, json.error_type ?? json.sub]
const IN = [200, 'ada']
const namesOf = (lines: readonly string[]) => lines.map(line => line.split('=')[0] ?? '').sort()
const clears = (lines: readonly string[]) => lines.length > 0 && lines.every(line => /; Max-Age=0;/.test(line))

/** Refreshed: a new access token and a new refresh token in cookies. */
function assertRefreshed({ cookies, headers }: Reply): void {
  assert.deepEqual(namesOf(cookies), COOKIES)
  assert.equal(clears(cookies), false)
  assert.equal(headers['cache-control'], 'no-store')
}

describe('autoRefresh()', () => {
  for (const order of ['after', 'before'] as const) {
    test(`refreshes a page whose access token has expired, ${order} middleware(): guards accept it`, async t => {
      const { ada, clock, events } = await scene(t, { order })
      clock.advance(LATER)
      const before = ada.cookies()
      const reply = await ada.visit('/list')
      assert.deepEqual(verdict(reply), IN)
      assertRefreshed(reply)
      for (const name of ['access_token_cookie', 'refresh_token_cookie']) {
        assert.notEqual(ada.cookies()[name], before[name])
      }
      const next = await ada.visit('/list')
      assert.deepEqual([verdict(next), next.cookies, events], [IN, [], ['refreshed']])
    })

    test(`sets ctx.state.token on a page without a guard, ${order} middleware()`, async t => {
      const { ada, clock } = await scene(t, { order })
      clock.advance(LATER)
      assert.deepEqual(verdict(await ada.visit('/open')), IN)
    })

    test(`keeps its cookies if a guard refuses the page, ${order} middleware()`, async t => {
      const { ada, clock, authx } = await scene(t, {
        order,
        handler: (ctx, next) => (ctx.path === '/admin' ? admin(ctx as never, next) : next()),
      })
      const admin = authx.scopesRequired('admin')
      clock.advance(LATER)
      const reply = await ada.visit('/admin')
      assert.deepEqual(verdict(reply), [403, 'InsufficientScopeError'])
      assertRefreshed(reply)
      assert.deepEqual(verdict(await ada.visit('/list')), IN)
    })

    test(`ends the session of a reused cookie and clears the cookies, ${order} middleware()`, async t => {
      const { ada, clock, events, copyOfAda } = await scene(t, { order })
      const thief = copyOfAda()
      clock.advance(LATER)
      await ada.visit('/list')
      await ada.visit('/list')
      clock.advance('1m')
      const reply = await thief.visit('/list')
      assert.deepEqual([verdict(reply), clears(reply.cookies)], [[401, 'TokenExpiredError'], true])
      assert.deepEqual([namesOf(reply.cookies), reply.headers['cache-control']], [COOKIES, 'no-store'])
      assert.deepEqual(thief.cookies(), {})
      assert.deepEqual(verdict(await ada.visit('/list')), [401, 'RevokedTokenError'])
      assert.deepEqual(events, ['refreshed', 'reuse'])
    })
  }

  test('lets the page of a reused cookie stand, and clears the cookies', async t => {
    const { ada, clock, copyOfAda } = await scene(t)
    const thief = copyOfAda()
    clock.advance(LATER)
    await ada.visit('/list')
    await ada.visit('/list')
    clock.advance('1m')
    const reply = await thief.visit('/open')
    assert.deepEqual([verdict(reply), clears(reply.cookies)], [[200, null], true])
    assert.equal(reply.headers['cache-control'], 'no-store')
  })

  test('refreshes a page whose access token is missing', async t => {
    const { ada, clock } = await scene(t)
    clock.advance(LATER)
    ada.take(['access_token_cookie=; Max-Age=0; Path=/', 'csrf_access_token=; Max-Age=0; Path=/'])
    const reply = await ada.visit('/list')
    assert.deepEqual(verdict(reply), IN)
    assertRefreshed(reply)
  })

  test('works without a store: the refresh token stays', async t => {
    const { ada, clock } = await scene(t, { options: { store: undefined } })
    clock.advance(LATER)
    const reply = await ada.visit('/list')
    assert.deepEqual([verdict(reply), namesOf(reply.cookies)], [IN, COOKIES.slice(0, 2)])
  })

  test('works with tokens that are also accepted in headers, which it leaves alone', async t => {
    const { ada, clock, authx } = await scene(t, { options: { tokenLocation: ['headers', 'cookies'] } })
    const old = authx.createAccessToken('grace')
    clock.advance(LATER)
    const byHeader = await ada.visit('/list', [...NAVIGATION, bearer(old)])
    assert.deepEqual([verdict(byHeader), byHeader.cookies], [[401, 'TokenExpiredError'], []])
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
  })

  test('gives the new token to everything that asks for the token of the request', async t => {
    const { ada, clock, authx } = await scene(t, {
      handler: async (ctx, next) => {
        if (ctx.path !== '/ask') return next()
        ctx.body = { located: authx.getTokenFromRequest(ctx), sub: ctx.state.token.sub, iat: ctx.state.token.iat }
      },
    })
    clock.advance(LATER)
    const { json, cookies } = await ada.visit('/ask')
    const { token, location } = json.located as { token: string; location: string }
    assert.ok(cookies.some(line => line.startsWith(`access_token_cookie=${token};`)))
    assert.deepEqual([location, claimsOf(token).iat], ['cookies', json.iat])
  })

  for (const [what, prepare, data] of [
    [
      'claims getter',
      (authx: AuthX, asked: unknown[]) =>
        authx.setClaimsGetter(async (sub, { reason, ctx }) => {
          asked.push([sub, reason, ctx?.path])
          return { data: { role: 'editor' } }
        }),
      'editor',
    ],
    [
      'subject getter',
      (authx: AuthX, asked: unknown[]) =>
        authx.setSubjectGetter(async sub => {
          asked.push([sub])
          return { sub }
        }),
      undefined,
    ],
  ] as const) {
    test(`asks the ${what}`, async t => {
      const asked: unknown[] = []
      const { ada, clock } = await scene(t, { prepare: authx => prepare(authx, asked) })
      clock.advance(LATER)
      assertRefreshed(await ada.visit('/list'))
      assert.equal(claimsOf(ada.cookies().access_token_cookie).role, data)
      const about = data
        ? (['login', 'refresh'] as const).map((reason, n) => ['ada', reason, n ? '/list' : '/login'])
        : [['ada'], ['ada']]
      assert.deepEqual(asked, about)
    })
  }

  test('lets the page stand if there is no such subject any more, and ends its session', async t => {
    let answer: object | undefined = {}
    const { ada, clock, events } = await scene(t, { prepare: authx => authx.setClaimsGetter(async () => answer) })
    clock.advance(LATER)
    answer = undefined
    const reply = await ada.visit('/open')
    assert.deepEqual([verdict(reply), clears(reply.cookies), events], [[200, null], true, ['revoked']])
    assert.deepEqual(ada.cookies(), {})
  })
})

describe('autoRefresh() refreshes only', () => {
  const ROWS: readonly [
    what: string,
    headers: readonly (readonly [string, string])[],
    refreshed: boolean,
    method?: string,
  ][] = [
    ['a navigation', NAVIGATION, true],
    ['a navigation with HEAD', NAVIGATION, true, 'HEAD'],
    [
      'a link of another site',
      [
        ['Sec-Fetch-Mode', 'navigate'],
        ['Sec-Fetch-Site', 'cross-site'],
      ],
      true,
    ],
    [
      'a navigation that names no HTML',
      [
        ['Sec-Fetch-Mode', 'navigate'],
        ['Accept', '*/*'],
      ],
      true,
    ],
    ['a browser without Fetch Metadata', [['Accept', 'text/html,*/*;q=0.8']], true],
    [
      'a script',
      [
        ['Sec-Fetch-Mode', 'cors'],
        ['Accept', 'text/html'],
      ],
      false,
    ],
    [
      'an image',
      [
        ['Sec-Fetch-Mode', 'no-cors'],
        ['Accept', 'text/html'],
      ],
      false,
    ],
    ['curl', [['Accept', '*/*']], false],
    ['a client without headers', [], false],
    ['a navigation with POST', NAVIGATION, false, 'POST'],
    ['a navigation with PUT', NAVIGATION, false, 'PUT'],
    ['a navigation with DELETE', NAVIGATION, false, 'DELETE'],
    ['a navigation with OPTIONS', NAVIGATION, false, 'OPTIONS'],
  ]
  for (const [what, headers, refreshed, method] of ROWS) {
    test(`GET and HEAD navigations: ${what} is ${refreshed ? '' : 'not '}refreshed`, async t => {
      const { ada, clock, events } = await scene(t)
      clock.advance(LATER)
      const reply = await ada.visit('/open', headers, method)
      assert.equal(reply.status, 200)
      if (refreshed) assertRefreshed(reply)
      else assert.deepEqual([reply.cookies, reply.headers['cache-control'], events], [[], undefined, []])
    })
  }

  test('missing and expired access tokens: a valid one stays', async t => {
    const { ada, events } = await scene(t)
    const reply = await ada.visit('/list')
    assert.deepEqual([verdict(reply), reply.cookies, events], [IN, [], []])
  })

  const INVALID: readonly [what: string, cookieOf: (authx: AuthX) => string, error: string][] = [
    ['a malformed', () => 'nonsense', 'JWTDecodeError'],
    ['a forged', () => makeAuthX({ secretKey: 'x'.repeat(64) }).createAccessToken('ada'), 'TokenInvalidSignatureError'],
    ['a refresh', authx => authx.createRefreshToken('ada'), 'AccessTokenRequiredError'],
  ]
  for (const [what, cookieOf, error] of INVALID) {
    test(`missing and expired access tokens: ${what} token is refused by the guard`, async t => {
      const { ada, events, authx } = await scene(t)
      ada.take([`access_token_cookie=${cookieOf(authx)}; Path=/`])
      const reply = await ada.visit('/list')
      assert.deepEqual([verdict(reply), reply.cookies, events], [[401, error], [], []])
      assert.deepEqual(verdict(await ada.visit('/open')), [200, null])
    })
  }

  test('missing and expired access tokens: a revoked one is refused by the guard', async t => {
    const { ada, authx, events } = await scene(t)
    await authx.revoke(String(ada.cookies().access_token_cookie))
    const reply = await ada.visit('/list')
    assert.deepEqual([verdict(reply), reply.cookies, events], [[401, 'RevokedTokenError'], [], ['revoked']])
  })
})

describe('autoRefresh() rejects no request', () => {
  const COOKIE: readonly [what: string, change: (scene: Scene) => unknown][] = [
    ['no refresh token', ({ ada }) => ada.take(['refresh_token_cookie=; Max-Age=0; Path=/'])],
    ['an empty one', ({ ada }) => ada.take(['refresh_token_cookie=; Path=/'])],
    ['a malformed one', ({ ada }) => ada.take(['refresh_token_cookie=a.b.c; Path=/'])],
    ['a huge one', ({ ada }) => ada.take([`refresh_token_cookie=${'a'.repeat(9000)}; Path=/`])],
    [
      'an access token',
      ({ ada, authx }) => ada.take([`refresh_token_cookie=${authx.createAccessToken('ada')}; Path=/`]),
    ],
    ['a store that is away', ({ store }) => store.down()],
    ['a store that loses its answers', ({ store }) => store.loseReplies()],
    ['a claims getter that fails', ({ authx }) => authx.setClaimsGetter(() => Promise.reject(new Error('away')))],
    ['a blocklist that fails', ({ authx }) => authx.setTokenBlocklist(() => Promise.reject(new Error('away')))],
  ]
  for (const [what, change] of COOKIE) {
    test(`with ${what}: the request has no token`, async t => {
      const set = await scene(t)
      set.clock.advance(LATER)
      await change(set)
      const reply = await set.ada.visit('/open')
      assert.deepEqual([verdict(reply), reply.cookies], [[200, null], []])
      assert.deepEqual((await set.ada.visit('/list')).status, 401)
      assert.equal(set.events.includes('reuse'), false)
    })
  }

  const OVER: readonly [what: string, change: (scene: Scene) => unknown][] = [
    ['an expired one', ({ clock }) => clock.advance('400d')],
    ['a revoked one', ({ authx, ada }) => authx.revoke(String(ada.cookies().refresh_token_cookie))],
    [
      'one of a key that is gone, without an access token',
      ({ authx, ada }) => {
        ada.take(['access_token_cookie=; Max-Age=0; Path=/'])
        authx.setKeys({ secretKey: 'b'.repeat(64) })
      },
    ],
  ]
  for (const [what, change] of OVER) {
    test(`with ${what}: the request has no token, and the cookies are cleared unless another site links here`, async t => {
      const set = await scene(t)
      set.clock.advance(LATER)
      await change(set)
      for (const site of ['cross-site', 'same-site']) {
        const linked = NAVIGATION.map(([name, value]) => [name, name === 'Sec-Fetch-Site' ? site : value] as const)
        const reply = await set.ada.visit('/open', linked)
        assert.deepEqual([verdict(reply), reply.cookies], [[200, null], []])
      }
      const reply = await set.ada.visit('/open')
      assert.deepEqual([verdict(reply), reply.cookies.length], [[200, null], 4])
      assert.match(reply.headers['cache-control'] ?? '', /no-store/)
      assert.deepEqual(set.ada.cookies(), {})
      assert.equal(set.events.includes('reuse'), false)
    })
  }

  test('while the store is away: the visitor stays logged in', async t => {
    const { ada, clock, store } = await scene(t)
    clock.advance(LATER)
    store.down()
    await ada.visit('/open')
    store.heal()
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
  })

  test('with refresh tokens of two sessions: it chooses none, and clears no cookie of this deployment', async t => {
    const options = { cookieDomain: 'own.example' }
    const { clock, authx, ada } = await scene(t, { options })
    const two = await Promise.all([authx.createTokenPair('ada'), authx.createTokenPair('ada')])
    clock.advance(LATER)
    const cookies = two.map(({ refresh_token }) => cookie({ refresh_token_cookie: refresh_token }))
    const fresh = new Visitor(sent => ada.visit(String(sent?.path), sent?.headers))
    const reply = await fresh.visit('/open', [...NAVIGATION, ...cookies])
    assert.deepEqual(verdict(reply), [200, null])
    const lines = reply.cookies
    assert.deepEqual([lines.length > 0, lines.some(line => line.includes('Domain='))], [true, false])
  })
})

describe('a page whose response the browser loses', () => {
  test('logs nobody out: the guards of the page do not confirm the new tokens', async t => {
    const { ada, clock, events } = await scene(t)
    clock.advance(LATER)
    const lost = await ada.loseAnswer('/list')
    assert.deepEqual(verdict(lost), IN)
    assertRefreshed(lost)
    clock.advance('1h')
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
    assert.deepEqual(events, ['refreshed', 'recovered'])
    clock.advance(LATER)
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
    assert.deepEqual(events, ['refreshed', 'recovered', 'refreshed'])
  })

  test('logs nobody out if many are lost in a row', async t => {
    const { ada, clock, events } = await scene(t)
    for (let n = 0; n < 8; n++) {
      clock.advance('1h')
      assert.deepEqual(verdict(await ada.loseAnswer('/list')), IN)
    }
    clock.advance('1h')
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
    assert.deepEqual(events, ['refreshed', ...Array(8).fill('recovered')])
  })

  test('and whose response somebody else has got, is found out', async t => {
    const { ada, clock, events, copyOfAda } = await scene(t)
    const thief = copyOfAda()
    clock.advance(LATER)
    await thief.visit('/list')
    clock.advance('1m')
    await ada.visit('/list')
    assert.deepEqual(verdict(await thief.visit('/list')), [401, 'ReusedTokenError'])
    assert.deepEqual(events, ['refreshed', 'recovered', 'reuse'])
  })

  test('once the next page has come with the new token, the old one is reuse', async t => {
    const { ada, clock, events, copyOfAda } = await scene(t)
    const before = copyOfAda()
    clock.advance(LATER)
    await ada.visit('/list')
    await ada.visit('/list')
    clock.advance('1m')
    await before.visit('/open')
    assert.deepEqual(events, ['refreshed', 'reuse'])
  })
})

describe('ten pages that a browser loads at once', () => {
  test('are all shown, and all get one refresh token', async t => {
    const { ada, clock, events } = await scene(t)
    clock.advance(LATER)
    const replies = await Promise.all(Array.from({ length: 10 }, () => ada.visit('/list')))
    for (const reply of replies) {
      assert.deepEqual(verdict(reply), IN)
      assertRefreshed(reply)
    }
    const tokens = replies.flatMap(({ cookies }) => cookies.filter(line => line.startsWith('refresh_token_cookie=')))
    assert.equal(new Set(tokens).size, 1)
    assert.deepEqual(events.toSorted(), ['refreshed', ...Array(9).fill('replayed')].toSorted())
    clock.advance(LATER)
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
  })
})

describe('autoRefresh() and a claims getter that answers too much', () => {
  test('let the page stand, report the error, and keep the session', async t => {
    let data = {}
    const reported: unknown[] = []
    const { ada, clock } = await scene(t, {
      prepare: authx => authx.setClaimsGetter(async () => ({ data })),
      outermost: (ctx, next) => {
        if (ctx.path === '/open') ctx.app.once('error', (error: Error) => reported.push(error.name))
        return next()
      },
    })
    clock.advance(LATER)
    data = { roles: 'a'.repeat(9000) }
    const reply = await ada.visit('/open')
    assert.deepEqual([verdict(reply), reply.cookies, reported], [[200, null], [], ['TypeError']])
    data = {}
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
  })
})

describe('a guard that searches other locations before cookies', () => {
  test('takes the token of the header, also after autoRefresh()', async t => {
    const { ada, clock, authx } = await scene(t, {
      handler: (ctx, next) => (ctx.path === '/either' ? either(ctx as never, async () => answer(ctx)) : next()),
    })
    const either = authx.accessTokenRequired({ locations: ['headers', 'cookies'] })
    clock.advance(LATER)
    const withHeader = [...NAVIGATION, bearer(authx.createAccessToken('grace'))]
    const refreshed = await ada.visit('/either', withHeader)
    assertRefreshed(refreshed)
    assert.deepEqual(verdict(refreshed), [200, 'grace'])
    assert.deepEqual(verdict(await ada.visit('/either', withHeader)), [200, 'grace'])
    assert.deepEqual(verdict(await ada.visit('/either')), IN)
  })
})

describe('a handler that fails after autoRefresh()', () => {
  const FAILURES: readonly [what: string, error: () => unknown, status: number][] = [
    ['ctx.throw(404)', () => Object.assign(new Error('no'), { status: 404, expose: true }), 404],
    [
      'an error with public headers',
      () =>
        Object.assign(new Error('no'), {
          status: 404,
          headers: {
            'cache-control': 'public, max-age=60',
            expires: 'Fri, 01 Jan 2100 00:00:00 GMT',
            'CDN-Cache-Control': 'max-age=60',
            'X-Own': 'kept',
          },
        }),
      404,
    ],
    [
      'an error with a cookie of its own',
      () => Object.assign(new Error('no'), { status: 410, headers: { 'set-cookie': 'own=1' } }),
      410,
    ],
    ['an error of the program', () => new TypeError('a detail'), 500],
  ]
  for (const [what, error, status] of FAILURES) {
    test(`keeps the new cookies, and no cache keeps the response: ${what}`, async t => {
      const handler: Koa.Middleware = (ctx, next) => {
        if (ctx.path === '/fail') throw error()
        return next()
      }
      const { ada, clock, events } = await scene(t, { handler })
      clock.advance(LATER)
      const reply = await ada.visit('/fail')
      assert.deepEqual([reply.status, reply.headers['cache-control']], [status, 'no-store'])
      assert.deepEqual([reply.headers.expires, reply.headers['cdn-cache-control']], [undefined, undefined])
      const own = namesOf(reply.cookies).filter(name => !COOKIES.includes(name))
      assert.deepEqual([reply.cookies.length - own.length, own], [4, what.includes('cookie') ? ['own'] : []])
      assert.equal(reply.headers['x-own'], what.includes('public') ? 'kept' : undefined)
      clock.advance(LATER)
      await ada.visit('/list')
      assert.deepEqual(events, ['refreshed', 'refreshed'])
    })
  }

  class GetterError extends Error {
    readonly status = 404
    get headers() {
      return {}
    }
  }
  for (const [what, thrown] of [
    ['a sealed error', Object.seal(Object.assign(new Error('sealed'), { status: 404 }))],
    ['an error whose headers are a getter', new GetterError('getter')],
    ['a text', 'no error'],
  ] as const) {
    test(`keeps the new cookies if it throws ${what}`, async t => {
      const handler: Koa.Middleware = (ctx, next) => {
        if (ctx.path === '/fail') throw thrown
        return next()
      }
      const { ada, clock, events } = await scene(t, { handler })
      clock.advance(LATER)
      assertRefreshed(await ada.visit('/fail'))
      clock.advance('1h')
      assert.deepEqual(verdict(await ada.visit('/list')), IN)
      assert.deepEqual(events, ['refreshed', 'refreshed'])
    })
  }

  for (const [what, shared] of [
    ['an error', Object.assign(new Error('gone'), { status: 404 })],
    ['an error of the library', new MissingTokenError()],
  ] as const) {
    test(`gives its cookies to nobody else: ${what} that is thrown to several requests`, async t => {
      const seen: unknown[] = []
      const { ada, clock, copyOfAda } = await scene(t, {
        outermost: async (_ctx, next) => {
          await next().catch((error: unknown) => {
            seen.push(error)
            throw error
          })
        },
        handler: (ctx, next) => {
          if (ctx.path === '/fail') throw shared
          return next()
        },
      })
      const stranger = copyOfAda()
      stranger.take(Object.keys(stranger.cookies()).map(name => `${name}=; Max-Age=0; Path=/`))
      clock.advance(LATER)
      assertRefreshed(await ada.visit('/fail'))
      assert.deepEqual((await stranger.visit('/fail')).cookies, [])
      assert.deepEqual(verdict(await stranger.visit('/open')), [200, null])
      assert.equal(JSON.stringify([shared, seen]).includes('token_cookie'), false)
    })
  }

  test('leaves no public headers on the response if other middleware renders the error', async t => {
    const { ada, clock } = await scene(t, {
      outermost: async (ctx, next) => {
        await next().catch(() => {
          ctx.body = 'no such page'
        })
      },
      handler: (ctx, next) => {
        if (ctx.path !== '/fail') return next()
        ctx.set({ 'Cache-Control': 'public, max-age=600', 'CDN-Cache-Control': 'max-age=600' })
        throw new Error('no')
      },
    })
    clock.advance(LATER)
    const reply = await ada.visit('/fail')
    assertRefreshed(reply)
    assert.deepEqual([reply.text, reply.headers['cdn-cache-control']], ['no such page', undefined])
  })
})

describe('a handler that logs in or out after autoRefresh()', () => {
  test('has the last word: a logout leaves no cookie and no session', async t => {
    const { ada, clock, authx, copyOfAda } = await scene(t, {
      options: { csrfCheck: 'origin' },
      handler: async (ctx, next) => {
        if (ctx.path !== '/logout') return next()
        await authx.logout(ctx)
        ctx.body = 'out'
      },
    })
    const before = copyOfAda()
    clock.advance(LATER)
    const reply = await ada.visit('/logout')
    assert.deepEqual([reply.text, clears(reply.cookies), ada.cookies()], ['out', true, {}])
    assert.equal((await before.visit('/list')).status, 401)
  })

  test('has the last word: a login replaces the cookies', async t => {
    const { ada, clock } = await scene(t)
    clock.advance(LATER)
    const { cookies } = await ada.visit('/login')
    assert.deepEqual(namesOf(cookies), COOKIES)
    assert.equal(claimsOf(ada.cookies().access_token_cookie).gen, 0)
    assert.deepEqual(verdict(await ada.visit('/list')), IN)
  })
})

describe('a refreshed page that caches could keep', () => {
  const PUBLIC: readonly Record<string, string>[] = [
    { 'Cache-Control': 'public, max-age=600' },
    { 'Cache-Control': 's-maxage=600' },
    { 'Cache-Control': 'max-age=600', Expires: 'Fri, 01 Jan 2100 00:00:00 GMT' },
    { 'Cache-Control': '' },
    { 'CDN-Cache-Control': 'max-age=60' },
    { 'Cloudflare-CDN-Cache-Control': 'max-age=60', 'Cache-Control': 'private' },
    { 'Surrogate-Control': 'max-age=60' },
    { 'X-Accel-Expires': '60' },
  ]
  for (const headers of PUBLIC) {
    test(`is made private: ${JSON.stringify(headers)}`, async t => {
      const handler: Koa.Middleware = (ctx, next) => {
        if (ctx.path !== '/page') return next()
        for (const [name, value] of Object.entries(headers)) if (value) ctx.set(name, value)
        if (headers['Cache-Control'] === '') ctx.remove('Cache-Control')
        ctx.body = 'page'
      }
      const { ada, clock } = await scene(t, { handler })
      const reply = await ada.visit('/page')
      for (const [name, value] of Object.entries(headers)) assert.equal(reply.headers[name.toLowerCase()] ?? '', value)
      clock.advance(LATER)
      const refreshed = await ada.visit('/page')
      assertRefreshed(refreshed)
      const names = [
        'expires',
        'cdn-cache-control',
        'cloudflare-cdn-cache-control',
        'surrogate-control',
        'x-accel-expires',
      ]
      assert.deepEqual(
        names.filter(name => name in refreshed.headers),
        [],
      )
    })
  }

  test('keeps headers that are private already', async t => {
    const handler: Koa.Middleware = (ctx, next) => {
      if (ctx.path !== '/page') return next()
      ctx.set('Cache-Control', 'private, max-age=60')
      ctx.body = 'page'
    }
    const { ada, clock } = await scene(t, { handler })
    clock.advance(LATER)
    const { cookies, headers } = await ada.visit('/page')
    assert.deepEqual([namesOf(cookies), headers['cache-control']], [COOKIES, 'private, max-age=60'])
  })

  for (const outermost of [false, true]) {
    test(`is never a 304, with conditional requests handled ${outermost ? 'before' : 'after'} autoRefresh()`, async t => {
      const conditionalGet: Koa.Middleware = async (ctx, next) => {
        await next()
        if (ctx.fresh) {
          ctx.status = 304
          ctx.body = null
        }
      }
      const page: Koa.Middleware = (ctx, next) => {
        if (ctx.path !== '/page') return next()
        ctx.status = 200
        ctx.etag = 'one'
        ctx.lastModified = new Date(0)
        ctx.body = 'page'
      }
      const handler: Koa.Middleware = outermost ? page : (ctx, next) => conditionalGet(ctx, async () => page(ctx, next))
      const { ada, clock } = await scene(t, { handler, ...(outermost && { outermost: conditionalGet }) })
      for (const header of [
        ['If-None-Match', '"one"'],
        ['If-Modified-Since', 'Fri, 01 Jan 2100 00:00:00 GMT'],
      ] as const) {
        const headers = [...NAVIGATION, header]
        assert.equal((await ada.visit('/page', headers)).status, 304)
        clock.advance(LATER)
        const reply = await ada.visit('/page', headers)
        assert.deepEqual([reply.status, reply.text], [200, 'page'])
        assertRefreshed(reply)
      }
    })
  }
})

describe('the configuration of autoRefresh()', () => {
  const store: TokenStore = new MemoryTokenStore()
  const WRONG: readonly [what: string, options: AuthXOptions, problem: RegExp][] = [
    ['tokens in headers', { tokenLocation: ['headers'] }, /tokenLocation/],
    ['access tokens in headers', { tokenLocation: { access: ['headers'], refresh: ['cookies'] } }, /tokenLocation/],
    ['refresh tokens in headers', { tokenLocation: { access: ['cookies'], refresh: ['headers'] } }, /tokenLocation/],
    ['a refresh cookie that pages do not get', { refreshCookiePath: '/auth' }, /refreshCookiePath \(\/auth\)/],
    [
      'a refresh cookie beside the pages',
      { refreshCookiePath: '/app', accessCookiePath: '/app2' },
      /refreshCookiePath/,
    ],
  ]
  for (const [what, options, problem] of WRONG) {
    test(`is refused: ${what}`, () => {
      const authx = makeAuthX({ tokenLocation: ['cookies'], store, ...options })
      assert.throws(
        () => authx.autoRefresh(),
        error => error instanceof BadConfigurationError && problem.test(error.message),
      )
    })
  }

  test('is refused: no key to sign with', () => {
    const getKey = async () => undefined
    const authx = makeAuthX({ tokenLocation: ['cookies'], store, secretKey: undefined, getKey, algorithm: 'RS256' })
    assert.throws(
      () => authx.autoRefresh(),
      error => error instanceof BadConfigurationError && /no key to sign with/.test(error.message),
    )
  })

  for (const path of ['/', '/app']) {
    test(`is accepted: a refresh cookie for ${path} and pages under /app`, () => {
      const options = { refreshCookiePath: path, accessCookiePath: '/app' } as const
      assert.doesNotThrow(() => makeAuthX({ tokenLocation: ['cookies'], store, ...options }).autoRefresh())
    })
  }
})
