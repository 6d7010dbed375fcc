import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import Router from '@koa/router'
import jsonwebtoken from 'jsonwebtoken'
import Koa from 'koa'
import * as library from '../../src/index.js'
import { AuthX } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, type Sent, serve } from '../support/app.js'
import { issuerKey, issuerServer } from '../support/issuer-server.js'
import { projectFor } from '../support/markdown.js'
import { asAccess, blocks, NOW, PAGE_SECRET, page, token, withToken } from './koa-jwt-page.js'

// It has no types.
const unless = createRequire(import.meta.url)('koa-unless')

/** A block of the page that speaks of what is around it, as a function of that. */
async function snippet(t: TestContext, containing: string, change = (code: string) => code) {
  const found = blocks.filter(({ code }) => code.includes(containing))
  assert.equal(found.length, 1, containing)
  const code = change(found[0]?.code ?? '')
  const imports = code.split('\n').filter(line => line.startsWith('import '))
  const body = code.split('\n').filter(line => !line.startsWith('import '))
  const own = body.some(line => line.startsWith('const authx')) ? 'app, router' : 'app, router, authx'
  const lines = [
    ...new Set([...imports, "import { AuthX } from 'koa-authx'"]),
    `export const run = (${own}: any) => {`.replace(own, `{ ${own} }`),
    ...body,
    "return typeof authx === 'undefined' ? undefined : authx",
    '}',
  ]
  const folder = await projectFor(t)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'snippet.mts')
  writeFileSync(file, lines.join('\n'))
  const module = await import(pathToFileURL(file).href)
  return module.run as (around: { app?: Koa; router?: Router; authx?: AuthX }) => AuthX
}

const quiet = () => {
  const app = new Koa()
  app.silent = true
  return app
}

describe('the code of the page about koa-jwt', () => {
  test('keeps koa-unless: paths and methods without the guard, and all others with it', async t => {
    const folder = await projectFor(t)
    const code = blocks.find(({ language }) => language === 'js')?.code ?? ''
    writeFileSync(join(folder, 'unless.mts'), code)
    const { app } = await import(pathToFileURL(join(folder, 'unless.mts')).href)
    app.silent = true
    const client = await serve(t, app)
    const good = new AuthX({ secretKey: PAGE_SECRET }).createAccessToken('ada')
    const status = async (sent: Sent) => (await client(sent)).status
    assert.equal(await status({ path: '/public/a' }), 200)
    assert.equal(await status({ method: 'OPTIONS', path: '/private' }), 200)
    assert.equal(await status({ path: '/private' }), 401)
    assert.equal((await withToken(client, good, { path: '/private' })).json.sub, 'ada')
    assert.equal((await withToken(client, good, { path: '/public' })).json.sub, 'ada', 'as with passthrough')
    const report = library.audit(app)
    assert.equal(JSON.stringify(report).includes('accessTokenRequired'), false)
  })

  test('leaves /refresh and /logout out of a guard for all routes, which would refuse their tokens', async t => {
    const [, list = ''] = /^From step 2 on, .*`path: (\[.*?\])`/m.exec(page) ?? []
    const named = [...list.matchAll(/'(\/\w+)'/g)].map(([, path = '']) => path)
    assert.deepEqual(named, ['/login', '/refresh', '/logout'])
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const router = new Router()
    router.post('/refresh', async ctx => {
      ctx.body = await authx.refresh(ctx)
    })
    router.post('/logout', async ctx => {
      await authx.logout(ctx)
      ctx.status = 204
    })
    const guard = Object.assign(authx.accessTokenRequired(), { unless })
    const apps = [['/login'], named].map(path => appOf(authx.middleware(), guard.unless({ path })).use(router.routes()))
    const statuses = []
    for (const app of apps) {
      const client = await serve(t, app)
      const { refresh_token } = await authx.createTokenPair('ada')
      for (const path of ['/refresh', '/logout'])
        statuses.push((await withToken(client, refresh_token, { method: 'POST', path })).status)
    }
    assert.deepEqual(statuses, [401, 401, 200, 204])
  })

  for (const [kind, mark] of [
    ['ids', 'payload => blocked.has(payload.jti)'],
    ['encoded tokens', 'const notBlocked'],
  ] as const) {
    test(`asks a list of ${kind} that a server of before fills, and its logout fills it too`, async t => {
      const authx = makeAuthX({ adoptClaims: asAccess, store: new MemoryTokenStore() })
      const router = new Router()
      const shared = new Set<string>()
      Object.assign(globalThis, { sharedWithTheOldProgram: shared })
      const run = await snippet(t, mark, code =>
        code
          .replace('new Set<string>()', '(globalThis as any).sharedWithTheOldProgram')
          .replace("router.post('/logout'", `${mark.startsWith('const') ? "router.use('/me', notBlocked)\n" : ''}$&`),
      )
      run({ router, authx })
      router.get('/me', authx.accessTokenRequired(), ctx => {
        ctx.body = ctx.state.token
      })
      const client = await serve(t, appOf(authx.middleware()).use(router.routes()))
      const entry = (jti: string, encoded: string) => (kind === 'ids' ? jti : encoded)
      const [one, other] = [token({ jti: 'one' }), token({ jti: 'other' })]
      const me = async (each: string) => (await withToken(client, each, { path: '/me' })).status
      assert.deepEqual([await me(one), await me(other)], [200, 200])
      shared.add(entry('one', one))
      assert.deepEqual([await me(one), await me(other)], [401, 200])
      assert.equal((await withToken(client, other, { method: 'POST', path: '/logout' })).status, 204)
      assert.ok(shared.has(entry('other', other)), 'servers of before refuse it')
      assert.equal(await me(other), 401)
    })
  }

  test('keeps the names in ctx.state', async t => {
    const authx = makeAuthX({ adoptClaims: asAccess })
    const app = quiet().use(authx.middleware()).use(authx.accessTokenRequired())
    ;(await snippet(t, 'ctx.state.user = ctx.state.token'))({ app, authx })
    app.use(ctx => {
      ctx.body = [ctx.state.user.sub, ctx.state.jwt]
    })
    const sent = token()
    assert.deepEqual(JSON.parse((await withToken(await serve(t, app), sent)).text), ['ada', sent])
  })

  test('sets these names on public pages too, and refuses no request there', async t => {
    const authx = makeAuthX({ adoptClaims: asAccess })
    const app = quiet().use(authx.middleware())
    ;(await snippet(t, 'ctx.state.user = ctx.state.token'))({ app, authx })
    app.use(ctx => {
      ctx.body = { sub: ctx.state.user?.sub ?? null }
    })
    const client = await serve(t, app)
    assert.deepEqual((await withToken(client, token())).json, { sub: 'ada' })
    assert.deepEqual((await client({ headers: [['Authorization', 'Bearer a b']] })).json, { sub: null })
  })

  test('reads tokens in other places', async t => {
    const authx = makeAuthX({ adoptClaims: asAccess })
    const app = quiet()
    ;(await snippet(t, 'X-Access-Token'))({ app, authx })
    app.use(authx.middleware()).use(authx.accessTokenRequired())
    app.use(ctx => {
      ctx.body = ctx.state.token.sub
    })
    const client = await serve(t, app)
    assert.equal((await client({ headers: [['X-Access-Token', token()]] })).text, 'ada')
    const both = [['X-Access-Token', token()], bearer(token({ sub: 'eve' }))] as const
    assert.equal((await client({ headers: both })).text, 'eve')
    assert.equal((await client()).status, 401)
  })

  test('keeps the body of errors, with status and challenge', async t => {
    const authx = makeAuthX()
    const app = quiet()
    ;(await snippet(t, 'onError'))({ app, authx })
    app.use(authx.accessTokenRequired())
    const { status, text, headers } = await (await serve(t, app))()
    assert.deepEqual([status, text], [401, 'Authentication Error'])
    assert.match(String(headers['www-authenticate']), /^Bearer/)
  })

  test('verifies with jwks-rsa', async t => {
    const key = await issuerKey('one', 'RS256')
    const server = await issuerServer(t, key)
    const run = await snippet(t, 'koaJwtSecret({', code =>
      code.replace('https://keys.example.com/jwks.json', server.jwksUri),
    )
    const authx = run({})
    const [own, jti] = [await server.token({ iss: undefined, aud: undefined, jti: undefined }), 'a-token']
    assert.equal((await authx.verifyToken(own)).sub, 'ada')
    const strange = await server.token({ iss: undefined, aud: undefined, jti }, {}, await issuerKey('two', 'RS256'))
    await assert.rejects(authx.verifyToken(strange), { name: 'TokenInvalidSignatureError' })
  })

  test('verifies tokens of an identity provider', async t => {
    const server = await issuerServer(t)
    const run = await snippet(t, 'remoteIssuer({', code => code.replace('https://login.example.com/', server.issuer))
    assert.equal((await run({}).verifyToken(await server.token())).sub, 'ada')
  })

  test('exchanges tokens that a short secret has signed, and refuses all others', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const router = new Router()
    ;(await snippet(t, 'short secret'))({ router, authx })
    router.get('/me', authx.accessTokenRequired(), ctx => {
      ctx.body = ctx.state.token
    })
    const client = await serve(t, appOf(authx.middleware()).use(router.routes()))
    const exchange = (each: string) => withToken(client, each, { method: 'POST', path: '/exchange' })
    const old = jsonwebtoken.sign({ id: 7, role: 'admin' }, 'short secret', { expiresIn: '1h' })
    const { json } = await exchange(old)
    const me = await withToken(client, String(json.access_token), { path: '/me' })
    assert.deepEqual([me.json.sub, me.json.id, me.json.role], ['7', 7, 'admin'])
    const expired = jsonwebtoken.sign({ id: 7, exp: NOW - 5 }, 'short secret')
    const otherUse = jsonwebtoken.sign({ email: 'ada@example.com' }, 'short secret', { expiresIn: '1h' })
    for (const each of [expired, otherUse, token(), 'garbage']) assert.equal((await exchange(each)).status, 401)
    assert.equal((await client({ method: 'POST', path: '/exchange' })).status, 401)
    assert.equal((await withToken(client, old, { path: '/me' })).status, 401)
  })
})
