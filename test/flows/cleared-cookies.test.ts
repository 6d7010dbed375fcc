import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { contentOf, forge } from '../support/signing.js'
import { verdict } from './api.js'
import { FORM, from, JSON_BODY, type Pending, type Scene, scene } from './browser-logins.js'

const OTHER_SECRET = 'another secret of the test suite, of more than 64 bytes 0123456789'
const ALL = ['access_token_cookie', 'csrf_access_token', 'refresh_token_cookie', 'csrf_refresh_token']

async function loggedIn(t: TestContext, options: AuthXOptions = {}): Promise<Scene> {
  const set = await scene(t, options)
  assert.equal((await set.visit('/login')).status, 200)
  return set
}

const cookieOf = ({ browser }: Scene, name: string) =>
  new RegExp(`(?:^|; )${name}=([^;]*)`).exec(browser.headersFor('/')[0]?.[1] ?? '')?.[1] ?? ''

/** Puts another token into the browser's cookie. */
const replaceRefresh = (set: Scene, token: string) => set.browser.take([`refresh_token_cookie=${token}; Path=/`], '/')

/** Signs the claims of the refresh token again, with changes. */
function resigned(set: Scene, changes: Record<string, unknown>): void {
  replaceRefresh(set, forge({ ...contentOf(cookieOf(set, 'refresh_token_cookie')).claims, ...changes }))
}

/** After these changes no later refresh with the token can succeed. A change may return the refresh to send. */
const FINAL: readonly [what: string, error: string, change: (set: Scene) => unknown][] = [
  ['a revoked session', 'RevokedTokenError', set => set.authx.revoke(cookieOf(set, 'refresh_token_cookie'))],
  ['a subject whose sessions were all revoked', 'RevokedTokenError', ({ authx }) => authx.revokeAllSessions('ada')],
  ['a token in the blocklist', 'RevokedTokenError', ({ authx }) => authx.setTokenBlocklist(() => true)],
  [
    'a session that the store does not know',
    'RevokedTokenError',
    set => resigned(set, { sid: 'aaaaaaaa-0000-4000-8000-000000000000' }),
  ],
  [
    'a used-up token',
    'ReusedTokenError',
    async set => {
      const used = set.prepare('/refresh')
      for (let n = 0; n < 2; n++) await set.visit('/refresh')
      set.clock.advance('1h')
      return used
    },
  ],
  ['an expired token', 'TokenExpiredError', ({ clock }) => clock.advance('400d')],
  ['a subject that does not exist', 'SubjectNotFoundError', ({ authx }) => authx.setSubjectGetter(() => undefined)],
  ['a key that is gone', 'TokenInvalidSignatureError', ({ authx }) => authx.setKeys({ secretKey: OTHER_SECRET })],
]

/** After these changes a later refresh with the token may succeed, here or elsewhere. */
const NOT_FINAL: readonly [what: string, refused: readonly unknown[], change: (set: Scene) => unknown][] = [
  ['a store that does not answer', [503, 'StoreUnavailableError'], ({ store }) => store.down()],
  [
    'a getter that fails',
    [503, 'CallbackUnavailableError'],
    ({ authx }) => authx.setSubjectGetter(() => Promise.reject(new Error('away'))),
  ],
  ['a wrong CSRF value', [403, 'CSRFError'], set => set.prepare('/refresh', { csrf: 'csrf_other', headers: WRONG })],
  ['no CSRF value', [403, 'MissingCSRFTokenError'], set => set.prepare('/refresh', { csrf: null })],
  ['no token', [401, 'MissingTokenError'], set => replaceRefresh(set, '')],
  ['garbage', [401, 'JWTDecodeError'], set => replaceRefresh(set, 'a.b.c')],
  [
    'a token that is not valid yet',
    [401, 'JWTDecodeError'],
    set => resigned(set, { nbf: set.clock.now() / 1000 + 9000 }),
  ],
  [
    'an access token',
    [401, 'RefreshTokenRequiredError'],
    set => replaceRefresh(set, cookieOf(set, 'access_token_cookie')),
  ],
  ['a token for another audience', [401, 'TokenInvalidAudienceError'], set => resigned(set, { aud: 'other' })],
]
const WRONG = [['X-CSRF-TOKEN', 'wrong']] as const

const refreshAfter = async (set: Scene, change: (set: Scene) => unknown) => {
  const prepared = (await change(set)) as Pending | undefined
  return prepared?.send ? prepared.send() : set.visit('/refresh')
}

describe('a refresh with a cookie that is refused', () => {
  for (const csrfCheck of ['token', 'origin'] as const) {
    for (const [what, error, change] of FINAL) {
      test(`for ${what} clears the cookies (csrfCheck '${csrfCheck}')`, async t => {
        const set = await loggedIn(t, { csrfCheck })
        const reply = await refreshAfter(set, change)
        assert.deepEqual([verdict(reply), set.names()], [[401, error], []])
        assert.match(reply.headers['cache-control'] ?? 'no-store', /no-store/)
        assert.deepEqual(verdict(await set.visit('/refresh')), [401, 'MissingTokenError'])
      })
    }
  }

  for (const [what, refused, change] of NOT_FINAL) {
    test(`for ${what} clears nothing`, async t => {
      const set = await loggedIn(t)
      const reply = await refreshAfter(set, change)
      assert.deepEqual([verdict(reply), reply.cookies], [refused, []])
    })
  }

  test('for another login type or issuer clears nothing', async t => {
    const set = await loggedIn(t, { loginType: 'user', decodeIssuer: 'us', encodeIssuer: 'us' })
    for (const changes of [{ login_type: 'admin' }, { iss: 'them' }]) {
      const before = cookieOf(set, 'refresh_token_cookie')
      resigned(set, changes)
      const reply = await set.visit('/refresh')
      assert.deepEqual([reply.status, reply.cookies], [401, []])
      replaceRefresh(set, before)
    }
    assert.equal((await set.visit('/refresh')).status, 200)
  })

  test('clears the cookies of former scopes too', async t => {
    const set = await loggedIn(t, { formerCookies: [{ path: '/old' }] })
    set.browser.take(['refresh_token_cookie=left; Path=/old', 'access_token_cookie=left; Path=/old'], '/old')
    await set.authx.revokeAllSessions('ada')
    assert.equal((await set.visit('/refresh')).status, 401)
    assert.deepEqual(set.names(), [])
  })

  test('clears no cookie if the token was in a header', async t => {
    const set = await loggedIn(t, { tokenLocation: ['headers', 'cookies'] })
    const { refresh_token } = await set.authx.createTokenPair('bob')
    await set.authx.revoke(refresh_token)
    const reply = await set.visit('/refresh', { headers: [['Authorization', `Bearer ${refresh_token}`]] })
    assert.deepEqual([verdict(reply), reply.cookies], [[401, 'RevokedTokenError'], []])
  })
})

describe('a page of another site clears no cookies: a refresh', () => {
  const EVIL = 'https://evil.example'
  const ELSEWHERE = [from('cross-site', EVIL), from('same-site'), from(undefined, EVIL), from(undefined, 'null')]
  for (const csrfCheck of ['token', 'origin'] as const) {
    for (const [what, , change] of FINAL.filter(([what]) => what !== 'a used-up token')) {
      test(`for ${what} (csrfCheck '${csrfCheck}')`, async t => {
        const set = await loggedIn(t, { csrfCheck, csrfCheckForm: true })
        const { csrf } = contentOf(cookieOf(set, 'refresh_token_cookie')).claims
        await change(set)
        for (const headers of ELSEWHERE) {
          for (const body of ['', `csrf_token=${csrf}`]) {
            const reply = await set.visit('/refresh', { csrf: null, headers: [...headers, ...FORM], body })
            assert.deepEqual(reply.cookies, [], `${headers} ${body}`)
          }
        }
        assert.equal(set.names().length, 4)
        const own = { csrf: null, headers: [...from('same-origin'), ...FORM], body: `csrf_token=${csrf}` }
        await set.visit('/refresh', own)
        assert.deepEqual(set.names(), [])
      })
    }
  }

  test('with a dead cookie that another page could set, and its CSRF value in a form', async t => {
    const set = await loggedIn(t, { csrfCheckForm: true })
    const claims = contentOf(cookieOf(set, 'refresh_token_cookie')).claims
    const forged = forge({ ...claims, csrf: 'known' }, undefined, OTHER_SECRET)
    // The browser sends only the forged cookie: ours has SameSite=Lax.
    const other = await scene(t, { csrfCheckForm: true })
    replaceRefresh(other, forged)
    const sent = { csrf: null, headers: [...from('cross-site', EVIL), ...FORM], body: 'csrf_token=known' }
    assert.deepEqual((await other.visit('/refresh', sent)).cookies, [])
  })

  test('a page that CORS allows sends the CSRF value in a header, and gets the cookies cleared', async t => {
    const set = await loggedIn(t)
    await set.authx.revokeAllSessions('ada')
    await set.visit('/refresh', { headers: from('cross-site', 'https://app.example') })
    assert.deepEqual(set.names(), [])
  })
})

describe('if a request has several refresh cookies', () => {
  const TWIN = '/refresh'
  const addTwin = (set: Scene, token: string) => set.browser.take([`refresh_token_cookie=${token}; Path=${TWIN}`], TWIN)

  test('a good one is not cleared because another is bad', async t => {
    for (const bad of ['a.b.c', 'expired', 'revoked', 'key']) {
      const set = await loggedIn(t)
      const pair = await set.authx.createTokenPair('bob')
      if (bad === 'revoked') await set.authx.revoke(pair.refresh_token)
      const { claims } = contentOf(pair.refresh_token)
      const made: Record<string, string> = {
        'a.b.c': 'a.b.c',
        expired: forge({ ...claims, iat: 1, exp: 2 }),
        revoked: pair.refresh_token,
        key: forge(claims, undefined, OTHER_SECRET),
      }
      addTwin(set, made[bad] ?? '')
      assert.equal((await set.visit('/refresh')).status, 200, bad)
      assert.equal(set.names().filter(name => ALL.includes(name)).length, 5, bad)
    }
  })

  test('all that are over are cleared together', async t => {
    const set = await loggedIn(t)
    addTwin(set, forge({ ...contentOf(cookieOf(set, 'refresh_token_cookie')).claims, iat: 1, exp: 2 }))
    await set.authx.revokeAllSessions('ada')
    assert.equal((await set.visit('/refresh')).cookies.length, 4)
  })

  test('one that may be good elsewhere or later keeps all of them', async t => {
    for (const changes of [{ aud: 'other' }, { nbf: 4e9 }, { type: 'access' }]) {
      const set = await loggedIn(t)
      const { claims } = contentOf(cookieOf(set, 'refresh_token_cookie'))
      set.clock.advance('400d')
      addTwin(set, forge({ ...claims, iat: set.clock.now() / 1000, exp: 5e9, ...changes }))
      const reply = await set.visit('/refresh')
      assert.deepEqual([reply.status, reply.cookies], [401, []], JSON.stringify(changes))
    }
  })

  test('and an access token of another live login, nothing is cleared; of a dead one, all is', async t => {
    const set = await loggedIn(t)
    const bob = await set.authx.createTokenPair('bob')
    set.browser.take([`access_token_cookie=${bob.access_token}; Path=/`], '/')
    await set.authx.revokeAllSessions('ada')
    const kept = await set.visit('/refresh')
    assert.deepEqual([verdict(kept), kept.cookies], [[401, 'RevokedTokenError'], []])
    await set.authx.revokeAllSessions('bob')
    assert.equal((await set.visit('/refresh')).cookies.length, 4)
  })
})

describe('a late answer to a refresh with the cookies of before a login does not clear those of the login', () => {
  const ENDS: readonly [what: string, end: (set: Scene) => unknown][] = [
    ['ends the session', () => {}],
    ['comes after the session was revoked', ({ authx }) => authx.revokeAllSessions('ada')],
    ['comes after the token has expired', ({ clock }) => clock.advance('31d')],
  ]
  for (const [what, end] of ENDS) {
    for (const headers of [JSON_BODY, [...FORM, ...from('same-origin')]]) {
      test(`which ${what}, by ${headers[0]?.[1]}`, async t => {
        const set = await loggedIn(t, { csrfCheck: headers === JSON_BODY ? 'token' : 'origin' })
        await end(set)
        const late = set.prepare('/refresh')
        assert.equal((await set.visit('/login/bob', { headers })).status, 200)
        const reply = await late.send()
        assert.deepEqual([reply.status, reply.cookies], [401, []])
        assert.equal((await set.visit('/protected', { method: 'GET' })).json.sub, 'bob')
        assert.equal((await set.visit('/refresh')).status, 200)
      })
    }
  }

  test('a minute later the cookies are cleared, so that a browser that lost the answer to its login comes to rest', async t => {
    const set = await loggedIn(t)
    const lost = set.prepare('/refresh')
    await set.visit('/login')
    set.clock.advance('61s')
    assert.deepEqual([verdict(await lost.send()), set.names()], [[401, 'RevokedTokenError'], []])
  })

  test('if the store does not say whether a login came in between, nothing is cleared', async t => {
    const set = await loggedIn(t)
    set.clock.advance('400d')
    set.store.down()
    const reply = await set.visit('/refresh')
    assert.deepEqual([verdict(reply), reply.cookies], [[401, 'TokenExpiredError'], []])
    set.store.heal()
    assert.equal((await set.visit('/refresh')).cookies.length, 4)
  })
})
