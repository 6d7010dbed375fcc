import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import Koa from 'koa'
import websockify from 'koa-websocket'
import { WebSocket } from 'ws'
import { type AuthXOptions, PolicyEngine } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, makeAuthX, serve } from '../support/app.js'
import type { Header } from '../support/upgrades.js'

const base = { tokenLocation: ['cookies', 'headers', 'query'], cookieSecure: false } satisfies AuthXOptions
const UPGRADE: readonly Header[] = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
]
const EVIL: Header = ['Origin', 'https://evil.example']

/** An application whose guards see requests for an upgrade, as packages such as koa-websocket show them. */
async function scene(t: Parameters<typeof serve>[0], options: AuthXOptions = {}, prepare = (_app: Koa) => {}) {
  const authx = makeAuthX({ ...base, store: new MemoryTokenStore(), ...options })
  authx.setPolicyEngine(new PolicyEngine({ rules: [{ effect: 'allow', actions: ['read'], resources: ['clock'] }] }))
  const guards = {
    '/guard': authx.accessTokenRequired(),
    '/optional': authx.accessTokenRequired({ optional: true }),
    '/no-csrf': authx.accessTokenRequired({ verifyCsrf: false }),
    '/policy': authx.policyRequired('read', 'clock'),
    '/authorize': async (ctx: Koa.Context, next: Koa.Next) => {
      await authx.authorize(ctx, 'read', 'clock')
      await next()
    },
  } as unknown as Record<string, Koa.Middleware>
  const app = appOf(authx.middleware(), async (ctx, next) => (guards[ctx.path] ?? ((_, go) => go()))(ctx, next))
  app.use(ctx => {
    ctx.body = { sub: ctx.state.token?.sub ?? null }
  })
  prepare(app)
  const send = await serve(t, app)
  const { access_token: token } = await authx.createTokenPair('ada')
  const inCookie = cookie({ access_token_cookie: token })
  const ask = async (path: string, headers: readonly Header[]) => {
    const { status, json } = await send({ path, headers })
    return status === 200 ? json.sub : `${status} ${json.error_type}`
  }
  return { authx, token, inCookie, ask }
}

describe('on a request for a WebSocket', () => {
  test('every guard, and authorize, refuses a token from a cookie that a page of another site has sent', async t => {
    for (const options of [{}, { cookieCsrfProtect: false }]) {
      const { ask, inCookie } = await scene(t, options)
      for (const path of ['/guard', '/optional', '/no-csrf', '/policy', '/authorize']) {
        assert.equal(await ask(path, [...UPGRADE, inCookie, EVIL]), '403 CSRFError', path)
        assert.equal(await ask(path, [...UPGRADE, inCookie]), '403 CSRFError', `${path} without an Origin`)
        assert.equal(await ask(path, [inCookie, EVIL]), 'ada', `${path} without an upgrade`)
      }
    }
  })

  test('middleware() takes nobody for the owner of such a cookie', async t => {
    const { ask, inCookie } = await scene(t)
    assert.equal(await ask('/', [...UPGRADE, inCookie, EVIL]), null)
    assert.equal(await ask('/', [inCookie, EVIL]), 'ada')
  })

  const ORIGINS: readonly [origin: string, host: string, passes: boolean, more?: readonly Header[]][] = [
    ['http://app.example', 'app.example', true],
    ['http://app.example', 'APP.example:80', true],
    ['http://app.example:8000', 'app.example:8000', true],
    ['http://app.example', 'app.example:8000', false],
    ['https://app.example', 'app.example', false],
    ['http://sub.app.example', 'app.example', false],
    ['http://app.example.evil.example', 'app.example', false],
    ['null', 'app.example', false],
    ['http://app.example, http://evil.example', 'app.example', false],
    ['https://trusted.example', 'app.example', true],
    ['https://trusted.example:8443', 'app.example', false],
  ]
  for (const [origin, host, passes] of ORIGINS) {
    test(`a cookie passes from ${origin} at ${host}: ${passes}`, async t => {
      const { ask, inCookie } = await scene(t, { trustedOrigins: ['https://trusted.example'] }, app => {
        // The test client writes a Host of its own.
        app.proxy = true
      })
      const headers: Header[] = [...UPGRADE, inCookie, ['Origin', origin], ['X-Forwarded-Host', host]]
      assert.equal(await ask('/guard', headers), passes ? 'ada' : '403 CSRFError')
    })
  }

  test('behind a proxy the own origin is what the proxy says, once Koa believes it', async t => {
    for (const proxy of [true, false]) {
      const { ask, inCookie } = await scene(t, {}, app => {
        app.proxy = proxy
      })
      for (const protocol of ['https', 'wss']) {
        const forwarded: Header[] = [
          ['X-Forwarded-Proto', protocol],
          ['X-Forwarded-Host', 'app.example'],
        ]
        const answer = await ask('/guard', [...UPGRADE, inCookie, ['Origin', 'https://app.example'], ...forwarded])
        assert.equal(answer, proxy ? 'ada' : '403 CSRFError')
      }
    }
  })

  test('a token that no browser sends by itself needs no Origin', async t => {
    const { ask, token } = await scene(t)
    assert.equal(await ask('/guard', [...UPGRADE, bearer(token), EVIL]), 'ada')
    assert.equal(await ask('/guard', [...UPGRADE, bearer(token)]), 'ada')
  })

  test('the word is found in any spelling and list, and another upgrade is none', async t => {
    const { ask, inCookie } = await scene(t)
    for (const upgrade of ['WebSocket', 'h2c, websocket', 'websocket,h2c', ' websocket ', 'websocket/13']) {
      assert.equal(
        await ask('/guard', [['Connection', 'Upgrade'], ['Upgrade', upgrade], inCookie, EVIL]),
        '403 CSRFError',
      )
    }
    assert.equal(await ask('/guard', [['Upgrade', 'h2c'], inCookie, EVIL]), 'ada')
  })
})

test('with koa-websocket a page of another site is told nothing, and the own page is served', async t => {
  const authx = makeAuthX({ ...base, store: new MemoryTokenStore() })
  const app = websockify(new Koa())
  app.ws.use(async (ctx, next) => {
    await next().catch(() => ctx.websocket.close(1008))
  })
  app.ws.use(authx.middleware() as never)
  app.ws.use(authx.accessTokenRequired() as never)
  app.ws.use(ctx => {
    ctx.websocket.send(`secret of ${ctx.state.token.sub}`)
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const { access_token: token } = await authx.createTokenPair('ada')
  const told = async (origin: string) => {
    const headers = { Cookie: `access_token_cookie=${token}` }
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { origin, headers })
    const messages: string[] = []
    socket.on('message', message => {
      messages.push(String(message))
      socket.close()
    })
    await once(socket, 'close')
    return messages
  }
  assert.deepEqual(await told('https://evil.example'), [])
  assert.deepEqual(await told(`http://127.0.0.1:${port}`), ['secret of ada'])
})
