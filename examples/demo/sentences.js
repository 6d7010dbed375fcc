/** What happened, in words for people. */

/** By the `error_type` of a refusal. */
const REFUSALS = {
  InvalidCredentialsError: 'The server refused the login: the name or the password is wrong.',
  ReusedTokenError: 'The server refused the old refresh token and ended the session: somebody used a token twice.',
  RevokedTokenError: 'The server refused the token: this session has been ended.',
  MissingTokenError: 'The server found no token in the request: you are not logged in.',
  TokenExpiredError: 'The server refused the token: its time is over.',
  MissingCSRFTokenError:
    'The server refused the request: the cookies came along by themselves, as they do, but without the CSRF value. Another site cannot send more than that.',
  CSRFError: 'The server refused the request: the CSRF value does not fit the token.',
  StoreUnavailableError: 'The server cannot reach its store, and lets nobody pass until it can. Try again in a second.',
}

export function refusal({ errorType, status, message }) {
  if (REFUSALS[errorType]) return REFUSALS[errorType]
  if (status === 409) return 'The thief has nothing: let it copy a token first.'
  if (status) return `The server refused the request with ${status}: ${message}.`
  return 'The server does not answer. Is it still running?'
}

export const MODES = {
  cookies: {
    intro:
      'Both tokens will be in HttpOnly cookies: no script can read them, and other sites cannot use them, for whatever changes something takes a CSRF value too.',
    where: 'Both tokens are in HttpOnly cookies. This page cannot read them: it asked the server for these claims.',
    refreshElsewhere: 'Another tab refreshed. The cookies hold the new tokens, for this tab too.',
    changed: 'The protected route took the change: with the cookie came the CSRF value, which only this site can read.',
    login:
      'You logged in. The server opened a session and set a cookie for each of its two tokens; no script can read them.',
  },
  dual: {
    intro:
      'The access token will be in the memory of this page and go into the header Authorization. The refresh token will be in an HttpOnly cookie, out of reach of scripts.',
    where:
      'The access token is in the memory of this page, and gone when it closes. The refresh token is in an HttpOnly cookie.',
    refreshElsewhere: 'Another tab refreshed. The cookie holds the new refresh token, for this tab too.',
    changed:
      'The protected route took the change. The token came in a header, which no other site can send, so it takes no CSRF value.',
    login:
      'You logged in. The server opened a session, handed the access token to this page, and set a cookie for the refresh token that no script can read.',
  },
}

export const SAYS = {
  out: 'You are not logged in.',
  stillIn: 'You are still logged in from before.',
  noCookies:
    'The server logged you in, but the browser threw the cookies away: they are for https. Over plain http, Chromium and Firefox take them from http://localhost.',
  loginElsewhere: 'Another tab logged in, and so is this one now.',
  refresh:
    'The page exchanged the refresh token for its successor and a new access token. The old refresh token is used up.',
  logout: 'You logged out. The server ended this session: its tokens are refused from now on, wherever they are.',
  logoutAll: 'You logged out everywhere. The server ended all of your sessions, at once and on every device.',
  logoutElsewhere: 'You were logged out in another tab, and so you are in this one.',
  over: 'Log in again to go on.',
  expired: 'The access token has run out. Call the protected route and see.',
  called: sub => `The protected route answered: you have access, ${sub}.`,
  updated: count => (count === 1 ? 'You are logged in here and nowhere else.' : `You are logged in ${count} times.`),
  revoked: device => `You ended the session on ${device}. Its next request will be refused, whatever its tokens say.`,
  alreadyOver: 'That session was over already.',
  copied: 'The thief has a copy of your refresh token now. Nothing has happened yet, and nobody can know.',
  twice: 'The page has refreshed twice. The token that the thief has copied is used up, and not the last one either.',
  thief: {
    refused: 'The thief sent the copy.',
    renewed:
      'The thief was faster: the copy was still good, and the server gave new tokens for it. Now your own refresh token is the used one. Refresh in five seconds, and the server will notice.',
    repeated:
      'The thief sent the copy within five seconds of your refresh. The server took it for a lost answer and repeated the answer; this keeps people with bad networks logged in. Refresh once more, and the copy is worth nothing.',
  },
}
