import { type Group, row } from '../row.js'

const cookie = (token: string) => ({ Cookie: `access_token_cookie=${token}` })

const withValue = (token: string) => ({ ...cookie(token), 'X-CSRF-TOKEN': csrfOf(token) })
const sameOrigin = (token: string) => ({ ...cookie(token), 'Sec-Fetch-Site': 'same-origin' })

const AIM = [{ atMost: 10 }]

/** Measured with `--profile`, and in one process without HTTP. */
const MISSED = `Two quick runs on the same day, when the machine was calmer, had 9.2 and 7.2 µs for the row "cookie", 11.8 and 9.9 for "cookie + CSRF token",
6.5 and 8.8 for "cookie + origin check", and 11.4 and 10.1 for "cookie, memory". So the rows are near the aim, some above it, and the noise
of this machine is larger than the difference. In one process without HTTP, a request with a cookie takes 0.7 µs more than one with the
header \`Authorization\`, and one with a CSRF token 2.2 µs more than that: the rows can hardly be nearer to those without cookies.`

export const cookies: Group = {
  title: 'Cookies',
  text: 'The token is in a cookie. The floor reads the same cookie with `ctx.cookies.get`.',
  missed: MISSED,
  rows: [
    row('cookie', 'authx/cookies', 'floors/cookie', { request: { headers: cookie }, aims: AIM }),
    row('cookie + CSRF token', 'authx/cookies', 'floors/cookie', {
      request: { method: 'POST', headers: withValue },
      aims: AIM,
    }),
    row('cookie + origin check', 'authx/cookiesOfOrigin', 'floors/cookie', {
      request: { method: 'POST', headers: sameOrigin },
      aims: AIM,
    }),
    row('cookie, memory', 'authx/cookiesOnMemory', 'floors/cookieAndMemory', {
      request: { headers: cookie },
      aims: AIM,
    }),
    row('cookie: by hand', 'by-hand/cookie', 'floors/cookie', { request: { headers: cookie } }),
    row('cookie: koa-jwt, KeyObject', 'koa-jwt/cookie', 'floors/cookie', { request: { headers: cookie } }),
  ],
}

/** The CSRF value in a token; nothing for a token without claims. */
export function csrfOf(token: string): string {
  const [, claims = ''] = token.split('.')
  return JSON.parse(Buffer.from(claims, 'base64url').toString() || '{}').csrf ?? ''
}
