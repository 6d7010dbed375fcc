import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import * as library from '../../src/index.js'
import {
  type AuthX,
  AuthXError,
  type AuthXOptions,
  refuseUpgrade,
  type TokenStore,
  type UpgradeOptions,
} from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { bearer, cookie, makeAuthX, TEST_NOW, warningsOf } from '../support/app.js'
import { forgeWith } from '../support/signing.js'
import { until } from '../support/until.js'
import { askForUpgrade, type Header, serveUpgrades, type UpgradeAnswer } from '../support/upgrades.js'

const ORIGIN = 'https://app.example'
const origins = [ORIGIN]
const origin = (value: string): Header => ['Origin', value]
const protocol = (value: string): Header => ['Sec-WebSocket-Protocol', value]
const inCookie = (token: string): Header => cookie({ access_token_cookie: token })

/** `101`, or the name of the error that the answer tells of. */
const verdict = ({ status, json }: UpgradeAnswer) => (status === 101 ? '101' : String(json.error_type))

interface Scene {
  readonly authx: AuthX
  readonly port: number
  readonly token: string
  ask(headers: readonly Header[], path?: string): Promise<string>
}

/** A server of these options, and the access token of somebody who is logged in there. */
async function scene(t: TestContext, options: AuthXOptions = {}, upgrade: UpgradeOptions = {}): Promise<Scene> {
  const authx = makeAuthX({ store: new MemoryTokenStore(), ...options })
  const { port } = await serveUpgrades(t, authx, { options: upgrade })
  const { access_token: token } = await authx.createTokenPair('ada')
  return { authx, port, token, ask: async (headers, path) => verdict(await askForUpgrade(port, headers, path)) }
}

describe('a request for an upgrade', () => {
  test('passes with an access token in the header or in the list of protocols', async t => {
    const { ask, token } = await scene(t)
    assert.equal(await ask([]), 'MissingTokenError')
    assert.equal(await ask([bearer(token)]), '101')
    assert.equal(await ask([protocol(`authx, ${token}`)]), '101')
    assert.equal(await ask([protocol(`chat, authx, ${token}`)]), '101')
    assert.equal(await ask([protocol('chat'), protocol('authx'), protocol(token)]), '101', 'in three lines')
    assert.equal(await ask([bearer(token), protocol(`authx, ${token}`)]), '101', 'twice the same')
    assert.equal(await ask([['Authorization', 'Basic YTpi'], protocol(`authx, ${token}`)]), '101')
    assert.equal(await ask([protocol(`other, ${token}`)]), 'MissingTokenError')
    assert.equal(await ask([], `/?token=${token}`), 'MissingTokenError')
  })

  test('resolves to the payload, frozen, as a guard puts it on the state', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const seen: library.TokenPayload[] = []
    const { port } = await serveUpgrades(t, authx, { serve: (_, payload) => seen.push(payload) })
    const { access_token } = await authx.createTokenPair('ada', { data: { tenant: 'acme' } })
    await askForUpgrade(port, [bearer(access_token)])
    assert.deepEqual(seen, [await authx.verifyToken(access_token)])
    assert.ok(Object.isFrozen(seen[0]))
  })

  test('that holds two tokens is malformed, wherever they stand', async t => {
    const { ask, token, authx } = await scene(t, {}, { locations: ['headers', 'cookies', 'query'], origins })
    const other = authx.createAccessToken('eve')
    const cases: Header[][] = [
      [bearer(token), bearer(token)],
      [bearer(token), protocol(`authx, ${other}`)],
      [bearer(other), protocol(`authx, ${token}`)],
      [protocol(`authx, ${token}, authx, ${token}`)],
      [protocol(`authx, ${token}`), protocol(`authx, ${token}`)],
      [protocol('authx')],
      [protocol('authx'), bearer(token)],
      [protocol('authx, '), bearer(token)],
      [protocol(`authx, ${token} ${other}`)],
      [inCookie(token), inCookie(other), origin(ORIGIN)],
      [cookie({ access_token_cookie: token }), protocol('authx')],
    ]
    for (const headers of cases) assert.equal(await ask(headers), 'MalformedTokenRequestError', JSON.stringify(headers))
    assert.equal(await ask([], `/?token=${token}&token=${token}`), 'MalformedTokenRequestError')
  })

  test('may carry its token in the query, if that is configured or asked for', async t => {
    const configured = await scene(t, { tokenLocation: ['query'] })
    assert.equal(await configured.ask([], `/?token=${configured.token}`), '101')
    assert.equal(await configured.ask([], `/clock?a=b&token=${configured.token}#token=x`), '101')
    assert.equal(await configured.ask([], `/#?token=${configured.token}`), 'MissingTokenError')
    assert.equal(await configured.ask([bearer(configured.token)]), 'MissingTokenError')
    const named = await scene(t, { queryStringName: 'ticket' }, { locations: ['query', 'headers'] })
    assert.equal(await named.ask([], `/?ticket=${named.token}`), '101')
    assert.equal(await named.ask([], `http://127.0.0.1/?ticket=${named.token}`), '101', 'the absolute form')
    assert.equal(await named.ask([protocol(`authx, ${named.token}`)]), '101')
    assert.equal(await configured.ask([protocol(`authx, ${configured.token}`)]), 'MissingTokenError')
    assert.equal(await configured.ask([protocol('authx')], `/?token=${configured.token}`), '101')
  })

  test('finds nothing in a body, though access tokens may come in JSON elsewhere', async t => {
    const { ask, token } = await scene(t, { tokenLocation: ['json', 'headers'] })
    assert.equal(await ask([['Content-Type', 'application/json']]), 'MissingTokenError')
    assert.equal(await ask([bearer(token)]), '101')
    const only = await scene(t, { tokenLocation: ['json'] })
    assert.equal(await only.ask([bearer(only.token)]), 'BadConfigurationError')
  })

  test('is judged under the names and schemes that are configured', async t => {
    const { ask, token } = await scene(t, { headerName: 'X-Token', headerType: '' })
    assert.equal(await ask([['X-Token', token]]), '101')
    assert.equal(await ask([bearer(token)]), 'MissingTokenError')
  })
})

describe('the protocol that the server selects', () => {
  test('is the first that was offered, and never the token', async t => {
    const { port, token } = await scene(t)
    for (const [offered, selected] of [
      [['authx', token], 'authx'],
      [['chat', 'authx', token], 'chat'],
      [['authx', token, 'chat'], 'authx'],
    ] as const) {
      const { status, headers } = await askForUpgrade(port, [protocol(offered.join(', '))])
      assert.equal(status, 101)
      assert.equal(headers['sec-websocket-protocol'], selected)
      assert.ok(!JSON.stringify(headers).includes(token))
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, [...offered])
      await once(socket, 'open')
      assert.equal(socket.protocol, selected)
      socket.terminate()
    }
  })

  test('is none in a refusal, which repeats nothing of the request', async t => {
    const { port, token } = await scene(t)
    const { status, headers, json } = await askForUpgrade(port, [protocol(`authx, ${token}x`), origin('https://a.b')])
    assert.equal(status, 401)
    assert.equal(headers['sec-websocket-protocol'], undefined)
    assert.doesNotMatch(JSON.stringify([headers, json]), /eyJ|a\.b/)
  })
})

describe('a token from a cookie', () => {
  const cookies: AuthXOptions = { tokenLocation: ['cookies', 'headers'] }

  test('passes from an origin that is named, and from no other', async t => {
    const { ask, token } = await scene(t, cookies, { origins: [ORIGIN, 'http://localhost:3000'] })
    assert.equal(await ask([inCookie(token), origin(ORIGIN)]), '101')
    assert.equal(await ask([inCookie(token), origin('http://localhost:3000')]), '101')
    const others = [
      'https://app.example.evil.com',
      'https://evil.com/https://app.example',
      'https://evil-app.example',
      'https://sub.app.example',
      'https://example',
      'http://app.example',
      'wss://app.example',
      'HTTPS://APP.EXAMPLE',
      'https://App.example',
      'https://app.example:443',
      'https://app.example:8443',
      'https://app.example/',
      'https://app.example.',
      'https://app.example, https://app.example',
      'https://app.example https://evil.com',
      'https://app.example\t',
      'https://app.example%00',
      'https://user@app.example',
      'app.example',
      '//app.example',
      'null',
      'Null',
      'undefined',
      '*',
      '',
      ',',
      'https://аpp.example',
      'https://'.repeat(1000),
    ]
    for (const value of others) {
      const bytes = Buffer.from(value).toString('latin1')
      const expected = bytes.trim() === ORIGIN ? '101' : 'CSRFError'
      assert.equal(await ask([inCookie(token), origin(bytes)]), expected, value)
    }
  })

  test('needs exactly one Origin, under this name', async t => {
    const { ask, token } = await scene(t, cookies, { origins })
    const refused: Header[][] = [
      [],
      [origin(ORIGIN), origin(ORIGIN)],
      [origin('https://evil.com'), origin(ORIGIN)],
      [origin(ORIGIN), ['ORIGIN', 'https://evil.com']],
      [['origin', ''], origin(ORIGIN)],
      [['Sec-WebSocket-Origin', ORIGIN]],
      [['Referer', `${ORIGIN}/`]],
      [['X-Forwarded-Origin', ORIGIN]],
      [['Host', 'app.example']],
    ]
    for (const headers of refused) {
      assert.equal(await ask([inCookie(token), ...headers]), 'CSRFError', JSON.stringify(headers))
    }
    assert.equal(await ask([['origin', ORIGIN], inCookie(token)]), '101', 'header names have no case')
  })

  test('is asked for its origin even if CSRF values are not asked for', async t => {
    const { ask, token } = await scene(t, { ...cookies, cookieCsrfProtect: false }, { origins })
    assert.equal(await ask([inCookie(token)]), 'CSRFError')
    assert.equal(await ask([inCookie(token), origin(ORIGIN)]), '101')
  })

  test('is not the only way in: no Origin is asked of tokens that no browser adds by itself', async t => {
    const { ask, token } = await scene(t, { tokenLocation: ['headers', 'cookies', 'query'] }, { origins })
    for (const others of [[], [origin('https://evil.com')], [origin('null')]]) {
      assert.equal(await ask([bearer(token), ...others]), '101')
      assert.equal(await ask([protocol(`authx, ${token}`), ...others]), '101')
      assert.equal(await ask(others, `/?token=${token}`), '101')
    }
  })

  test('is judged in its place: a cookie that comes first is not passed over for a better token', async t => {
    const { ask, token } = await scene(t, cookies, { origins })
    assert.equal(await ask([inCookie(token), bearer(token)]), 'CSRFError')
    assert.equal(await ask([inCookie(`${token}x`), origin(ORIGIN), bearer(token)]), 'TokenInvalidSignatureError')
    assert.equal(await ask([inCookie(''), bearer(token)]), '101')
  })

  test('cannot be given to anybody by default: without origins every call says what to write', async t => {
    const { ask, token, port } = await scene(t, cookies)
    const warnings = await warningsOf(async () => {
      for (const headers of [[], [bearer(token)], [inCookie(token)], [inCookie(token), origin(ORIGIN)]]) {
        assert.equal(await ask(headers), 'BadConfigurationError')
      }
    })
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['AUTHX_UPGRADE_WITHOUT_ORIGINS'],
    )
    const { status, json } = await askForUpgrade(port, [])
    assert.deepEqual([status, json.message], [500, 'Internal Server Error'])
    const without = await scene(t, cookies, { locations: ['headers'] })
    assert.equal(await without.ask([inCookie(without.token)]), 'MissingTokenError')
    assert.equal(await without.ask([bearer(without.token)]), '101')
  })

  test('in a deformed header is refused or not there, and never a crash', async t => {
    const { ask, token } = await scene(t, cookies, { origins })
    const name = 'access_token_cookie'
    const deformed: [value: string, expected: string][] = [
      [`${name}=${token}; ${name}=${token}`, '101'],
      [`${name}="${token}"`, '101'],
      [`  ${name}=${token}  ;`, '101'],
      [`${name}=${token}; ${name}=x`, '101'],
      [`${name}=${token},${name}=x`, 'JWTDecodeError'],
      [`${name}=${token};x`, '101'],
      [`${name.toUpperCase()}=${token}`, 'MissingTokenError'],
      [`${name}%3D${token}`, 'MissingTokenError'],
      [`x${name}=${token}`, 'MissingTokenError'],
      [`${name}\u00a0=${token}`, 'MissingTokenError'],
      [`${name}=\u00a0${token}`, 'JWTDecodeError'],
      [`${name}=`, 'MissingTokenError'],
      [name, 'MissingTokenError'],
      ['=', 'MissingTokenError'],
      [';'.repeat(8000), 'MissingTokenError'],
      [`${name}=${'x'.repeat(9000)}`, 'JWTDecodeError'],
      [`__proto__=${token}; constructor=x`, 'MissingTokenError'],
    ]
    for (const [value, expected] of deformed) {
      assert.equal(await ask([['Cookie', value], origin(ORIGIN)]), expected, value.slice(0, 60))
    }
  })
})

describe('reasons come in the order of guards', () => {
  test('signature, claims, time, issuer, audience, type, login type, origin, revocation', async t => {
    const NOW = TEST_NOW / 1000
    const { ask, authx } = await scene(
      t,
      {
        now: () => TEST_NOW,
        decodeIssuer: 'here',
        decodeAudience: 'web',
        loginType: 'admin',
        tokenLocation: ['cookies'],
      },
      { origins },
    )
    let claims: Record<string, unknown> = { sub: undefined, type: 'refresh', exp: NOW - 1 }
    const steps: readonly [mended: Record<string, unknown>, error: string][] = [
      [{}, 'JWTDecodeError'],
      [{ sub: 'test' }, 'TokenExpiredError'],
      [{ exp: NOW + 60 }, 'TokenInvalidIssuerError'],
      [{ iss: 'here' }, 'TokenInvalidAudienceError'],
      [{ aud: 'web' }, 'AccessTokenRequiredError'],
      [{ type: 'access' }, 'LoginTypeMismatchError'],
      [{ login_type: 'admin' }, 'CSRFError'],
    ]
    assert.equal(await ask([inCookie(`${forgeWith(claims).slice(0, -9)}AAAAAAAAA`)]), 'TokenInvalidSignatureError')
    for (const [mended, error] of steps) {
      claims = { ...claims, ...mended }
      assert.equal(await ask([inCookie(forgeWith(claims))]), error)
    }
    await authx.revoke(forgeWith(claims))
    assert.equal(await ask([inCookie(forgeWith(claims))]), 'CSRFError')
    assert.equal(await ask([inCookie(forgeWith(claims)), origin(ORIGIN)]), 'RevokedTokenError')
    assert.equal(await ask([inCookie(forgeWith({ ...claims, jti: 'TEST-other' })), origin(ORIGIN)]), '101')
  })

  test('whoever is logged out is refused, and nobody passes while the store is away', async t => {
    const { ask, authx, token, port } = await scene(t)
    await authx.revoke(token)
    assert.equal(await ask([bearer(token)]), 'RevokedTokenError')
    authx.setTokenBlocklist(() => Promise.reject(new Error('away')))
    const { access_token } = await authx.createTokenPair('ada')
    const { status, headers, json } = await askForUpgrade(port, [bearer(access_token)])
    assert.deepEqual([status, headers['retry-after'], json.error_type], [503, '1', 'CallbackUnavailableError'])
  })

  test('a judgement is traced as that of a guard is', async t => {
    const { ask, token, authx } = await scene(t)
    const traces: unknown[] = []
    const channel = tracingChannel<unknown, library.VerifyTrace>('koa-authx:verify')
    const asyncEnd = (message: unknown) => void traces.push({ ...(message as object) })
    channel.subscribe({ asyncEnd } as never)
    t.after(() => channel.unsubscribe({ asyncEnd } as never))
    await ask([protocol(`authx, ${token}`)])
    await ask([])
    await ask([protocol('authx')])
    const { jti, sid } = await authx.verifyToken(token)
    const [good, missing, malformed] = traces as library.VerifyTrace[]
    const judged = { type: 'access', location: 'headers', jti, sid, sub: 'ada', result: undefined }
    assert.deepEqual([good, missing], [judged, { type: 'access', result: undefined }])
    assert.ok(malformed?.error instanceof library.MalformedTokenRequestError)
  })

  test('a refresh token opens nothing', async t => {
    const { ask, authx } = await scene(t)
    const { refresh_token } = await authx.createTokenPair('ada')
    assert.equal(await ask([protocol(`authx, ${refresh_token}`)]), 'AccessTokenRequiredError')
  })

  test('getKey finds the key of an upgrade too; there is no Koa context to be given', async t => {
    const asked: unknown[] = []
    const secretKey = 'TEST_ONLY_secret_of_a_tenant_of_more_than_32_bytes'
    const store = new MemoryTokenStore()
    const issuer = new library.AuthX({ secretKey, store })
    const getKey: NonNullable<AuthXOptions['getKey']> = (_header, payload, ctx) => {
      asked.push(ctx)
      return payload.tenant === 'a' ? secretKey : undefined
    }
    const { port } = await serveUpgrades(t, new library.AuthX({ getKey, store, decodeAlgorithms: ['HS256'] }))
    const ask = async (tenant: string) =>
      verdict(await askForUpgrade(port, [bearer(issuer.createAccessToken('ada', { data: { tenant } }))]))
    assert.equal(await ask('a'), '101')
    assert.equal(await ask('b'), 'TokenInvalidSignatureError')
    assert.deepEqual(asked, [undefined, undefined])
  })
})

describe('what the developer does wrong', () => {
  const WRONG: readonly [options: unknown, message: RegExp][] = [
    [{ origins: '*' }, /^origins /],
    [{ origins: ['*'] }, /^origins /],
    [{ origins: [] }, /^origins /],
    [{ origins: ['https://app.example/'] }, /^origins /],
    [{ locations: ['json'] }, /^locations /],
    [{ locations: ['headers', 'json'] }, /^locations /],
    [{ locations: [] }, /^locations /],
    [{ locations: 'headers' }, /^locations /],
    [{ locations: ['body'] }, /^locations /],
    [{ origin: ORIGIN }, /^authenticateUpgrade: unknown option "origin"; it takes /],
    [{ type: 'refresh' }, /unknown option "type"/],
  ]
  for (const [options, message] of WRONG) {
    test(`${JSON.stringify(options)} is a TypeError, and 500 that tells the client nothing`, async t => {
      const rejections: unknown[] = []
      const authx = makeAuthX({ store: new MemoryTokenStore() })
      const judge = authx.authenticateUpgrade.bind(authx)
      authx.authenticateUpgrade = (request, given) =>
        judge(request, given).catch(error => {
          rejections.push(error)
          throw error
        })
      const { port } = await serveUpgrades(t, authx, { options: options as UpgradeOptions })
      const { status, json } = await askForUpgrade(port, [bearer(authx.createAccessToken('ada'))])
      assert.deepEqual([status, json.error_type], [500, 'InternalServerError'])
      const [error] = rejections
      assert.ok(error instanceof TypeError)
      assert.match(error.message, message)
    })
  }

  test('something that is no request is a TypeError', async () => {
    for (const wrong of [undefined, null, {}, 'token', { headers: {} }, new Request('http://a.b')]) {
      await assert.rejects(makeAuthX().authenticateUpgrade(wrong as never), TypeError)
    }
  })
})

describe('a peer', () => {
  /** A store that answers when it is told to. */
  class HeldStore extends MemoryTokenStore implements TokenStore {
    isHeld = false
    asked = 0
    release = () => {}

    override async get(keys: readonly string[]) {
      this.asked++
      if (this.isHeld) {
        await new Promise<void>(resolve => {
          this.release = resolve
        })
      }
      return super.get(keys)
    }
  }

  test('that resets the connection while the store is asked ends no process', async t => {
    const store = new HeldStore()
    const { port, token, authx } = await scene(t, { store, storeTimeout: 10_000 })
    for (const good of [true, false]) {
      if (!good) await authx.revoke(token)
      store.isHeld = true
      const before = store.asked
      const peer = connect(port, '127.0.0.1')
      peer.write(upgradeText([bearer(token)]))
      await until(() => store.asked > before)
      peer.resetAndDestroy()
      await once(peer, 'close')
      // The reset has to reach the server before the answer: another connection shows that it has.
      await askForUpgrade(port, [])
      store.isHeld = false
      store.release()
      await until(async () => assert.equal(verdict(await askForUpgrade(port, [])), 'MissingTokenError'))
    }
  })

  test('that sends more along with its request is answered all the same', async t => {
    const { port } = await scene(t)
    const peer = connect({ port, host: '127.0.0.1' })
    peer.write(upgradeText([]) + 'x'.repeat(200_000))
    assert.match(await textFrom(peer), /^HTTP\/1\.1 401 Unauthorized\r\n/)
  })

  /** Refuses everybody; `gone` are the connections that are over. */
  async function refusing(t: TestContext): Promise<{ port: number; gone: unknown[] }> {
    const gone: unknown[] = []
    const server = createServer({ allowHalfOpen: true }, socket => {
      socket.once('close', () => gone.push(socket))
      refuseUpgrade(socket, new library.MissingTokenError())
    }).listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port, gone }
  }

  test('that neither reads its refusal nor hangs up is cut off', async t => {
    const { port, gone } = await refusing(t)
    const peers = Array.from({ length: 20 }, () => connect({ port, host: '127.0.0.1', allowHalfOpen: true }).pause())
    t.after(() => {
      for (const peer of peers) peer.destroy()
    })
    for (const peer of peers) peer.on('error', () => {})
    await until(() => gone.length === peers.length)
  })

  test('that hangs up once it is refused is gone without waiting for the timer, whatever it has sent', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { port, gone } = await refusing(t)
    const peer = connect(port, '127.0.0.1')
    peer.write('x'.repeat(200_000))
    assert.match(await textFrom(peer), /^HTTP\/1\.1 401 /)
    t.mock.timers.reset()
    await until(() => gone.length === 1)
  })

  test('that resets the connection while it is refused ends no process', async t => {
    const { port, gone } = await refusing(t)
    const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(peer, 'data')
    peer.resetAndDestroy()
    await until(() => gone.length === 1)
  })
})

describe('refuseUpgrade', () => {
  /** What a peer gets to read when `error` refuses it. */
  async function refusal(t: TestContext, error: unknown, before?: (socket: Socket) => unknown): Promise<string> {
    const listening = createServer(async socket => {
      await before?.(socket)
      refuseUpgrade(socket, error)
    }).listen(0, '127.0.0.1')
    t.after(() => listening.close())
    await once(listening, 'listening')
    return textFrom(connect((listening.address() as AddressInfo).port, '127.0.0.1'))
  }

  const errors = Object.entries(library).filter(
    ([, value]) => typeof value === 'function' && value.prototype instanceof AuthXError && value !== AuthXError,
  )
  for (const [name, ErrorClass] of errors) {
    if (name === 'TokenTypeError') continue
    test(`answers ${name} as the middleware does`, async t => {
      const args = ['InsufficientScopeError', 'BadConfigurationError'].includes(name) ? [['a:b']] : []
      const error = Reflect.construct(ErrorClass as never, args) as AuthXError
      const { status, headers, json } = parsed(await refusal(t, error))
      assert.equal(status, error.status)
      for (const [header, value] of Object.entries(error.headers))
        assert.equal(headers.get(header.toLowerCase()), value)
      assert.equal(headers.get('connection'), 'close')
      const message = name === 'BadConfigurationError' ? 'Internal Server Error' : error.message
      assert.deepEqual(json, { message, error_type: name })
    })
  }

  test('shows nothing of what is no error of the library', async t => {
    class Odd extends AuthXError {
      constructor(status: unknown) {
        super('TEST detail', { status: status as number, code: 'ERR_UNAVAILABLE' })
      }
    }
    const things = [
      new Error('TEST detail'),
      new TypeError('TEST detail'),
      Object.assign(new Error('TEST detail'), { status: 401, expose: true, headers: { 'X-Test': 'TEST' } }),
      'TEST detail',
      { status: 200, message: 'TEST detail' },
      undefined,
      null,
      ...[99, 200, 101, 700, Number.NaN, '401 OK\r\nTEST: 1', undefined].map(status => new Odd(status)),
    ]
    for (const thing of things) {
      const text = await refusal(t, thing)
      assert.doesNotMatch(text, /TEST/)
      const { status, json } = parsed(text)
      assert.equal(status, 500)
      assert.deepEqual(json, { message: 'Internal Server Error', error_type: 'InternalServerError' })
    }
  })

  test('lets no header end the line, the head or the length of the answer', async t => {
    class Hostile extends AuthXError {
      override name = 'A\r\nX-Evil: 1'

      constructor() {
        super('b\r\n\r\nX-Evil: 1', { status: 403, code: 'ERR_UNAVAILABLE' })
        this.headers = {
          'X-Good': 'yes',
          'X-Many': ['1', '2\r\nX-Evil: 1', '3'],
          'X-Break': 'a\r\nX-Evil: 1',
          'X-Feed': 'a\nX-Evil: 1',
          'X-Return': 'a\rX-Evil: 1',
          'X-Null': 'a\0b',
          'X-Wide': 'ā\u010a',
          'X-Name\r\nX-Evil': '1',
          'X-Evil: 1\r\nX': '1',
          '': 'X-Evil: 1',
          'content-length': '0',
          'Transfer-Encoding': 'chunked',
          Connection: 'keep-alive',
          'X-Missing': undefined as never,
        }
      }
    }
    const text = await refusal(t, new Hostile())
    const [head = '', ...bodies] = text.split('\r\n\r\n')
    const names = head.split('\r\n').map(line => line.split(':')[0])
    assert.deepEqual(names, [
      'HTTP/1.1 403 Forbidden',
      'X-Good',
      'X-Many',
      'X-Many',
      'Connection',
      'Content-Type',
      'Content-Length',
      'Date',
    ])
    assert.equal(bodies.length, 1)
    const { headers, json } = parsed(text)
    assert.equal(headers.get('content-length'), String(Buffer.byteLength(bodies[0] ?? '')))
    assert.deepEqual(json, { message: 'b\r\n\r\nX-Evil: 1', error_type: 'A\r\nX-Evil: 1' })
  })

  test('takes a socket that has been closed, ended or refused before', async t => {
    assert.equal(await refusal(t, new library.CSRFError(), socket => socket.destroy()), '')
    assert.equal(await refusal(t, new library.CSRFError(), socket => socket.end()), '')
    const twice = await refusal(t, new library.CSRFError(), socket => refuseUpgrade(socket, new library.CSRFError()))
    assert.equal(twice.split('HTTP/1.1').length, 2)
    const reset = (socket: Socket) => once(socket.resetAndDestroy(), 'close')
    assert.equal(await refusal(t, new library.CSRFError(), reset).catch(error => error.code), 'ECONNRESET')
  })
})

function upgradeText(headers: readonly Header[]): string {
  const lines: Header[] = [
    ['Host', 'a.b'],
    ['Connection', 'Upgrade'],
    ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ...headers,
  ]
  return `GET / HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** All that a connection says until its end. */
async function textFrom(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}

function parsed(text: string): { status: number; headers: Map<string, string>; json: unknown } {
  const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s)
  const [line = '', ...lines] = head.split('\r\n')
  const headers = lines.map(each => each.split(/: (.*)/s)).map(([name = '', value = '']) => [name.toLowerCase(), value])
  return { status: Number(line.split(' ')[1]), headers: new Map(headers as [string, string][]), json: JSON.parse(body) }
}
