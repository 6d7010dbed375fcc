import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { AuthX, type AuthXOptions, StoreUnavailableError, UnavailableError } from 'koa-authx'
import { AuthXClient } from 'koa-authx/client'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { RedisTokenStore } from 'koa-authx/stores/redis'
import { SqliteTokenStore } from 'koa-authx/stores/sqlite'
import { appOf, type Client, cookie, makeAuthX, type Sent, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { readPage } from '../support/markdown.js'
import { refreshWith } from '../support/refresh.js'

const CHANGELOG = readPage('CHANGELOG.md')

interface Change {
  /** The words of the list that tell it. */
  readonly told: string
  /** What was right in 0.1.0: it throws now, or does something else than `now`. */
  before(t: TestContext): unknown
  /** What to write instead. */
  after(t: TestContext): unknown
  /** What `after` comes to. Default: that it does not throw. */
  readonly now?: unknown
}

const COOKIES = { tokenLocation: ['cookies'] } as const
const publicKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' })

/** The status of a request to an application whose middleware is `use`, and that logs in at `/login`. */
async function statusOf(t: TestContext, options: AuthXOptions, sent: (client: Client) => Promise<Sent>) {
  const authx = makeAuthX({ store: new MemoryTokenStore(), ...options })
  const app = appOf(authx.middleware(), async (ctx, next) => {
    if (ctx.path !== '/login') return next()
    ctx.body = await authx.login(ctx, 'test')
  })
  app.use(authx.accessTokenRequired() as never)
  const client = await serve(
    t,
    app.use(ctx => {
      ctx.status = 204
    }),
  )
  return (await client(await sent(client))).status
}

/** A request with the cookies of a login, without a CSRF value. */
const withCookies =
  (method: string) =>
  async (client: Client): Promise<Sent> => {
    const { cookies } = await client({ method: 'POST', path: '/login' })
    const jar = Object.fromEntries(cookies.map(line => (line.split(';')[0] ?? '').split(/=(.*)/s) as [string, string]))
    return { method, path: '/', headers: [cookie(jar)] }
  }

/** A form of a page of another origin. */
const form = async (): Promise<Sent> => ({
  method: 'POST',
  path: '/login',
  headers: [
    ['Origin', 'https://app.example'],
    ['Sec-Fetch-Site', 'cross-site'],
    ['Content-Type', 'application/x-www-form-urlencoded'],
  ],
})

/** Whether a token in a cookie is renewed shortly before its end. */
async function isRenewed(t: TestContext, renewable: boolean) {
  let time = TEST_NOW
  const authx = makeAuthX({ ...COOKIES, store: new MemoryTokenStore(), now: () => time })
  const app = appOf(authx.middleware(), authx.implicitRefresh(), ctx => {
    ctx.body = 'page'
  })
  const client = await serve(t, app)
  const token = authx.createAccessToken('test', renewable ? { renewable } : {})
  time += 10 * 60_000
  return (await client({ headers: [cookie({ access_token_cookie: token })] })).cookies.length > 0
}

/** What comes of a refresh token that was used a minute ago, and whose answer was lost. */
async function lateReplay(options: AuthXOptions) {
  let time = TEST_NOW
  const authx = makeAuthX({ store: new MemoryTokenStore(), now: () => time, ...options })
  const { refresh_token } = await authx.createTokenPair('test')
  await refreshWith(authx, refresh_token)
  time += 60_000
  return refreshWith(authx, refresh_token).then(
    () => 'tokens',
    ({ name }) => name,
  )
}

/** The error of a blocklist that fails. */
async function errorOfBlocklist(): Promise<unknown> {
  const authx = makeAuthX()
  authx.setTokenBlocklist(() => Promise.reject(new Error('down')))
  return authx.verifyToken(authx.createAccessToken('test')).catch(error => error)
}

const authx = () => makeAuthX({ store: new MemoryTokenStore() })
const tokenOf = (instance: AuthX) => instance.createAccessToken('test')

const CHANGES: Readonly<Record<string, Change>> = {
  'isRevoked with an encoded token': {
    told: '`isRevoked` takes a payload',
    before: () => authx().isRevoked(tokenOf(authx()) as never),
    after: async () => authx().isRevoked(await authx().verifyToken(tokenOf(authx()))),
    now: false,
  },
  'a token that is made by hand and renewed': {
    told: '`implicitRefresh()` renews only tokens that say so',
    before: t => isRenewed(t, false),
    after: t => isRenewed(t, true),
    now: true,
  },
  'a method such as PURGE without a CSRF value': {
    told: 'Every method but GET, HEAD, OPTIONS and TRACE requires the CSRF value',
    before: t => statusOf(t, COOKIES, withCookies('PURGE')),
    after: t => statusOf(t, { ...COOKIES, csrfMethods: ['POST', 'PUT', 'PATCH', 'DELETE'] }, withCookies('PURGE')),
    now: 204,
  },
  'a login by the form of another origin': {
    told: 'A login of another site that would set cookies is refused',
    before: t => statusOf(t, COOKIES, form),
    after: t => statusOf(t, { ...COOKIES, csrfCheck: 'origin', trustedOrigins: ['https://app.example'] }, form),
    now: 200,
  },
  'a Date in data': {
    told: '`data`, `device` and `headers` are plain JSON',
    before: () => authx().createTokenPair('test', { data: { since: new Date() as never } }),
    after: () => authx().createTokenPair('test', { data: { since: new Date().toISOString() } }),
  },
  'amr in data': {
    told: '`data` cannot set `auth_time` and `amr`',
    before: () => authx().createTokenPair('test', { data: { amr: ['pwd'] } }),
    after: () => authx().createTokenPair('test', { amr: ['pwd'] }),
  },
  'a login of a subject that the subject getter does not find': {
    told: 'A subject getter is also asked by `login`',
    before: () => {
      const instance = authx()
      instance.setSubjectGetter((_sub, ctx) => ((ctx as { path: string }).path === '/me' ? {} : undefined))
      return instance.createTokenPair('test')
    },
    after: () => {
      const instance = authx()
      instance.setSubjectGetter((_sub, ctx) => (ctx?.path === '/other' ? undefined : {}))
      return instance.createTokenPair('test')
    },
  },
  'a refresh with getKey alone': {
    told: 'With `getKey`, tokens that only the returned key has verified are not refreshed',
    before: () => refreshed({ secretKey: undefined, getKey: () => TEST_SECRET }),
    after: () => refreshed({ getKey: () => TEST_SECRET }),
  },
  'a used-up refresh token after the grace period': {
    told: 'A used-up refresh token that comes back late gets new tokens',
    before: () => lateReplay({}),
    after: () => lateReplay({ refreshRecovery: 0 }),
    now: 'ReusedTokenError',
  },
  'a blocklist that fails': {
    told: 'A callback of yours or a limiter that gives no answer is `CallbackUnavailableError`',
    before: async () => (await errorOfBlocklist()) instanceof StoreUnavailableError,
    after: async () => (await errorOfBlocklist()) instanceof UnavailableError,
    now: true,
  },
  'host and port of Redis': {
    told: '`RedisTokenStore` refuses options that node-redis does not know',
    before: () => new RedisTokenStore({ host: '10.0.0.5', port: 6379 } as object),
    after: () => new RedisTokenStore({ socket: { host: '10.0.0.5', port: 6379 } }).close(),
  },
  'a URL of SQLite': {
    told: '`SqliteTokenStore` takes a path, not a URL',
    before: () => new SqliteTokenStore('file:tokens.sqlite'),
    after: () => new SqliteTokenStore('tokens.sqlite').close(),
  },
  'a public key as a secret': {
    told: 'A key of a key pair is never an HMAC secret',
    before: () => new AuthX({ secretKey: publicKey.toString().replace(/-----.*?-----|\n/g, '') }),
    after: () => new AuthX({ algorithm: 'RS256', publicKey }),
  },
  'an unknown option of the client': {
    told: '`AuthXClient`** refuses unknown options',
    before: () => new AuthXClient({ tokens: 'cookies', baseUrl: 'http://localhost', loginPath: '/login' } as never),
    after: () =>
      new AuthXClient({ tokens: 'cookies', baseUrl: 'http://localhost', paths: { login: '/login' } }).close(),
  },
}

/** A refresh of a token that the instance, or another one with its secret, has issued. */
async function refreshed(options: AuthXOptions) {
  const store = new MemoryTokenStore()
  const { refresh_token } = await makeAuthX({ store }).createTokenPair('test')
  await refreshWith(makeAuthX({ store, ...options }), refresh_token)
}

describe('what was written for 0.1.0, as the changelog says', () => {
  for (const [what, { told, before, after, now }] of Object.entries(CHANGES)) {
    test(`${what}: breaks, and what to write instead works`, async t => {
      assert.ok(CHANGELOG.includes(told), told)
      const broken = await (async () => before(t))().then(
        result => now !== undefined && result !== now,
        () => true,
      )
      assert.ok(broken)
      const result = await after(t)
      if (now !== undefined) assert.equal(result, now)
    })
  }
})
