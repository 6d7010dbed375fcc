import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryTokenStore } from '../../stores/memory.js'
import { bearer, TEST_NOW } from '../support/app.js'
import { login, Person, person, type Scene, scene } from './scene.js'

interface Listed {
  sid: string
  sub: string
  createdAt: string
  lastActiveAt: string
  expiresAt: string
  device: Record<string, unknown>
  current: boolean
}

const sessionsOf = async (one: Person) => JSON.parse((await one.sessions()).text) as Listed[]
const sidOf = async (one: Person) => (await sessionsOf(one)).find(({ current }) => current)?.sid ?? ''

describe('GET /sessions', () => {
  test('shows the own sessions and no others, with ISO dates, and which of them is here', async t => {
    const here = await scene(t, { now: () => TEST_NOW, sessionExpires: '1d', sessionTracking: true })
    const [one, other, stranger] = [new Person(here), new Person(here), new Person(here)]
    await one.login('test', [['User-Agent', 'laptop']])
    await other.login('test', [['User-Agent', 'phone']])
    await stranger.login('stranger')
    const listed = await sessionsOf(one)
    assert.deepEqual(listed.map(({ device }) => device.userAgent).sort(), ['laptop', 'phone'])
    const [current] = listed.filter(session => session.current)
    assert.deepEqual(current, {
      sid: current?.sid,
      sub: 'test',
      createdAt: '2026-01-01T00:00:00.000Z',
      lastActiveAt: '2026-01-01T00:00:00.000Z',
      expiresAt: '2026-01-02T00:00:00.000Z',
      device: { userAgent: 'laptop', ip: '127.0.0.1' },
      current: true,
    })
    assert.equal(listed.filter(session => session.current).length, 1)
  })

  test('says in a header that sessions may be missing, and only then', async t => {
    const here = await scene(t)
    const one = await person(here)
    assert.equal((await one.sessions()).headers['sessions-incomplete'], undefined)
    for (let n = 0; n < 500; n++) await here.authx.createTokenPair('test')
    const { status, headers, text } = await one.sessions()
    assert.deepEqual([status, headers['sessions-incomplete']], [200, 'true'])
    assert.equal((JSON.parse(text) as Listed[]).length, 500)
    assert.equal((await one.send('HEAD', '/sessions')).headers['sessions-incomplete'], 'true')
  })

  test('is kept by no cache', async t => {
    const one = await person(await scene(t))
    assert.equal((await one.sessions()).headers['cache-control'], 'no-store')
  })

  test('is answered to HEAD as to GET, without the list', async t => {
    const one = await person(await scene(t))
    const { status, text, headers } = await one.send('HEAD', '/sessions')
    assert.deepEqual([status, text, headers['cache-control']], [200, '', 'no-store'])
  })

  test('shows no current one to a token that names no session', async t => {
    const here = await scene(t)
    await person(here)
    const headers = [bearer(here.authx.createAccessToken('test'))]
    const listed = JSON.parse((await here.client({ path: '/sessions', headers })).text) as Listed[]
    assert.deepEqual(
      listed.map(({ current }) => current),
      [false],
    )
  })
})

describe('DELETE /sessions/:sid', () => {
  const ended = async (one: Person, sid: string) => (await one.delete(`/sessions/${sid}`)).status

  test('ends a session of the own at once, and once', async t => {
    const here = await scene(t)
    const [one, other] = [await person(here), await person(here)]
    const sid = await sidOf(other)
    assert.equal(await ended(one, sid), 204)
    assert.equal(await other.access(), '401 RevokedTokenError')
    assert.equal((await other.refresh()).status, 401)
    assert.equal(await one.access(), '200')
    assert.equal(await ended(one, sid), 404)
  })

  test('ends the session that one is in', async t => {
    const one = await person(await scene(t))
    assert.equal(await ended(one, await sidOf(one)), 204)
    assert.equal(await one.access(), '401 RevokedTokenError')
  })

  test("does not end somebody else's, and does not tell it from one that there is not", async t => {
    const here = await scene(t)
    const [one, stranger] = [await person(here), await person(here, 'stranger')]
    const theirs = await one.delete(`/sessions/${await sidOf(stranger)}`)
    const unknown = await one.delete('/sessions/00000000-0000-4000-8000-000000000000')
    const told = ({ status, text, headers: { date, ...headers } }: typeof theirs) => ({ status, text, headers })
    assert.deepEqual(told(theirs), told(unknown))
    assert.equal(theirs.status, 404)
    assert.equal(await stranger.access(), '200')
  })

  test('takes whatever else is in its place for no session', async t => {
    const one = await person(await scene(t))
    for (const sid of [
      '%',
      '%00',
      '..',
      '%2e%2e',
      'a%2Fb',
      '~',
      'session:x',
      '*',
      'x'.repeat(5000),
      '{',
      '__proto__',
    ]) {
      const status = await ended(one, sid)
      assert.ok(status === 404 || status === 400, `${sid}: ${status}`)
    }
    assert.equal(await one.access(), '200')
  })
})

describe('DELETE /sessions', () => {
  test('ends all sessions of the own, this one too, and no others', async t => {
    const here = await scene(t)
    const [one, other, stranger] = [await person(here), await person(here), await person(here, 'stranger')]
    const single = here.authx.createAccessToken('test')
    const { status, text } = await one.delete('/sessions')
    assert.deepEqual([status, text], [204, ''])
    assert.deepEqual([await one.access(), await other.access()], ['401 RevokedTokenError', '401 RevokedTokenError'])
    assert.equal((await here.client({ headers: [bearer(single)] })).json.error_type, 'RevokedTokenError')
    assert.equal(await stranger.access(), '200')
  })

  test('leaves the cookies alone if a link has brought the token', async t => {
    const scenery = await scene(t, { tokenLocation: { access: ['query', 'cookies'], refresh: ['cookies'] } })
    const { access_token: own } = await scenery.authx.createTokenPair('mallory', { fresh: true })
    const { status, cookies } = await scenery.client({ method: 'DELETE', path: `/sessions?token=${own}` })
    assert.deepEqual([status, cookies], [204, []])
  })

  test('lets one log in again', async t => {
    const one = await person(await scene(t))
    await one.delete('/sessions')
    await one.login()
    assert.equal(await one.access(), '200')
  })
})

describe('the sessions routes', () => {
  const ROUTES = [
    ['GET', '/sessions'],
    ['DELETE', '/sessions'],
    ['DELETE', '/sessions/none'],
  ] as const

  const withToken = async ({ client }: Scene, token: string) => {
    const replies = ROUTES.map(([method, path]) => client({ method, path, headers: [bearer(token)] }))
    return (await Promise.all(replies)).map(({ status, json }) => `${status} ${json.error_type}`)
  }
  const thrice = (answer: string) => [answer, answer, answer]

  test('want an access token', async t => {
    const here = await scene(t)
    const one = await person(here)
    assert.deepEqual(await withToken(here, one.token('refresh')), thrice('401 AccessTokenRequiredError'))
    assert.deepEqual(await withToken(here, 'none'), thrice('401 JWTDecodeError'))
  })

  test('want a fresh one to end other sessions, and not to list them or to end the own one', async t => {
    const here = await scene(t)
    const [one, other] = [await person(here), await person(here)]
    await one.refresh()
    assert.equal((await one.sessions()).status, 200)
    for (const path of ['/sessions', `/sessions/${await sidOf(other)}`, '/sessions/none']) {
      const { status, json, headers } = await one.delete(path)
      assert.deepEqual([status, json.error_type], [401, 'FreshTokenRequiredError'], path)
      assert.match(String(headers['www-authenticate']), /error="insufficient_user_authentication"/)
    }
    assert.equal(await other.access(), '200')
    assert.equal((await one.delete(`/sessions/${await sidOf(one)}`)).status, 204)
    assert.equal(await one.access(), '401 RevokedTokenError')
  })

  test('take no revoked one', async t => {
    const here = await scene(t)
    const one = await person(here)
    await one.logout()
    assert.deepEqual(await withToken(here, one.token('access')), thrice('401 RevokedTokenError'))
  })

  test('are of one login type: a person of the same name in another has others', async t => {
    const here = await scene(t, { loginType: 'user' })
    const one = await person(here)
    const there = await scene(t, { loginType: 'admin', store: here.store })
    const admin = await person(there)
    assert.equal((await sessionsOf(one)).length, 1)
    assert.equal((await one.delete(`/sessions/${await sidOf(admin)}`)).status, 404)
    assert.equal((await one.delete('/sessions')).status, 204)
    assert.equal(await admin.access(), '200')
  })
})

describe('a token that was made for something else', () => {
  /** What each session route answers to a token, in the order list, end another, end all, end the own one. */
  async function answers(here: Scene, token: string): Promise<string[]> {
    const other = await person(here)
    const { sid } = await here.authx.verifyToken(token)
    const { sid: others } = await here.authx.verifyToken(other.token('access'))
    const routes = [
      ['GET', '/sessions'],
      ['DELETE', `/sessions/${others}`],
      ['DELETE', '/sessions'],
      ['DELETE', `/sessions/${sid}`],
    ] as const
    const told: string[] = []
    for (const [method, path] of routes) {
      const { status, json, headers } = await here.client({ method, path, headers: [bearer(token)] })
      const scope = /scope="([^"]*)"/.exec(String(headers['www-authenticate']))?.[1]
      told.push([status, json.error_type, scope].filter(Boolean).join(' '))
      if (status === 204 && path === '/sessions') break
    }
    if (!told.includes('204')) assert.equal(await other.access(), '200')
    return told
  }

  /** A token of a session of its own, as `options` make it. */
  async function tokenOf(here: Scene, options: Parameters<Scene['authx']['createAccessToken']>[1]): Promise<string> {
    const { access_token } = await here.authx.createTokenPair('test')
    const { sid } = await here.authx.verifyToken(access_token)
    return here.authx.createAccessToken('test', { sid: String(sid), ...options })
  }

  const scope = (name: string) => `403 InsufficientScopeError ${name}`
  const FRESH = '401 FreshTokenRequiredError'

  for (const [what, options, expected] of [
    ['a narrow scope', { scopes: ['video:read'], fresh: true }, [...Array(3).fill(scope('sessions')), '204']],
    ['a scope that is not fresh', { scopes: ['video:*'] }, [...Array(3).fill(scope('sessions')), '204']],
    ['no scope at all', { scopes: [], fresh: true }, [...Array(3).fill(scope('sessions')), '204']],
    [
      'a scope that begins alike',
      { scopes: ['sessionsx', 'sessions:read'] },
      [...Array(3).fill(scope('sessions')), '204'],
    ],
    ['a short life, as for a link', { expiry: '1m' }, ['200', FRESH, FRESH, '204']],
    ['the scope for it, not fresh', { scopes: ['sessions'] }, ['200', FRESH, FRESH, '204']],
    ['the scope for it, fresh', { scopes: ['a', 'sessions'], fresh: true }, ['200', '204', '204']],
    ['a scope that covers it, fresh', { scopes: ['sessions:*'], fresh: true }, ['200', '204', '204']],
    ['all scopes, fresh', { scopes: ['*'], fresh: true }, ['200', '204', '204']],
    ['nothing but freshness', { fresh: true }, ['200', '204', '204']],
  ] as const) {
    test(`(${what}) can do no more than it was made for`, async t => {
      const here = await scene(t)
      assert.deepEqual(await answers(here, await tokenOf(here, options as object)), expected)
    })
  }

  for (const [sessions, options, expected] of [
    [{ scopes: [] }, { scopes: ['video:read'] }, ['200', FRESH, FRESH, '204']],
    [{ scopes: [], end: { fresh: false } }, { scopes: ['video:read'] }, ['200', '204', '204']],
    [{ scopes: ['account'] }, { fresh: true }, [...Array(3).fill(scope('account')), '204']],
    [{ scopes: ['account', 'me'] }, { scopes: ['account'] }, [...Array(3).fill(scope('account me')), '204']],
    [
      { scopes: ['account:read'], end: { scopes: ['account:end'] } },
      { scopes: ['account:read'], fresh: true },
      ['200', scope('account:end'), scope('account:end'), '204'],
    ],
    [{ scopes: ['account'], end: { fresh: false } }, { scopes: ['account'] }, ['200', '204', '204']],
    [{ fresh: true }, {}, [FRESH, FRESH, FRESH, '204']],
    [{ fresh: true, end: { fresh: false } }, {}, [FRESH, '204', '204']],
    [{ fresh: false }, {}, ['200', FRESH, FRESH, '204']],
    [{ end: { scopes: [] } }, { scopes: ['a'], fresh: true }, [scope('sessions'), '204', '204']],
    [{ scopes: undefined, fresh: undefined, end: undefined }, {}, ['200', FRESH, FRESH, '204']],
  ] as const) {
    test(`with sessions: ${JSON.stringify(sessions)}, ${JSON.stringify(options)} can do as it says`, async t => {
      const here = await scene(t, {}, { login, sessions })
      assert.deepEqual(await answers(here, await tokenOf(here, options as object)), expected)
    })
  }

  test('is refused before the store is asked for sessions, and before any is ended', async t => {
    const asked: string[] = []
    class Watched extends MemoryTokenStore {
      override async get(keys: readonly string[]) {
        asked.push(...keys.filter(key => key.startsWith('sessions:')))
        return super.get(keys)
      }
      override async compareAndSet(...args: Parameters<MemoryTokenStore['compareAndSet']>) {
        asked.push(`write ${args[0]}`)
        return super.compareAndSet(...args)
      }
    }
    const here = await scene(t, { store: new Watched() })
    const token = await tokenOf(here, { scopes: ['video:read'] })
    asked.length = 0
    for (const [method, path] of [
      ['GET', '/sessions'],
      ['DELETE', '/sessions'],
      ['DELETE', '/sessions/none'],
    ] as const) {
      assert.equal((await here.client({ method, path, headers: [bearer(token)] })).status, 403)
    }
    assert.deepEqual(asked, [])
  })

  test('keeps the rules that the routes were made with', async t => {
    const scopes = ['account']
    const here = await scene(t, {}, { login, sessions: { scopes } })
    scopes.length = 0
    assert.equal((await answers(here, await tokenOf(here, {})))[0], scope('account'))
  })
})
