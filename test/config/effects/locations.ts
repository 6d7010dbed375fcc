import type { TestContext } from 'node:test'
import type { AuthX, AuthXOptions } from '../../../src/index.js'
import { cookie, type Sent } from '../../support/app.js'
import { clientOf, type Effect, jarOfLogin } from './effect.js'

const JSON_TYPE = ['Content-Type', 'application/json'] as const

/** The status that a request gets which carries a token of `type` where `place` puts it. */
function statusOf(place: (token: string) => Sent, type: 'access' | 'refresh' = 'access') {
  const path = type === 'access' ? '/protected' : '/refreshable'
  return async (authx: AuthX, t: TestContext) => {
    const token = type === 'access' ? authx.createAccessToken('test') : authx.createRefreshToken('test')
    const { path: query = '', ...sent } = place(token)
    return (await (await clientOf(authx, t))({ ...sent, path: `${path}${query}` })).status
  }
}

const inHeader = (name: string, value: (token: string) => string) => (token: string) => ({
  headers: [[name, value(token)] as const],
})
const inJson = (key: string) => (token: string) => ({
  method: 'POST',
  headers: [JSON_TYPE],
  body: JSON.stringify({ [key]: token }),
})

const refused = { without: 401, with: 200 } as const
const cookies = { tokenLocation: ['cookies'], cookieSecure: false } satisfies AuthXOptions

/** The status of a request that repeats its CSRF value, after a login with cookies, where `place` puts it. */
function csrfStatusOf(place: (csrf: string) => Sent, type: 'access' | 'refresh' = 'access', method = 'POST') {
  return async (authx: AuthX, t: TestContext) => {
    const client = await clientOf(authx, t)
    const jar = await jarOfLogin(client)
    const { headers = [], ...sent } = place(authx.getCsrfToken(jar[`${type}_token_cookie`] ?? '') ?? '')
    const path = type === 'access' ? '/protected' : '/refreshable'
    return (await client({ method, ...sent, path, headers: [cookie(jar), ...headers] })).status
  }
}

const inCsrfHeader = (name: string) => (csrf: string) => ({ headers: [[name, csrf] as const] })
const inCsrfField = (name: string) => (csrf: string) => ({
  headers: [['Content-Type', 'application/x-www-form-urlencoded'] as const],
  body: new URLSearchParams({ [name]: csrf }).toString(),
})
const without = () => ({})
const unprotected = { without: 403, with: 200 } as const

/** The options about where tokens and CSRF values are looked for. */
export const LOCATION_EFFECTS = {
  tokenLocation: {
    given: { tokenLocation: ['query'] },
    see: statusOf(token => ({ path: `?token=${token}` })),
    ...refused,
  },
  headerName: {
    given: { headerName: 'X-Token' },
    see: statusOf(inHeader('X-Token', token => `Bearer ${token}`)),
    ...refused,
  },
  headerType: {
    given: { headerType: 'JWT' },
    see: statusOf(inHeader('Authorization', token => `JWT ${token}`)),
    ...refused,
  },
  queryStringName: {
    base: { tokenLocation: ['query'] },
    given: { queryStringName: 'jwt' },
    see: statusOf(token => ({ path: `?jwt=${token}` })),
    ...refused,
  },
  jsonKey: { base: { tokenLocation: ['json'] }, given: { jsonKey: 'jwt' }, see: statusOf(inJson('jwt')), ...refused },
  refreshJsonKey: {
    base: { tokenLocation: ['json'] },
    given: { refreshJsonKey: 'jwt' },
    see: statusOf(inJson('jwt'), 'refresh'),
    ...refused,
  },
  cookieCsrfProtect: { base: cookies, given: { cookieCsrfProtect: false }, see: csrfStatusOf(without), ...unprotected },
  trustedOrigins: {
    base: cookies,
    given: { trustedOrigins: ['https://app.example'] },
    see: statusOf(token => ({
      headers: [
        cookie({ access_token_cookie: token }),
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Origin', 'https://app.example'],
      ],
    })),
    without: 403,
    with: 200,
  },
  csrfCheck: {
    base: cookies,
    given: { csrfCheck: 'origin' },
    see: statusOf(token => ({
      method: 'POST',
      headers: [cookie({ access_token_cookie: token }), ['Sec-Fetch-Site', 'same-origin']],
    })),
    without: 403,
    with: 200,
  },
  csrfMethods: { base: cookies, given: { csrfMethods: ['get'] }, see: csrfStatusOf(without), ...unprotected },
  csrfCheckForm: {
    base: cookies,
    given: { csrfCheckForm: true },
    see: csrfStatusOf(inCsrfField('csrf_token')),
    ...unprotected,
  },
  accessCsrfHeaderName: {
    base: cookies,
    given: { accessCsrfHeaderName: 'X-Access' },
    see: csrfStatusOf(inCsrfHeader('X-Access')),
    ...unprotected,
  },
  refreshCsrfHeaderName: {
    base: cookies,
    given: { refreshCsrfHeaderName: 'X-Refresh' },
    see: csrfStatusOf(inCsrfHeader('X-Refresh'), 'refresh'),
    ...unprotected,
  },
  accessCsrfFieldName: {
    base: { ...cookies, csrfCheckForm: true },
    given: { accessCsrfFieldName: 'access' },
    see: csrfStatusOf(inCsrfField('access')),
    ...unprotected,
  },
  refreshCsrfFieldName: {
    base: { ...cookies, csrfCheckForm: true },
    given: { refreshCsrfFieldName: 'refresh' },
    see: csrfStatusOf(inCsrfField('refresh'), 'refresh'),
    ...unprotected,
  },
} satisfies Record<string, Effect>
