/**
 * A program that does what can be done with the library, well and badly, and prints everything that it lets out: events,
 * traces, errors, inspected instances. Run it with `NODE_DEBUG=koa-authx`. What must not be in any of that, it sends to
 * its parent: every token, CSRF value and secret that there was.
 */
import { generateKeyPairSync } from 'node:crypto'
import { tracingChannel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import Router from '@koa/router'
import Koa from 'koa'
import { koaBody } from 'koa-body'
import { AuthManager, AuthX, type AuthXEvents, type AuthXOptions } from '../../src/index.js'
import type { TokenStore } from '../../src/store.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { RedisTokenStore } from '../../stores/redis.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { type Client, type Reply, serve } from './app.js'
import { forge } from './signing.js'

const SECRET = 'TEST-ONLY-secret-that-nobody-may-see-0123456789-0123456789-0123456789'
const PREVIOUS = 'TEST-ONLY-previous-secret-that-nobody-may-see-0123456789-0123456789'
const PASSWORD = 'TEST-ONLY-password-of-Redis'
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})

const secrets = new Set<string>([
  SECRET,
  PREVIOUS,
  PASSWORD,
  ...privateKey.split('\n').filter(line => line.length > 40),
])
const seen = (what: unknown) => console.log(inspect(what, { depth: null, showHidden: true, maxStringLength: null }))

// With `debug-only` nobody subscribes, as in most applications: what is printed then must be as good.
for (const name of process.argv[2] === 'debug-only' ? [] : ['verify', 'store', 'refresh']) {
  const [start, end, asyncStart, asyncEnd, error] = Array.from({ length: 5 }, () => seen)
  tracingChannel(`koa-authx:${name}`).subscribe({ start, end, asyncStart, asyncEnd, error } as never)
}

/** Every text that looks like a token, its signature, and the CSRF values beside it. */
function keepSecret(reply: Reply): Reply {
  const texts = [reply.text, ...reply.cookies]
  for (const text of texts) {
    for (const [token, , , signature = ''] of text.matchAll(/([\w-]{10,})\.([\w-]{10,})\.([\w-]{20,})/g)) {
      secrets.add(token).add(signature)
    }
    for (const [, value = ''] of text.matchAll(/csrf_\w+(?:=|":")([^;"]+)/g)) secrets.add(value)
  }
  return reply
}

/** One server with every flow; `cleanup` are what a test's context would do after it. */
async function serverOf(options: AuthXOptions, cleanup: (() => unknown)[]): Promise<{ authx: AuthX; send: Client }> {
  const authx = new AuthX({ secretKey: SECRET, previousSecretKey: PREVIOUS, ...options })
  const events = 'issued refreshed replayed reuse revoked allRevoked storeRollback refused storeError'.split(' ')
  for (const name of events) authx.on(name as keyof AuthXEvents, event => seen([name, event]))
  const router = new Router()
  router.post('/login', async ctx => {
    ctx.body = await authx.login(ctx, 'ada', { scopes: ['a'] })
  })
  router.post('/refresh', async ctx => {
    ctx.body = await authx.refresh(ctx)
  })
  router.post('/logout', async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })
  const guarded = [authx.accessTokenRequired(), authx.freshTokenRequired(), authx.scopesRequired('b')]
  router.all('/guarded', authx.refreshTokenRequired({ optional: true }), ...guarded, ctx => {
    ctx.body = 'in'
  })
  router.all('/simple', authx.accessTokenRequired(), ctx => {
    ctx.body = 'in'
  })
  const app = new Koa()
  app.on('error', error => seen(error))
  app.use(koaBody()).use(async (_ctx, next) => {
    try {
      await next()
    } catch (error) {
      seen(error)
      throw error
    }
  })
  const send = await serve({ after: (run: () => unknown) => cleanup.push(run) } as never, app.use(router.routes()))
  return { authx, send: async sent => keepSecret(await send(sent)) }
}

/** The ways in which the same token can be sent. */
function requests(access: string, refresh: string, csrf: string): Parameters<Client>[0][] {
  const tokens = [access, refresh, `${access}x`, `${access} ${refresh}`, access.replace(/\.[^.]*$/, '.AAAA'), '']
  const json = (token: string) => JSON.stringify({ access_token: token, refresh_token: token })
  const cookies = (token: string) => ['Cookie', `access_token_cookie=${token}; refresh_token_cookie=${token}`] as const
  return ['/simple', '/guarded', '/refresh', '/refresh', '/logout'].flatMap(path =>
    tokens.flatMap(token => [
      { method: 'POST', path, headers: [['Authorization', `Bearer ${token}`] as const] },
      { method: 'POST', path, headers: [cookies(token), ['X-CSRF-TOKEN', csrf] as const] },
      { method: 'POST', path, headers: [cookies(token), ['X-CSRF-TOKEN', `${csrf}x`] as const] },
      { method: 'POST', path, headers: [cookies(token)] },
      { method: 'POST', path, headers: [['Content-Type', 'application/json'] as const], body: json(token) },
      { method: 'POST', path: `${path}?token=${encodeURIComponent(token)}` },
    ]),
  )
}

async function exercise(options: AuthXOptions): Promise<void> {
  const cleanup: (() => unknown)[] = []
  const { authx, send } = await serverOf(options, cleanup)
  try {
    seen(authx)
    console.log(JSON.stringify(authx), String(authx))
    const login = await send({ method: 'POST', path: '/login' })
    const text = `${login.text} ${login.cookies.join(' ')}`
    const [access = '', refresh = ''] = [...text.matchAll(/[\w-]{10,}\.[\w-]{10,}\.[\w-]{20,}/g)].map(
      ([token]) => token,
    )
    const [, csrf = ''] = /csrf_access_token=([^;]+)/.exec(text) ?? []
    for (const request of requests(access, refresh, csrf)) await send(request)
    const others = [authx.createAccessToken('ada'), forge({ sub: 'ada', csrf: 'CSRF-value' }), forge({}, {}, PREVIOUS)]
    secrets.add('CSRF-value')
    for (const token of others) {
      secrets.add(token)
      for (const path of ['/simple', '/refresh', '/logout']) {
        await send({ method: 'POST', path, headers: [['Authorization', `Bearer ${token}`]] })
      }
      await authx.verifyToken(token).catch(seen)
      await authx.revoke(token).catch(seen)
    }
    const upgrade = { url: `/?token=${access}`, rawHeaders: [] as string[], method: 'GET' }
    for (const headers of [
      { cookie: `access_token_cookie=${access}`, origin: 'https://evil.example' },
      { 'sec-websocket-protocol': `authx, ${access}` },
      { authorization: `Bearer ${access}x` },
    ]) {
      const request = { ...upgrade, headers } as unknown as IncomingMessage
      await authx.authenticateUpgrade(request, { origins: ['https://app.example'] }).then(() => {}, seen)
    }
    const payload = await authx.verifyToken(authx.createAccessToken('ada'), { type: 'access' }).catch(() => undefined)
    const signals = payload ? [authx.abortWhenOver(payload), authx.abortWhenOver({ ...payload, exp: 1 })] : []
    await authx.revokeAllSessions('ada').catch(seen)
    await new Promise(setImmediate)
    for (const signal of signals) seen([signal, signal.reason])
  } finally {
    for (const each of cleanup) each()
    await authx.close()
  }
}

/** A store that keeps what it was told to itself and answers with it: nothing of it may come out in an error. */
function garbling(): TokenStore {
  return {
    get: async keys => keys.map(() => `{"csrf":"CSRF-value","token":"${SECRET}"`),
    compareAndSet: async () => true,
  }
}

const away = () => new RedisTokenStore(`redis://user:${PASSWORD}@127.0.0.1:1/0`)
const everywhere = { tokenLocation: ['headers', 'cookies', 'json', 'query'] } as const
const variants: AuthXOptions[] = [
  { store: new MemoryTokenStore(), ...everywhere },
  { store: new SqliteTokenStore(':memory:'), ...everywhere, csrfInCookies: false, refreshGracePeriod: 0 },
  { store: away(), ...everywhere },
  { store: garbling(), ...everywhere },
  { store: new SqliteTokenStore('/nowhere/tokens.sqlite'), ...everywhere },
  { algorithm: 'RS256', secretKey: undefined, previousSecretKey: undefined, privateKey, ...everywhere },
  { getKey: () => Promise.reject(new Error('no key')), store: new MemoryTokenStore() },
  { cookieSecure: false, now: () => Date.now() + 1e10, store: new MemoryTokenStore(), tokenLocation: ['cookies'] },
]
for (const options of variants) await exercise(options)

const users = new AuthX({ loginType: 'user', secretKey: SECRET })
seen(new AuthManager({ user: users, admin: new AuthX({ loginType: 'admin', secretKey: PREVIOUS }) }))
seen([away(), new MemoryTokenStore()])
for (const wrong of [
  { secretKey: SECRET.slice(0, 20) },
  { secretKey: privateKey },
  { algorithm: 'RS256', privateKey: SECRET },
]) {
  try {
    new AuthX({ accessTokenExpires: SECRET, ...wrong } as AuthXOptions)
  } catch (error) {
    seen(error)
  }
}
secrets.add(SECRET.slice(0, 20))
process.send?.(
  [...secrets].filter(secret => secret.length > 7),
  () => process.exit(),
)
