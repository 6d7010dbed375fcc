import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type Koa from 'koa'
import { AuthX, type AuthXOptions } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { PostgresTokenStore } from 'koa-authx/stores/postgres'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { SqliteTokenStore } from 'koa-authx/stores/sqlite'
import { Program } from '../examples/programs.js'
import { appOf, cookie, makeAuthX, serve } from '../support/app.js'
import { projectFor, readPage } from '../support/markdown.js'
import { ask as askPostgres, startPostgres } from '../support/postgres.js'
import { startRedis } from '../support/redis.js'
import { temporaryFolder } from '../support/temporary.js'

const PAGE = readPage('docs/deploying.md')
const USER = '0b9f6f2e-7f1c-4d55-9a63-2d2f5c7a9b11'
const COOKIES = { tokenLocation: ['cookies'] } satisfies AuthXOptions
const KB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`

/** An application that logs somebody in with so many scopes of 27 characters, and guards everything else. */
function appWith(options: AuthXOptions) {
  const authx = makeAuthX({ ...COOKIES, store: new MemoryTokenStore(), ...options })
  const scopes = (count: number) => Array.from({ length: count }, (_, n) => `department-${n % 10}:documents:read`)
  return appOf(authx.middleware(), async (ctx, next) => {
    if (ctx.path !== '/login') return next()
    ctx.body = await authx.login(ctx, USER, { scopes: scopes(Number(ctx.query.scopes)) })
  })
    .use(authx.accessTokenRequired() as Koa.Middleware)
    .use(ctx => {
      ctx.body = 'welcome'
    })
}

/** The status and the bytes of the head of a login's response, as they stand on the wire, and the cookies. */
async function login(t: TestContext, app: Koa, scopes: number) {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(`POST /login?scopes=${scopes} HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n`)
  const response = (await socket.toArray()).join('')
  const head = response.slice(0, response.indexOf('\r\n\r\n') + 4)
  const pairs = [...head.matchAll(/^Set-Cookie: ([^;]*)/gim)].map(([, pair = '']) => pair)
  return { status: Number(head.split(' ')[1]), bytes: Buffer.byteLength(head), cookies: pairs.join('; ') }
}

describe('the sizes of headers on the page about deploying', () => {
  const rows = [...PAGE.matchAll(/^\| (\d+) \| ([\d.]+ kB) \| ([\d.]+ kB) \|$/gm)]

  for (const [, scopes = '', headers = '', sent = ''] of rows) {
    test(`are those of a login with ${scopes} scopes`, async t => {
      const { status, bytes, cookies } = await login(t, appWith({}), Number(scopes))
      assert.deepEqual([status, KB(bytes), KB(cookies.length)], [200, headers, sent])
    })
  }

  test('are of three logins: one fits into 4 kB, the others do not', async t => {
    assert.deepEqual(
      rows.map(([, scopes]) => scopes),
      ['0', '40', '80'],
    )
    const fits = await Promise.all(
      rows.map(async ([, scopes]) => (await login(t, appWith({}), Number(scopes))).bytes <= 4096),
    )
    assert.deepEqual(fits, [true, false, false])
  })

  test('grow by 2.7 bytes for each character of a scope', async t => {
    const [few, many] = [await login(t, appWith({}), 10), await login(t, appWith({}), 50)]
    // A scope is written with two quotes and a comma.
    assert.equal(((many.bytes - few.bytes) / (40 * (27 + 3))).toFixed(1), '2.7')
  })

  test('never exceed what the page tells nginx to accept: more is an error before a cookie is set', async t => {
    const [, response = ''] = /`proxy_buffer_size (\d+)k;`/.exec(PAGE) ?? []
    const [, request = ''] = /`large_client_header_buffers 4 (\d+)k;`/.exec(PAGE) ?? []
    const app = appWith({})
    let most = 80
    while ((await login(t, app, most + 1)).status === 200) most++
    const { bytes, cookies } = await login(t, app, most)
    assert.ok(bytes < Number(response) * 1024, `${bytes}`)
    assert.ok(cookies.length < Number(request) * 1024, `${cookies.length}`)
    const tooMany = await login(t, app, most + 1)
    assert.deepEqual([tooMany.status, tooMany.cookies], [500, ''])
    // And Node accepts them, with its default limit.
    const client = await serve(t, app)
    const jar = Object.fromEntries(cookies.split('; ').map(pair => pair.split(/=(.*)/s) as [string, string]))
    assert.equal((await client({ path: '/', headers: [cookie(jar)] })).status, 200)
  })
})

describe('cookies', () => {
  const lifeOf = async (t: TestContext, options: AuthXOptions) => {
    const client = await serve(t, appWith(options))
    const { cookies } = await client({ method: 'POST', path: '/login?scopes=0' })
    return cookies.map(line => /; Max-Age=\d+|; Expires=/i.test(line))
  }

  test('end with the browser by default, and do not with sessionCookie: false, as the table of problems says', async t => {
    assert.match(readPage('docs/getting-started.md'), /close the browser .*`sessionCookie: false`/)
    assert.deepEqual(await lifeOf(t, {}), [false, false, false, false])
    assert.deepEqual(await lifeOf(t, { sessionCookie: false }), [true, true, true, true])
  })
})

const secretKey = 'a secret for tests, of 32 bytes or more'
/** Nothing here is about how soon a store answers: other tests keep the processors busy. */
const storeTimeout = 20_000
const isLive = (authx: AuthX, token: string) =>
  authx.verifyToken(token).then(
    () => true,
    ({ name }: Error) => name,
  )

describe('a volume that has tokens.sqlite without its log', () => {
  /** A login, another one that has logged out, and what a new container finds of them. */
  async function replaced(t: TestContext, close: boolean) {
    const { folder, remove } = await temporaryFolder()
    const [inContainer, volume] = [join(folder, 'tokens.sqlite'), join(folder, 'volume.sqlite')]
    const authx = new AuthX({
      secretKey,
      storeTimeout,
      store: new SqliteTokenStore(inContainer, { timeout: storeTimeout }),
    })
    const ended = await authx.createTokenPair('ada')
    // A restart in between: the login is in the file itself.
    await authx.close()
    const again = new AuthX({
      secretKey,
      storeTimeout,
      store: new SqliteTokenStore(inContainer, { timeout: storeTimeout }),
    })
    const kept = await again.createTokenPair('ada')
    await again.revoke(ended.access_token)
    if (close) await again.close()
    copyFileSync(inContainer, volume)
    const next = new AuthX({ secretKey, storeTimeout, store: new SqliteTokenStore(volume, { timeout: storeTimeout }) })
    t.after(async () => {
      await Promise.all([again.close(), next.close()])
      await remove()
    })
    return { login: await isLive(next, kept.access_token), logout: await isLive(next, ended.access_token) }
  }

  test('has lost logins and logouts of a container that was killed', async t => {
    assert.deepEqual(await replaced(t, false), { login: 'RevokedTokenError', logout: true })
  })

  test('has everything after authx.close()', async t => {
    assert.deepEqual(await replaced(t, true), { login: true, logout: 'RevokedTokenError' })
  })
})

describe('a function without a server of its own', () => {
  const STORES = {
    memory: "import { MemoryTokenStore } from 'koa-authx/stores/memory'\nconst store = new MemoryTokenStore()",
    SQLite:
      "import { SqliteTokenStore } from 'koa-authx/stores/sqlite'\nconst store = new SqliteTokenStore('tokens.sqlite')",
  }
  for (const [name, code] of Object.entries(STORES)) {
    test(`ends without close() after it was used, with ${name}: no timer keeps its process alive`, async t => {
      const folder = await projectFor(t)
      writeFileSync(
        join(folder, 'function.mjs'),
        `import { AuthX } from 'koa-authx'
${code}
const authx = new AuthX({ secretKey: '${secretKey}', storeTimeout: 20_000, store })
const { access_token, refresh_token } = await authx.createTokenPair('test')
await authx.verifyToken(access_token)
await authx.revoke(refresh_token)
console.log(await authx.listSessions('test'))
`,
      )
      const program = new Program('./function.mjs', folder)
      assert.equal(await program.exitCode(), 0, program.stderr)
      assert.match(program.stdout, /^\[\]/)
    })
  }

  /** Twenty calls at once of a warm instance: what its handler is called for. */
  async function calledOften(store: RedisTokenStore | PostgresTokenStore) {
    const authx = new AuthX({ secretKey, storeTimeout, store })
    const { access_token } = await authx.createTokenPair('test')
    const calls = Array.from({ length: 20 }, () => authx.verifyToken(access_token))
    assert.equal((await Promise.all(calls)).length, 20)
    return authx
  }

  test('has one connection to Redis, however many calls a warm instance has', async t => {
    const redis = await startRedis()
    t.after(() => redis.stop())
    const authx = await calledOften(new RedisTokenStore(redis.url, { timeout: storeTimeout }))
    const clients = (await redis.command('CLIENT', 'LIST')).split('\n').filter(line => /\bid=/.test(line))
    // One of them is the question.
    assert.equal(clients.length, 2)
    await authx.close()
  })

  test('has one connection to PostgreSQL with max: 1', async t => {
    const server = await startPostgres()
    t.after(() => server.stop())
    const options = { connectionString: server.url, max: 1, application_name: 'a function' }
    const authx = await calledOften(new PostgresTokenStore(options, { timeout: storeTimeout }))
    const [row] = await askPostgres(
      server.url,
      "SELECT count(*)::int AS connections FROM pg_stat_activity WHERE application_name = 'a function'",
    )
    assert.equal(row?.connections, 1)
    await authx.close()
  })
})
