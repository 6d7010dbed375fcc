import type { TestContext } from 'node:test'
import type { AuthX, AuthXOptions } from '../../../src/index.js'
import { TEST_NOW } from '../../support/app.js'
import { clientOf, cookiesOfLogin, type Effect } from './effect.js'

const base = { tokenLocation: ['cookies'] } satisfies AuthXOptions

/** Whether each cookie of a login has the attribute, by name. */
const attributeOf = (cookieName: string, attribute: string) => async (authx: AuthX, t: TestContext) => {
  const attributes = (await cookiesOfLogin(authx, t))[cookieName]
  return attributes?.find(each => each.split('=')[0] === attribute)
}

const namesAt = (index: number) => async (authx: AuthX, t: TestContext) =>
  Object.keys(await cookiesOfLogin(authx, t))[index]

const pathOf = (cookieName: string) => attributeOf(cookieName, 'Path')
const pathEffect = { without: 'Path=/', with: 'Path=/api' } as const

/** The options about the cookies that are set. */
export const COOKIE_EFFECTS = {
  accessCookieName: {
    base,
    given: { accessCookieName: 'at' },
    see: namesAt(0),
    without: 'access_token_cookie',
    with: 'at',
  },
  accessCsrfCookieName: {
    base,
    given: { accessCsrfCookieName: 'ac' },
    see: namesAt(1),
    without: 'csrf_access_token',
    with: 'ac',
  },
  refreshCookieName: {
    base,
    given: { refreshCookieName: 'rt' },
    see: namesAt(2),
    without: 'refresh_token_cookie',
    with: 'rt',
  },
  refreshCsrfCookieName: {
    base,
    given: { refreshCsrfCookieName: 'rc' },
    see: namesAt(3),
    without: 'csrf_refresh_token',
    with: 'rc',
  },
  accessCookiePath: { base, given: { accessCookiePath: '/api' }, see: pathOf('access_token_cookie'), ...pathEffect },
  accessCsrfCookiePath: {
    base,
    given: { accessCsrfCookiePath: '/api' },
    see: pathOf('csrf_access_token'),
    ...pathEffect,
  },
  refreshCookiePath: { base, given: { refreshCookiePath: '/api' }, see: pathOf('refresh_token_cookie'), ...pathEffect },
  refreshCsrfCookiePath: {
    base,
    given: { refreshCsrfCookiePath: '/api' },
    see: pathOf('csrf_refresh_token'),
    ...pathEffect,
  },
  cookieDomain: {
    base,
    given: { cookieDomain: 'example.com' },
    see: attributeOf('access_token_cookie', 'Domain'),
    without: undefined,
    with: 'Domain=example.com',
  },
  formerCookies: {
    base,
    given: { formerCookies: [{ domain: 'example.com' }] },
    see: async (authx, t) => {
      const { cookies } = await (await clientOf(authx, t))({ method: 'POST', path: '/login' })
      return cookies.filter(line => line.includes('Domain=example.com; Max-Age=0')).length
    },
    without: 0,
    with: 4,
  },
  cookieMaxAge: {
    base,
    given: { cookieMaxAge: '1h' },
    see: attributeOf('access_token_cookie', 'Max-Age'),
    without: undefined,
    with: 'Max-Age=3600',
  },
  cookieSamesite: {
    base,
    given: { cookieSamesite: 'strict' },
    see: attributeOf('access_token_cookie', 'SameSite'),
    without: 'SameSite=Lax',
    with: 'SameSite=Strict',
  },
  cookieSecure: {
    base,
    given: { cookieSecure: false },
    see: attributeOf('access_token_cookie', 'Secure'),
    without: 'Secure',
    with: undefined,
  },
  cookieHttpOnly: {
    base,
    given: { cookieHttpOnly: false },
    see: attributeOf('access_token_cookie', 'HttpOnly'),
    without: 'HttpOnly',
    with: undefined,
  },
  cookiePartitioned: {
    base: { ...base, cookieSamesite: 'none' },
    given: { cookiePartitioned: true },
    see: attributeOf('access_token_cookie', 'Partitioned'),
    without: undefined,
    with: 'Partitioned',
  },
  sessionCookie: {
    base: { ...base, now: () => TEST_NOW },
    given: { sessionCookie: false },
    see: attributeOf('refresh_token_cookie', 'Max-Age'),
    without: undefined,
    with: `Max-Age=${20 * 86_400}`,
  },
  csrfInCookies: {
    base,
    given: { csrfInCookies: false },
    see: async (authx, t) =>
      Object.keys((await (await clientOf(authx, t))({ method: 'POST', path: '/login' })).json).sort(),
    without: ['expires_in', 'token_type'],
    with: ['csrf_token', 'expires_in', 'token_type'],
  },
} satisfies Record<string, Effect>
