import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions, TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, makeAuthX, serve } from '../support/app.js'
import { contentOf, forge } from '../support/signing.js'
import { verdict } from './api.js'
import { FORM, from, JSON_BODY, type Scene, scene } from './browser-logins.js'

const OTHER_SECRET = 'another secret of the test suite, of more than 64 bytes 0123456789'

async function loggedIn(t: TestContext, options: AuthXOptions = {}): Promise<Scene> {
  const set = await scene(t, options)
  assert.equal((await set.visit('/login')).status, 200)
  await set.events()
  return set
}

const cookieOf = ({ browser }: Scene, name: string) =>
  new RegExp(`(?:^|; )${name}=([^;]*)`).exec(browser.headersFor('/')[0]?.[1] ?? '')?.[1] ?? ''

const sessionsOf = async ({ authx }: Scene, sub: string) => (await authx.listSessions(sub)).length

describe('a login ends the session whose cookies it replaces', () => {
  for (const sub of ['ada', 'bob']) {
    test(`of ${sub === 'ada' ? 'the same' : 'another'} subject, with all its tokens, and tells it`, async t => {
      const set = await loggedIn(t)
      const [access, refresh] = [set.prepare('/protected', { method: 'GET' }), set.prepare('/refresh')]
      assert.equal((await set.visit(`/login/${sub}`)).status, 200)
      assert.deepEqual(await set.events(), ['revoked ada replaced', `issued ${sub}`])
      assert.deepEqual(verdict(await access.send()), [401, 'RevokedTokenError'])
      assert.deepEqual(verdict(await refresh.send()), [401, 'RevokedTokenError'])
      assert.equal((await set.visit('/protected', { method: 'GET' })).json.sub, sub)
      assert.deepEqual([await sessionsOf(set, 'ada'), await sessionsOf(set, sub)], sub === 'ada' ? [1, 1] : [0, 1])
    })
  }

  const ACCEPTED: readonly [what: string, options: AuthXOptions, visit: object][] = [
    ['by the CSRF value in a header', {}, { headers: JSON_BODY }],
    ['by the CSRF value in a form', { csrfCheckForm: true }, { csrf: null, headers: FORM, body: 'csrf_token=VALUE' }],
    [
      "by Sec-Fetch-Site, with csrfCheck: 'origin'",
      { csrfCheck: 'origin' },
      { csrf: null, headers: from('same-origin') },
    ],
    ['with cookieCsrfProtect: false', { cookieCsrfProtect: false }, { csrf: null }],
    ['with the refresh token in a cookie only', { tokenLocation: { access: ['headers'], refresh: ['cookies'] } }, {}],
    [
      'with the access token in a cookie only',
      { tokenLocation: { access: ['cookies'], refresh: ['json'] } },
      { csrf: 'csrf_access_token' },
    ],
  ]
  for (const [what, options, visit] of ACCEPTED) {
    test(what, async t => {
      const set = await loggedIn(t, options)
      const { body = '' } = visit as { body?: string }
      const sent = { ...visit, body: body.replace('VALUE', cookieOf(set, 'csrf_refresh_token')) }
      assert.equal((await set.visit('/login/bob', sent)).status, 200)
      assert.deepEqual(await set.events(), ['revoked ada replaced', 'issued bob'])
    })
  }

  test('if another token of the login, in a header, shows whose it is', async t => {
    const set = await scene(t, { tokenLocation: { access: ['headers'], refresh: ['cookies'] } })
    const { json } = await set.visit('/login')
    await set.events()
    const headers = [['Authorization', `Bearer ${json.access_token}`]] as const
    await set.visit('/login/bob', { csrf: null, headers })
    assert.deepEqual(await set.events(), ['revoked ada replaced', 'issued bob'])
  })

  test('if its tokens have expired but the session can still be live for another server', async t => {
    const set = await loggedIn(t)
    set.clock.advance('16m')
    await set.visit('/login/bob')
    assert.deepEqual(await set.events(), ['revoked ada replaced', 'issued bob'])
  })

  test('a token without a session too', async t => {
    const set = await scene(t)
    const token = set.authx.createAccessToken('ada')
    await set.events()
    const { csrf } = contentOf(token).claims
    set.browser.take([`access_token_cookie=${token}; Path=/`, `csrf_access_token=${csrf}; Path=/`], '/')
    const old = set.prepare('/protected', { method: 'GET' })
    await set.visit('/login/bob', { csrf: 'csrf_access_token' })
    assert.deepEqual(await set.events(), ['revoked ada replaced', 'issued bob'])
    assert.deepEqual(verdict(await old.send()), [401, 'RevokedTokenError'])
  })

  test('of two sessions in cookies of one name, each that the request proves', async t => {
    const set = await loggedIn(t, { cookieCsrfProtect: false })
    const carl = await set.authx.createTokenPair('carl')
    await set.events()
    set.browser.take([`access_token_cookie=${carl.access_token}; Path=/login`], '/login')
    await set.visit('/login/bob')
    assert.deepEqual((await set.events()).sort(), ['issued bob', 'revoked ada replaced', 'revoked carl replaced'])
  })
})

describe('a login leaves alone', () => {
  /** Logs bob in, and tells whether ada is still logged in. */
  async function spares(set: Scene, visit: object): Promise<void> {
    const ada = set.prepare('/protected', { method: 'GET' })
    assert.equal((await set.visit('/login/bob', visit)).status, 200)
    assert.deepEqual(await set.events(), ['issued bob'])
    assert.equal((await ada.send()).json.sub, 'ada')
  }

  test('a session without its CSRF value', async t => {
    await spares(await loggedIn(t), { csrf: null })
  })

  test('a session with a wrong CSRF value', async t => {
    await spares(await loggedIn(t), { csrf: null, headers: [['X-CSRF-TOKEN', 'wrong']] })
  })

  test("a session if an identity provider redirects to the login, with csrfCheck: 'origin'", async t => {
    await spares(await loggedIn(t, { csrfCheck: 'origin' }), { method: 'GET', csrf: null, headers: from('cross-site') })
  })

  test('a session whose token is in a header: an administrator can act for somebody and stay logged in', async t => {
    const set = await scene(t, { tokenLocation: ['headers'] })
    const { access_token } = await set.authx.createTokenPair('ada')
    await set.events()
    const headers = [['Authorization', `Bearer ${access_token}`]] as const
    await set.visit('/login/bob', { headers })
    assert.deepEqual(await set.events(), ['issued bob'])
    assert.equal((await set.visit('/protected', { method: 'GET', headers })).json.sub, 'ada')
  })

  test('a session of another login type', async t => {
    const store = new MemoryTokenStore()
    const admin = makeAuthX({ store, loginType: 'admin', tokenLocation: ['cookies'] })
    const set = await scene(t, { store, loginType: 'user', cookieCsrfProtect: false, now: Date.now })
    const { access_token } = await admin.createTokenPair('root')
    set.browser.take([`access_token_cookie=${access_token}; Path=/`], '/')
    await set.visit('/login/bob')
    assert.equal((await admin.verifyToken(access_token)).sub, 'root')
    assert.deepEqual(await set.events(), ['issued bob'])
  })

  test('a session that a token names which nobody has issued, or only somebody else', async t => {
    const claims = { sub: 'ada', csrf: 'x', jti: 'j', type: 'access', iat: 1, exp: 4e9 }
    for (const options of [{}, { getKey: () => OTHER_SECRET }] satisfies AuthXOptions[]) {
      const set = await loggedIn(t, { cookieCsrfProtect: false, ...options })
      const { sid } = contentOf(cookieOf(set, 'access_token_cookie')).claims
      set.browser.take([`access_token_cookie=${forge({ ...claims, sid }, undefined, OTHER_SECRET)}; Path=/`], '/')
      set.browser.take(['refresh_token_cookie=a.b.c; Path=/'], '/')
      assert.equal((await set.visit('/login/bob')).status, 200)
      assert.deepEqual(await set.events(), ['issued bob'])
      assert.equal(await sessionsOf(set, 'ada'), 1)
    }
  })

  test('a session of the subject that the token does not name', async t => {
    const set = await loggedIn(t, { cookieCsrfProtect: false })
    const { claims } = contentOf(cookieOf(set, 'access_token_cookie'))
    set.browser.take([`access_token_cookie=${forge({ ...claims, sub: 'eve' })}; Path=/`], '/')
    set.browser.take(['refresh_token_cookie=; Max-Age=0; Path=/'], '/')
    await set.visit('/login/bob')
    assert.deepEqual(await set.events(), ['issued bob'])
    assert.equal(await sessionsOf(set, 'ada'), 1)
  })

  test('all sessions, if there are more cookies of one name than a browser has', async t => {
    const set = await loggedIn(t, { cookieCsrfProtect: false })
    const before = await sessionsOf(set, 'ada')
    const values = Array.from({ length: 6 }, (_, n) => `access_token_cookie=${n}; refresh_token_cookie=${n}`)
    assert.equal((await set.visit('/login/bob', { headers: [['Cookie', values.join('; ')]] })).status, 200)
    assert.equal(await sessionsOf(set, 'ada'), before)
  })

  test('a session that has ended before: nothing is told again', async t => {
    const set = await loggedIn(t)
    await set.authx.revokeAllSessions('ada')
    await set.visit('/login/bob')
    assert.deepEqual(await set.events(), ['issued bob'])
  })

  test('the session of reauthenticate, which is the same before and after', async t => {
    const set = await loggedIn(t)
    const app = appOf(set.authx.middleware(), async ctx => {
      ctx.body = await set.authx.reauthenticate(ctx)
    })
    const client = await serve(t, app)
    const headers = set.browser.headersFor('/', 'csrf_access_token')
    assert.equal((await client({ method: 'POST', headers })).status, 200)
    assert.deepEqual([await set.events(), await sessionsOf(set, 'ada')], [[], 1])
  })
})

describe('with maxSessions, a login', () => {
  for (const tooManySessions of ['refuse', 'endOldest'] as const) {
    test(`does not count the session that it replaces ('${tooManySessions}')`, async t => {
      const set = await loggedIn(t, { maxSessions: 2, tooManySessions })
      const phone = await set.authx.createTokenPair('ada')
      for (let n = 0; n < 3; n++) assert.equal((await set.visit('/login')).status, 200)
      assert.equal((await set.authx.verifyToken(phone.access_token)).sub, 'ada')
      assert.equal(await sessionsOf(set, 'ada'), 2)
    })
  }

  test('that is refused ends nothing', async t => {
    const set = await loggedIn(t, { maxSessions: 1, tooManySessions: 'refuse' })
    await set.authx.createTokenPair('bob')
    await set.events()
    const reply = await set.visit('/login/bob')
    assert.deepEqual([verdict(reply), reply.cookies], [[403, 'TooManySessionsError'], []])
    assert.deepEqual(await set.events(), [])
    assert.equal((await set.visit('/protected', { method: 'GET' })).json.sub, 'ada')
  })
})

/** A memory store of which one kind of call fails. */
class PartlyDown implements TokenStore {
  fails: (key: string, value: string) => boolean = () => false
  readonly #store = new MemoryTokenStore()
  get = (keys: readonly string[]) => this.#store.get(keys)
  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    if (this.fails(key, value)) throw new Error('down')
    return this.#store.compareAndSet(key, expected, value, expiresAt)
  }
}

describe('if the store fails during a login', () => {
  const PARTS: readonly [what: string, fails: (key: string, value: string) => boolean][] = [
    ['the new session cannot be written', (key, value) => key.startsWith('session:') && value.includes('"sub":"bob"')],
    ['the old session cannot be ended', (_key, value) => value.includes('"revoked"')],
    ['the mark of the old session cannot be written', key => key.startsWith('replaced:')],
  ]
  for (const [what, fails] of PARTS) {
    test(`because ${what}, it answers 503 and sets no cookies, and the visitor stays logged in`, async t => {
      const store = new PartlyDown()
      const set = await loggedIn(t, { store })
      store.fails = fails
      const reply = await set.visit('/login/bob')
      assert.deepEqual([verdict(reply), reply.cookies], [[503, 'StoreUnavailableError'], []])
      store.fails = () => false
      assert.equal((await set.visit('/protected', { method: 'GET' })).json.sub, 'ada')
      assert.equal((await set.visit('/refresh')).status, 200)
      assert.equal((await set.visit('/login/bob')).status, 200)
    })
  }

  test('because it does not answer at all, the next login ends the old session', async t => {
    const set = await loggedIn(t)
    const old = set.prepare('/protected', { method: 'GET' })
    set.store.down()
    assert.deepEqual(verdict(await set.visit('/login/bob')), [503, 'StoreUnavailableError'])
    set.store.heal()
    assert.equal((await set.visit('/login/bob')).status, 200)
    assert.deepEqual(verdict(await old.send()), [401, 'RevokedTokenError'])
  })
})

test('a login that replaces nothing asks the store as often as before', async t => {
  const callsOf = async (set: Scene, headers: readonly (readonly [string, string])[]) => {
    const before = set.store.calls
    assert.equal((await set.visit('/login', { csrf: null, headers })).status, 200)
    return { get: set.store.calls.get - before.get, set: set.store.calls.compareAndSet - before.compareAndSet }
  }
  const without = await callsOf(await scene(t, { tokenLocation: ['headers'] }), [])
  const set = await scene(t, { tokenLocation: ['headers', 'cookies'] })
  assert.deepEqual(await callsOf(set, []), without)
  const garbage = [['Cookie', 'access_token_cookie=a.b.c; refresh_token_cookie=x']] as const
  assert.deepEqual(await callsOf(await scene(t), garbage), without)
})

test('guards after a login in the same request do not accept the session that it has ended', async t => {
  const set = await loggedIn(t)
  const { authx } = set
  const app = appOf(authx.middleware(), async ctx => {
    await authx.login(ctx, 'bob')
    await authx.accessTokenRequired()(ctx as never, async () => {
      ctx.body = ctx.state.token
    })
  })
  const client = await serve(t, app)
  const headers = set.browser.headersFor('/', 'csrf_access_token')
  assert.deepEqual(verdict(await client({ method: 'POST', headers })), [401, 'RevokedTokenError'])
})

test('two logins of one browser at the same moment end the session before both, once', async t => {
  const set = await loggedIn(t)
  const [one, two] = [set.prepare('/login/bob'), set.prepare('/login/carl')]
  const replies = await Promise.all([one.send(), two.send()])
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200],
  )
  assert.deepEqual(
    (await set.events()).filter(event => event.startsWith('revoked')),
    ['revoked ada replaced'],
  )
})
