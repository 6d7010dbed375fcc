import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { koaBody } from 'koa-body'
import type { AuthXOptions } from '../../src/index.js'
import { bearer, cookie, type Reply, type Sent } from '../support/app.js'
import { type FlowApi, flowApi, verdict } from './api.js'

const EVERYWHERE = ['headers', 'cookies', 'json', 'query'] as const
const REVOKED = [401, 'RevokedTokenError']

const apiOf = (t: Parameters<typeof flowApi>[0], options: AuthXOptions = {}) =>
  flowApi(t, { tokenLocation: EVERYWHERE, ...options }, app => app.use(koaBody()))

/** Names and values of `Set-Cookie` lines. */
const jarOf = ({ cookies }: Reply) =>
  Object.fromEntries(cookies.map(line => (line.split(';', 1)[0] ?? '').split('='))) as Record<string, string>

type Part = Pick<Sent, 'headers' | 'body'> & { readonly query?: string }

const inHeader = (token: unknown): Part => ({ headers: [bearer(String(token))] })
const inQuery = (token: unknown): Part => ({ query: `?token=${token}` })
const inBody = (members: object): Part => ({
  headers: [['Content-Type', 'application/json']],
  body: JSON.stringify(members),
})
const inCookies = (jar: Record<string, unknown>, csrf: unknown): Part => ({
  headers: [cookie(jar as Record<string, string>), ['X-CSRF-TOKEN', String(csrf)]],
})

/** One logout that carries its tokens in several ways. */
const logout = (api: FlowApi, ...parts: readonly Part[]) =>
  api.send({
    method: 'POST',
    path: `/logout${parts.map(({ query = '' }) => query).join('')}`,
    headers: parts.flatMap(({ headers = [] }) => headers),
    ...(parts.some(({ body }) => body) && { body: parts.map(({ body = '' }) => body).join('') }),
  })

const isRefused = async (api: FlowApi, token: unknown) => assert.deepEqual(verdict(await api.protected(token)), REVOKED)

describe('after a logout that is answered with 204 no token of the request is good', () => {
  const pairs: readonly [name: string, one: (login: Reply) => Part, other: (login: Reply) => Part][] = [
    [
      'a header and a body',
      ({ json }) => inHeader(json.access_token),
      ({ json }) => inBody({ access_token: json.access_token }),
    ],
    [
      'a header and the refresh token of a body',
      ({ json }) => inHeader(json.access_token),
      ({ json }) => inBody({ refresh_token: json.refresh_token }),
    ],
    ['a header and a query', ({ json }) => inHeader(json.access_token), ({ json }) => inQuery(json.access_token)],
    [
      'a body and a query',
      ({ json }) => inBody({ access_token: json.access_token }),
      ({ json }) => inQuery(json.access_token),
    ],
    [
      'both tokens of a body',
      ({ json }) => inHeader(json.refresh_token),
      ({ json }) => inBody({ access_token: json.access_token }),
    ],
  ]
  for (const [name, one, other] of pairs) {
    test(`of two sessions in ${name}`, async t => {
      const api = await apiOf(t)
      const [first, second] = [await api.login(), await api.login()]
      assert.equal((await logout(api, one(first), other(second))).status, 204)
      for (const { json } of [first, second]) await isRefused(api, json.access_token)
    })
  }

  test('of five sessions in all locations at once', async t => {
    const api = await apiOf(t)
    const logins: Reply[] = []
    for (let n = 0; n < 5; n++) logins.push(await api.login())
    const [a, b, c, d, e] = logins as [Reply, Reply, Reply, Reply, Reply]
    const jar = jarOf(e)
    const done = await logout(
      api,
      inHeader(a.json.access_token),
      inBody({ access_token: b.json.access_token, refresh_token: c.json.refresh_token }),
      inQuery(d.json.access_token),
      inCookies(jar, jar.csrf_access_token),
    )
    assert.equal(done.status, 204)
    for (const { json } of logins) await isRefused(api, json.access_token)
  })

  test('and one that is not good in another location hinders nothing', async t => {
    const api = await apiOf(t)
    const { json } = await api.login()
    const done = await logout(api, inHeader(json.access_token), inBody({ access_token: 'junk' }))
    assert.equal(done.status, 204)
    await isRefused(api, json.access_token)
  })
})

describe('a location that holds something other than one token makes a logout fail with 400, and nothing is cleared', () => {
  const shaped = (n: number) => `a${n}.b.c`
  const malformed: readonly [name: string, part: Part][] = [
    [
      'six access cookies',
      { headers: [['Cookie', Array.from({ length: 6 }, (_, n) => `access_token_cookie=${shaped(n)}`).join('; ')]] },
    ],
    [
      'six refresh cookies',
      { headers: [['Cookie', Array.from({ length: 6 }, (_, n) => `refresh_token_cookie=${shaped(n)}`).join('; ')]] },
    ],
    ['a member that is no string', inBody({ access_token: ['a', 'b'] })],
    ['two parameters of the query', { query: '?token=a&token=b' }],
  ]
  for (const [name, part] of malformed) {
    test(`${name} beside a header`, async t => {
      const api = await apiOf(t)
      const { json } = await api.login()
      const refused = await logout(api, inHeader(json.access_token), part)
      assert.deepEqual(verdict(refused), [400, 'MalformedTokenRequestError'])
      assert.deepEqual(refused.cookies, [])
      assert.equal((await api.protected(json.access_token)).status, 200)
    })
  }

  test('two tokens in a header beside cookies with their CSRF value', async t => {
    const api = await apiOf(t)
    const jar = jarOf(await api.login())
    const refused = await logout(api, inHeader('a b'), inCookies(jar, jar.csrf_access_token))
    assert.deepEqual(verdict(refused), [400, 'MalformedTokenRequestError'])
    assert.deepEqual(refused.cookies, [])
  })
})

describe('a cookie of another login without its CSRF value lets a logout fail while that login goes on', () => {
  const headersAndCookies = { tokenLocation: ['headers', 'cookies'] } as const

  /** One session's token in the header, which proves itself, beside cookies of another. */
  async function scene(t: Parameters<typeof flowApi>[0], options: AuthXOptions = {}) {
    const api = await apiOf(t, { ...headersAndCookies, ...options })
    const other = await api.login()
    const beside = (jar: Record<string, unknown>, own: Reply) =>
      logout(api, inHeader(own.json.access_token), { headers: [cookie(jar as Record<string, string>)] })
    return { api, other, beside, refresh: () => api.refresh(other.json.refresh_token) }
  }

  for (const accessTokenRevocation of [true, false]) {
    test(`though it has expired (accessTokenRevocation: ${accessTokenRevocation})`, async t => {
      const { api, other, beside } = await scene(t, { accessTokenRevocation })
      api.clock.now += 3_600_000
      const { access_token_cookie } = jarOf(other)
      const refused = await beside({ access_token_cookie }, await api.login())
      assert.deepEqual([...verdict(refused), refused.cookies], [403, 'MissingCSRFTokenError', []])
      assert.equal((await api.refresh(other.json.refresh_token)).status, 200)
    })
  }

  test('though the refresh token in it has been used up', async t => {
    const { api, other, beside, refresh } = await scene(t)
    const { refresh_token_cookie } = jarOf(other)
    const next = await refresh()
    api.clock.now += 60_000
    const refused = await beside({ refresh_token_cookie }, await api.login())
    assert.deepEqual([...verdict(refused), refused.cookies], [403, 'MissingCSRFTokenError', []])
    assert.equal((await api.refresh(next.json.refresh_token)).status, 200)
  })

  test('though it names no session and has expired, if it has opened one', async t => {
    const { api, beside } = await scene(t)
    const opening = api.authx.createRefreshToken('ada', { expiry: '1h' })
    const opened = await api.refresh(opening)
    api.clock.now += 600_000
    const next = await api.refresh(opened.json.refresh_token)
    assert.equal(next.status, 200)
    const own = await api.login()
    assert.deepEqual(verdict(await beside({ refresh_token_cookie: opening }, own)), [403, 'MissingCSRFTokenError'])
  })

  const ENDED: readonly [name: string, end: (api: FlowApi, other: Reply) => unknown][] = [
    ['was ended', (api, { json }) => api.authx.revoke(String(json.refresh_token))],
    ['was ended for all of its subject', api => api.authx.revokeAllSessions('ada')],
    [
      'ended by itself, without a refresh',
      api => {
        api.clock.now += 21 * 86_400_000
      },
    ],
  ]
  for (const [name, end] of ENDED) {
    test(`and does not where that login ${name}`, async t => {
      const { api, other, beside } = await scene(t)
      await end(api, other)
      api.clock.now += 3_600_000
      const { access_token_cookie, refresh_token_cookie } = jarOf(other)
      const done = await beside({ access_token_cookie, refresh_token_cookie }, await api.login())
      assert.equal(done.status, 204)
      assert.equal(done.cookies.length, 4)
    })
  }

  test('and does not where the token is of no session and has expired', async t => {
    const { api, beside } = await scene(t)
    const alone = { access_token_cookie: api.authx.createAccessToken('ada') }
    assert.deepEqual(verdict(await beside(alone, await api.login())), [403, 'MissingCSRFTokenError'])
    api.clock.now += 3_600_000
    assert.equal((await beside(alone, await api.login())).status, 204)
  })
})
