import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions, ClaimsRequest, SubjectClaims } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { bearer, cookie } from '../support/app.js'
import { claimsOf, flowApi, verdict } from './api.js'

const GONE = [401, 'SubjectNotFoundError']
const REVOKED = [401, 'RevokedTokenError']

/** An API whose claims getter returns what `user` is; `undefined` means that there is no such user. */
async function apiWithUsers(t: TestContext, options: AuthXOptions = {}) {
  const api = await flowApi(t, options)
  const asked: (ClaimsRequest & { sub: string })[] = []
  const users: { ada: SubjectClaims | undefined } = { ada: { scopes: ['admin:*'], data: { role: 'admin' } } }
  api.authx.setClaimsGetter(async (sub, about) => {
    asked.push({ sub, ...about })
    return users.ada
  })
  return { ...api, users, asked }
}

/** Names and values of `Set-Cookie` lines. */
const jarOf = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(lines.map(line => (line.split(';', 1)[0] ?? '').split('=') as [string, string]))

describe('with a claims getter', () => {
  test('a role that a user loses is gone at the next refresh, and one that is given is there', async t => {
    const api = await apiWithUsers(t)
    const { json } = await api.login()
    assert.deepEqual([claimsOf(json.access_token).role, claimsOf(json.access_token).scopes], ['admin', ['admin:*']])
    api.users.ada = { data: { role: 'reader' } }
    const next = await api.refresh(json.refresh_token)
    const { role, scopes } = claimsOf(next.json.access_token)
    assert.deepEqual([role, scopes], ['reader', undefined])
    api.users.ada = { scopes: ['reports', 'admin:*'], audience: ['web', 'api'] }
    const wider = claimsOf((await api.refresh(next.json.refresh_token)).json.access_token)
    assert.deepEqual([wider.role, wider.scopes, wider.aud], [undefined, ['reports', 'admin:*'], ['web', 'api']])
  })

  test('a refresh token has no claims, scopes or audience of the application', async t => {
    const api = await apiWithUsers(t, { encodeAudience: 'web' })
    api.users.ada = { scopes: ['a'], data: { role: 'admin' }, audience: 'special' }
    let { json } = await api.login()
    for (let round = 0; round < 3; round++) {
      const { role, scopes, aud } = claimsOf(json.refresh_token)
      assert.deepEqual([role, scopes, aud], [undefined, undefined, 'web'])
      json = (await api.refresh(json.refresh_token)).json
    }
  })

  test('a refresh token from before the claims getter gives none of its claims to new tokens', async t => {
    const api = await flowApi(t)
    const { json } = await api.login({ data: { role: 'admin' }, scopes: ['admin:*'] })
    api.authx.setClaimsGetter(() => ({ data: { team: 'red' } }))
    const next = (await api.refresh(json.refresh_token)).json
    for (const token of [next.access_token, next.refresh_token]) {
      const { role, scopes } = claimsOf(token)
      assert.deepEqual([role, scopes], [undefined, undefined])
    }
    assert.equal(claimsOf(next.access_token).team, 'red')
  })

  test('claims that are too large for a cookie are an error of the application, at login and refresh', async t => {
    const api = await apiWithUsers(t, { tokenLocation: { access: ['cookies'], refresh: ['headers'] } })
    const { json } = await api.login()
    api.users.ada = { data: { note: 'x'.repeat(5000) } }
    for (const answer of [await api.refresh(json.refresh_token), await api.login()])
      assert.deepEqual([...verdict(answer), answer.cookies], [500, 'CookieTooLargeError', []])
    api.users.ada = { data: { note: 'short' } }
    assert.deepEqual(verdict(await api.refresh(json.refresh_token)), [200, undefined])
  })

  test('it learns why it is called, for which session, and the context of the login', async t => {
    const api = await apiWithUsers(t)
    const { json } = await api.login({ context: { tenant: 'acme' } })
    await api.refresh(json.refresh_token)
    await api.authx.createTokenPair('ada')
    const { sid } = claimsOf(json.access_token)
    const [login, refresh, pair] = api.asked
    assert.deepEqual(
      [login?.reason, login?.sid, login?.context, login?.ctx?.path],
      ['login', sid, { tenant: 'acme' }, '/login'],
    )
    assert.deepEqual(
      [refresh?.reason, refresh?.sid, refresh?.context, refresh?.ctx?.path],
      ['refresh', sid, { tenant: 'acme' }, '/refresh'],
    )
    assert.deepEqual([pair?.sub, pair?.reason, pair?.ctx, pair?.context], ['ada', 'login', undefined, undefined])
  })

  test('refresh can narrow its scopes, and not widen them', async t => {
    const api = await apiWithUsers(t)
    api.users.ada = { scopes: ['a:*', 'b'] }
    const { json } = await api.login()
    const narrowed = await api.refresh(json.refresh_token, { scopes: ['a:read'] })
    assert.deepEqual(claimsOf(narrowed.json.access_token).scopes, ['a:read'])
    const wider = await api.refresh(narrowed.json.refresh_token, { scopes: ['c'] })
    assert.deepEqual(verdict(wider), [403, 'InsufficientScopeError'])
    assert.equal((await api.refresh(narrowed.json.refresh_token)).status, 200, 'nothing was used up')
  })

  test('a second source of claims is a mistake of the application', async t => {
    const api = await apiWithUsers(t)
    for (const options of [{ data: {} }, { scopes: ['a'] }, { audience: 'web' }]) {
      await assert.rejects(api.authx.createTokenPair('ada', options), /cannot be set beside a claims getter/)
      assert.equal((await api.login(options)).status, 500)
    }
    assert.deepEqual(api.asked, [])
    const { json } = await api.login()
    assert.equal((await api.refresh(json.refresh_token, { data: { a: 1 } })).status, 500)
    assert.equal((await api.refresh(json.refresh_token)).status, 200)
  })
})

describe('a user who was deleted', () => {
  for (const getter of ['claims getter', 'subject getter']) {
    const withGetter = async (t: TestContext, options: AuthXOptions = {}) => {
      const api = await flowApi(t, options)
      const users = new Map<string, object>([['ada', {}]])
      const find = (sub: string) => users.get(sub)
      if (getter === 'claims getter') api.authx.setClaimsGetter(find)
      else api.authx.setSubjectGetter(find)
      return { ...api, users }
    }

    test(`cannot log in, and nothing is written (${getter})`, async t => {
      const api = await withGetter(t)
      api.users.clear()
      assert.deepEqual(verdict(await api.login()), GONE)
      await assert.rejects(api.authx.createTokenPair('ada'), { name: 'SubjectNotFoundError' })
      assert.deepEqual(await api.authx.listSessions('ada'), [])
    })

    test(`cannot refresh, and the session is over in every process (${getter})`, async t => {
      const store = new MemoryTokenStore()
      const api = await withGetter(t, { store })
      const other = await flowApi(t, { store })
      const revoked: unknown[] = []
      api.authx.on('revoked', event => revoked.push(event))
      const { json } = await api.login()
      api.users.clear()
      assert.deepEqual(verdict(await api.refresh(json.refresh_token)), GONE)
      assert.deepEqual(revoked, [{ sid: claimsOf(json.access_token).sid, sub: 'ada' }])
      for (const each of [api, other]) {
        assert.deepEqual(verdict(await each.protected(json.access_token)), REVOKED)
        assert.deepEqual(verdict(await each.refresh(json.refresh_token)), REVOKED)
      }
    })

    test(`loses the cookies with the refresh (${getter})`, async t => {
      const api = await withGetter(t, { tokenLocation: ['cookies'] })
      const jar = jarOf((await api.login()).cookies)
      api.users.clear()
      const headers = [cookie(jar), ['X-CSRF-TOKEN', String(jar.csrf_refresh_token)] as const]
      const refused = await api.send({ method: 'POST', path: '/refresh', headers })
      assert.deepEqual(verdict(refused), GONE)
      assert.deepEqual(new Set(Object.values(jarOf(refused.cookies))), new Set(['']))
    })

    test(`cannot refresh without a store either (${getter})`, async t => {
      const api = await withGetter(t, { store: undefined })
      const { json } = await api.login()
      assert.equal((await api.refresh(json.refresh_token)).status, 200)
      api.users.clear()
      assert.deepEqual(verdict(await api.refresh(json.refresh_token)), GONE)
    })

    test(`is refused as 503 while the getter fails, and nothing is used up or revoked (${getter})`, async t => {
      const api = await withGetter(t)
      const { json } = await api.login()
      const fail = () => Promise.reject(new Error('the database is down'))
      if (getter === 'claims getter') api.authx.setClaimsGetter(fail)
      else api.authx.setSubjectGetter(fail)
      const name = getter === 'claims getter' ? 'claimsGetter' : 'subjectGetter'
      await assert.rejects(api.authx.createTokenPair('ada'), { name: 'CallbackUnavailableError', callback: name })
      assert.deepEqual(verdict(await api.refresh(json.refresh_token)), [503, 'CallbackUnavailableError'])
      assert.equal((await api.protected(json.access_token)).status, 200)
      api.authx.setClaimsGetter(() => ({}))
      assert.equal((await api.refresh(json.refresh_token)).status, 200)
    })
  }
})

describe('what is no answer of a claims getter is 503, and names the mistake', () => {
  for (const [what, answer, cause] of [
    ['true', true, /must return an object/],
    ['a role beside data', { role: 'admin' }, /unknown option "role"/],
    ['a claim that koa-authx writes', { data: { sub: 'eve' } }, /data must not contain sub: reserved for koa-authx/],
    ['scopes as a text', { scopes: 'a b' }, /scopes must be a list/],
    ['an empty audience', { audience: '' }, /audience must be/],
  ] as const) {
    test(what, async t => {
      const api = await flowApi(t)
      api.authx.setClaimsGetter(() => answer as never)
      await assert.rejects(api.authx.createTokenPair('ada'), error => {
        assert.ok(error instanceof Error && error.name === 'CallbackUnavailableError')
        assert.match(String((error.cause as Error).message), cause)
        return true
      })
    })
  }
})

describe('the context of a login', () => {
  test('is in the list of sessions and in the event, and in no token', async t => {
    const api = await flowApi(t)
    const issued: unknown[] = []
    api.authx.on('issued', event => issued.push(event.context))
    const { json } = await api.login({ context: { actor: 'support-7' } })
    const [session] = await api.authx.listSessions('ada')
    assert.deepEqual(session?.context, { actor: 'support-7' })
    assert.deepEqual((await api.authx.getSession(String(session?.sid)))?.context, { actor: 'support-7' })
    assert.deepEqual(issued, [{ actor: 'support-7' }])
    for (const token of [json.access_token, json.refresh_token]) {
      assert.ok(!JSON.stringify(claimsOf(token)).includes('support-7'))
    }
  })

  for (const [what, context] of Object.entries({
    'no object': 'acme',
    'a list': ['acme'],
    'larger than 2048 bytes': { a: 'x'.repeat(2048) },
    'larger than 2048 bytes of UTF-8': { a: '語'.repeat(700) },
    'a Date in it': { at: new Date() },
  })) {
    test(`cannot be ${what}`, async t => {
      const { authx, asked } = await apiWithUsers(t)
      await assert.rejects(authx.createTokenPair('ada', { context: context as never }), TypeError)
      assert.deepEqual(asked, [], 'the getter never sees it')
    })
  }

  test('requires a store', async t => {
    const api = await flowApi(t, { store: undefined })
    await assert.rejects(api.authx.createTokenPair('ada', { context: {} }), /context requires a store/)
  })
})

test('a token for a session of another subject is refused by guards, with a cause that says so', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  const token = api.authx.createAccessToken('eve', { sid: String(claimsOf(json.access_token).sid) })
  assert.deepEqual(verdict(await api.send({ path: '/protected', headers: [bearer(token)] })), REVOKED)
  await assert.rejects(api.authx.verifyToken(token), { cause: /belongs to another subject/ })
})
