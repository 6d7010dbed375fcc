import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import Router from '@koa/router'
import type Koa from 'koa'
import type { AuthX, AuthXOptions, TokenResponse } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, cookie, makeAuthX, serve, TEST_NOW } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { blocksOf, projectFor, readPage } from '../support/markdown.js'
import { contentOf } from '../support/signing.js'

/** What the page about deploying says of options that are changed while tokens are in circulation. */
const PAGE = readPage('docs/deploying.md')

/** The functions that the page gives for it, as they stand there. */
async function recipesOf(t: TestContext) {
  const folder = await projectFor(t)
  const recipes = blocksOf(PAGE).filter(({ code }) => /^export /m.test(code))
  const modules = recipes.map(async ({ code }, n) => {
    const file = join(folder, `recipe-${n}.mts`)
    writeFileSync(file, `import { AuthX } from 'koa-authx'\n${code}`)
    return import(pathToFileURL(file).href)
  })
  return Object.assign({}, ...(await Promise.all(modules))) as {
    refreshOrExchange: (ctx: Koa.Context, authx: AuthX, former: AuthX) => Promise<TokenResponse>
    handOutCsrfCookies: (authx: AuthX) => Koa.Middleware
    audience: AuthXOptions
    issuer: AuthXOptions
    loginType: AuthXOptions
  }
}

interface Routes {
  refresh?: (ctx: Koa.Context) => Promise<TokenResponse>
  before?: Koa.Middleware[]
}

function appFor(t: TestContext, authx: AuthX, { refresh = ctx => authx.refresh(ctx), before = [] }: Routes = {}) {
  const router = new Router()
  router.post('/refresh', async ctx => {
    ctx.body = await refresh(ctx)
  })
  addLoginRoutes(router, authx, { login: { scopes: ['a'] } })
  return serve(t, appOf(authx.middleware(), ...before).use(router.routes()))
}

/** An instance for each set of options, all with the same keys, store and clock. */
function instances(t: TestContext) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  return { clock, make: (options: AuthXOptions) => makeAuthX({ store, now: () => clock.now, ...options }) }
}

/** A browser or another client: it sends what `login` gave it, and keeps what it is given. */
function clientOf() {
  const jar: Record<string, string> = {}
  const held: { access_token?: unknown; refresh_token?: unknown } = {}
  return {
    jar,
    held,
    async ask(send: Client, method: string, path: string) {
      const token = path === '/refresh' ? held.refresh_token : held.access_token
      const csrf = path === '/refresh' ? jar.csrf_refresh_token : jar.csrf_access_token
      const headers = [
        ...(token ? [bearer(String(token))] : []),
        ...(Object.keys(jar).length > 0 ? [cookie(jar)] : []),
        ...(csrf ? [['X-CSRF-TOKEN', csrf] as const] : []),
      ]
      const reply = await send({ method, path, headers })
      for (const line of reply.cookies) {
        const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split(/=(.*)/s)
        jar[name] = value
      }
      if (reply.json.access_token) Object.assign(held, reply.json)
      return reply
    },
  }
}

const COOKIES = { tokenLocation: ['cookies'] } as const
const ASKED = ['GET /protected', 'POST /protected', 'POST /refresh', 'POST /logout']

const GOOD = [200, 200, 200, 204]
const refused = (status: number, error: string) => ASKED.map(() => `${status} ${error}`)
const AUDIENCE = refused(401, 'TokenInvalidAudienceError')
const ISSUER = refused(401, 'TokenInvalidIssuerError')
const LOGIN_TYPE = refused(401, 'LoginTypeMismatchError')
const MISSING = refused(401, 'MissingTokenError')
const NO_CSRF = [200, ...refused(403, 'MissingCSRFTokenError').slice(1)]

const CHANGES: readonly [what: string, before: AuthXOptions, after: AuthXOptions, answers: (string | number)[]][] = [
  ['encodeAudience is set', {}, { encodeAudience: 'web' }, AUDIENCE],
  ['decodeAudience is set', {}, { decodeAudience: 'web' }, AUDIENCE],
  ['encodeAudience is removed', { encodeAudience: 'web' }, {}, AUDIENCE],
  [
    'encodeAudience is changed and decodeAudience lists both',
    { encodeAudience: 'web' },
    { encodeAudience: 'app', decodeAudience: ['web', 'app'] },
    GOOD,
  ],
  ['encodeIssuer is set', {}, { encodeIssuer: 'us' }, ISSUER],
  ['encodeIssuer is changed', { encodeIssuer: 'us' }, { encodeIssuer: 'them' }, ISSUER],
  ['encodeIssuer is removed', { encodeIssuer: 'us' }, {}, GOOD],
  ['loginType is set', {}, { loginType: 'user' }, LOGIN_TYPE],
  ['loginType is changed', { loginType: 'user' }, { loginType: 'admin' }, LOGIN_TYPE],
  ['loginType is removed', { loginType: 'user' }, {}, GOOD],
  ['cookieCsrfProtect is turned on', { ...COOKIES, cookieCsrfProtect: false }, COOKIES, NO_CSRF],
  ['csrfCheck is changed', COOKIES, { ...COOKIES, csrfCheck: 'origin' }, GOOD],
  ['csrfCheck is changed back', { ...COOKIES, csrfCheck: 'origin' }, COOKIES, GOOD],
  ['cookieCsrfProtect is turned off', COOKIES, { ...COOKIES, cookieCsrfProtect: false }, GOOD],
  ['cookies are added', {}, { tokenLocation: ['headers', 'cookies'] }, GOOD],
  ['headers are taken out for cookies', {}, COOKIES, MISSING],
  ['cookies are taken out for headers', COOKIES, {}, MISSING],
]

describe('a token from before a change, as the page about deploying says', () => {
  for (const [what, before, after, answers] of CHANGES) {
    test(`when ${what}`, async t => {
      const { make } = instances(t)
      const client = clientOf()
      await client.ask(await appFor(t, make(before)), 'POST', '/login')
      const send = await appFor(t, make(after))
      const got: (string | number)[] = []
      for (const [method = '', path = ''] of ASKED.map(line => line.split(' '))) {
        const { status, json } = await client.ask(send, method, path)
        got.push(json.error_type ? `${status} ${json.error_type}` : status)
      }
      assert.deepEqual(got, answers)
    })
  }

  test('keeps its audience at a refresh', async t => {
    const { make } = instances(t)
    const client = clientOf()
    await client.ask(await appFor(t, make({ encodeAudience: 'web' })), 'POST', '/login')
    const send = await appFor(t, make({ encodeAudience: 'app', decodeAudience: ['web', 'app'] }))
    await client.ask(send, 'POST', '/refresh')
    assert.equal(contentOf(String(client.held.refresh_token)).claims.aud, 'web')
  })

  test('that is refused is good again with the former options', async t => {
    const { make } = instances(t)
    const client = clientOf()
    const former = await appFor(t, make({}))
    await client.ask(former, 'POST', '/login')
    const send = await appFor(t, make({ encodeAudience: 'web' }))
    for (const path of ['/refresh', '/logout']) assert.equal((await client.ask(send, 'POST', path)).status, 401)
    assert.equal((await client.ask(former, 'POST', '/refresh')).status, 200)
  })

  test('is of a session that an instance with another loginType neither lists nor revokes by subject', async t => {
    const { make } = instances(t)
    const [former, changed] = [make({ loginType: 'user' }), make({})]
    const pair = await former.createTokenPair('ada')
    assert.deepEqual(await changed.listSessions('ada'), [])
    await changed.revokeAllSessions('ada')
    assert.equal((await changed.verifyToken(pair.access_token)).sub, 'ada')
    await former.revokeAllSessions('ada')
    await assert.rejects(changed.verifyToken(pair.access_token), { name: 'RevokedTokenError' })
  })
})

describe('an audience, an issuer or a login type is introduced as the page says', () => {
  for (const name of ['audience', 'issuer', 'loginType'] as const) {
    for (const location of [{}, COOKIES]) {
      test(`and tokens of before stay good: ${name}, ${JSON.stringify(location)}`, async t => {
        const introduced = (await recipesOf(t))[name]
        const { make } = instances(t)
        const client = clientOf()
        await client.ask(await appFor(t, make(location)), 'POST', '/login')
        const send = await appFor(t, make({ ...location, ...introduced }))
        for (const [method = '', path = ''] of ASKED.slice(0, 3).map(line => line.split(' '))) {
          assert.equal((await client.ask(send, method, path)).status, 200, path)
        }
        const later = await appFor(t, make({ ...location, ...introduced, adoptClaims: undefined }))
        const got: number[] = []
        for (const [method = '', path = ''] of ASKED.map(line => line.split(' '))) {
          got.push((await client.ask(later, method, path)).status)
        }
        assert.deepEqual(got, GOOD)
      })
    }
  }
})

describe('a former login is exchanged at its refresh', () => {
  for (const change of [{ encodeAudience: 'web' }, { encodeIssuer: 'us' }, { loginType: 'user' }]) {
    for (const location of [{}, COOKIES]) {
      test(`for one with ${JSON.stringify({ ...change, ...location })}`, async t => {
        const { refreshOrExchange } = await recipesOf(t)
        const { make } = instances(t)
        const [former, authx] = [make(location), make({ ...location, ...change })]
        const client = clientOf()
        await client.ask(await appFor(t, former), 'POST', '/login')
        const before = { ...client.jar, ...client.held }
        const send = await appFor(t, authx, { refresh: ctx => refreshOrExchange(ctx, authx, former) })
        assert.equal((await client.ask(send, 'GET', '/protected')).status, 401)
        assert.equal((await client.ask(send, 'POST', '/refresh')).status, 200)
        const page = await client.ask(send, 'GET', '/protected')
        assert.deepEqual([page.status, page.json.sub, page.json.scopes, page.json.fresh], [200, 'ada', ['a'], false])
        assert.equal((await client.ask(send, 'POST', '/refresh')).status, 200)
        const again = clientOf()
        Object.assign(again.jar, 'access_token' in before ? {} : before)
        Object.assign(again.held, 'access_token' in before ? before : {})
        assert.equal((await again.ask(send, 'POST', '/refresh')).json.error_type, 'RevokedTokenError')
      })
    }
  }

  test('and not without its CSRF value, nor for anything else that is refused', async t => {
    const { refreshOrExchange } = await recipesOf(t)
    const { make } = instances(t)
    const [former, authx] = [make(COOKIES), make({ ...COOKIES, encodeAudience: 'web' })]
    const client = clientOf()
    await client.ask(await appFor(t, former), 'POST', '/login')
    const send = await appFor(t, authx, { refresh: ctx => refreshOrExchange(ctx, authx, former) })
    const { csrf_refresh_token, ...without } = client.jar
    const reply = await send({ method: 'POST', path: '/refresh', headers: [cookie(without)] })
    assert.equal(reply.json.error_type, 'MissingCSRFTokenError')
    assert.equal((await send({ method: 'POST', path: '/refresh' })).json.error_type, 'MissingTokenError')
  })
})

describe('browsers are given their CSRF cookies before these are asked for', () => {
  test('at the first page, and no login is lost', async t => {
    const { handOutCsrfCookies } = await recipesOf(t)
    const { make } = instances(t)
    const client = clientOf()
    await client.ask(await appFor(t, make({ ...COOKIES, cookieCsrfProtect: false })), 'POST', '/login')
    const authx = make(COOKIES)
    const send = await appFor(t, authx, { before: [handOutCsrfCookies(authx)] })
    const page = await client.ask(send, 'GET', '/protected')
    assert.deepEqual([page.status, page.cookies.length], [200, 4])
    assert.equal((await client.ask(send, 'GET', '/protected')).cookies.length, 0)
    for (const [path, status] of [
      ['/protected', 200],
      ['/refresh', 200],
      ['/logout', 204],
    ] as const) {
      assert.equal((await client.ask(send, 'POST', path)).status, status, path)
    }
  })

  test('and a request with garbage in a cookie, or without one, is answered as before', async t => {
    const { handOutCsrfCookies } = await recipesOf(t)
    const authx = instances(t).make(COOKIES)
    const send = await appFor(t, authx, { before: [handOutCsrfCookies(authx)] })
    const garbage = await send({ path: '/protected', headers: [cookie({ access_token_cookie: 'garbage' })] })
    assert.deepEqual([garbage.json.error_type, garbage.cookies], ['JWTDecodeError', []])
    assert.equal((await send({ path: '/protected' })).json.error_type, 'MissingTokenError')
  })
})
