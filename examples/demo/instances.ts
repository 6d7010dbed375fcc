import { AuthX, type AuthXOptions } from 'koa-authx'

/** The two combinations of token locations in the demo. */
export const MODES = ['cookies', 'dual'] as const
export type Mode = (typeof MODES)[number]

export const pathOf = (mode: Mode) => `/demo/${mode}`

/**
 * Short lifetimes, so that changes are visible. An access token lasts one minute. The grace period is five seconds, the
 * minimum for the client.
 */
const SHORT_LIVES: AuthXOptions = {
  accessTokenExpires: '1m',
  refreshTokenExpires: '2h',
  sessionExpires: '1d',
  refreshGracePeriod: 5,
}

/**
 * Creates the `AuthX` of a mode. Both modes have the same login type, so a user has one list of sessions, and "log out
 * everywhere" ends the sessions of both modes only. Because of the audience, the other routes of the server refuse
 * tokens of the demo, and the demo refuses theirs. Environment variables are ignored, because the scripts of the page
 * contain the names of headers and cookies.
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

/**
 * The cookies of the tokens go to the routes of the mode only. The CSRF cookies have another path, so the page can read
 * them.
 */
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
