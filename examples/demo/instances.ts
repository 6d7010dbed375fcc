import { AuthX, type AuthXOptions } from 'koa-authx'

/** The two ways of carrying tokens that the page can choose from. */
export const MODES = ['cookies', 'dual'] as const
export type Mode = (typeof MODES)[number]

export const pathOf = (mode: Mode) => `/demo/${mode}`

/**
 * For people who want to see something: an access token lasts a minute, and a used-up refresh token is old after five
 * seconds, the least that the client can do with.
 */
const SHORT_LIVES: AuthXOptions = {
  accessTokenExpires: '1m',
  refreshTokenExpires: '2h',
  sessionExpires: '1d',
  refreshGracePeriod: 5,
}

/**
 * An `AuthX` for a mode. Both are of one login type, so that a person has one list of sessions, and "log out everywhere"
 * means both and nothing else. The audience makes their tokens no good at the other routes of the server, and theirs here.
 * The environment has no say: the scripts of the page know the names of headers and cookies as they are here.
 */
export function instanceFor(mode: Mode, options: AuthXOptions): AuthX {
  return new AuthX({
    ...SHORT_LIVES,
    loginType: 'demo',
    encodeAudience: 'demo',
    decodeAudience: 'demo',
    sessionTracking: true,
    tokenLocation: mode === 'cookies' ? ['cookies'] : { access: ['headers'], refresh: ['cookies'] },
    ...cookiesFor(mode),
    ...options,
  })
}

/** The token's cookies go to the routes of the mode only; the page, which is elsewhere, has to read the CSRF values. */
function cookiesFor(mode: Mode): AuthXOptions {
  const path = pathOf(mode)
  return {
    accessCookieName: `demo_${mode}_access`,
    accessCookiePath: path,
    accessCsrfCookieName: `demo_${mode}_access_csrf`,
    refreshCookieName: `demo_${mode}_refresh`,
    refreshCookiePath: path,
    refreshCsrfCookieName: `demo_${mode}_refresh_csrf`,
    cookieSamesite: 'strict',
    cookieCsrfProtect: true,
    csrfInCookies: true,
  }
}
