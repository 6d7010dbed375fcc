/** The texts of the demo. */

/** Text for each `error_type` of a refusal. */
const REFUSALS = {
  InvalidCredentialsError: 'The name or the password is wrong.',
  WrongCode: 'The code is wrong, or it was used before. A new one comes every 30 seconds.',
  FreshTokenRequiredError: 'The payment requires a code that was given in the last five minutes.',
  RateLimitExceeded: 'The server accepts five codes in five minutes. Try again later.',
  InsufficientScopeError: 'The server refused the change: the token does not have the scope notes:change.',
  SubjectNotFoundError: 'The server asked the application, and the user does not exist. It ended the session.',
  ReusedTokenError: 'The server refused the old refresh token and ended the session, because a token was used twice.',
  RevokedTokenError: 'The server refused the token: the session has ended.',
  MissingTokenError: 'The server found no token in the request: you are not logged in.',
  TokenExpiredError: 'The server refused the token: it has expired.',
  MissingCSRFTokenError:
    'The server refused the request: the browser sent the cookies, but without the CSRF value. Another site cannot send the CSRF value.',
  CSRFError: 'The server refused the request: the CSRF value is wrong.',
  StoreUnavailableError: 'The server cannot reach its store, so it accepts no tokens for now. Try again in a second.',
}

export function refusal({ errorType, status, message }) {
  if (REFUSALS[errorType]) return REFUSALS[errorType]
  if (status === 409) return 'The thief has no token: let the thief copy one first.'
  if (status) return `The server refused the request with ${status}: ${message}.`
  return 'The server does not answer. Is it still running?'
}

export const MODES = {
  cookies: {
    intro:
      'Both tokens will be in HttpOnly cookies. No script can read them. Other sites cannot use them, because every change also requires a CSRF value.',
    where: 'Both tokens are in HttpOnly cookies. This page cannot read them, so it got the claims from the server.',
    refreshElsewhere: 'Another tab refreshed. The cookies contain the new tokens, also for this tab.',
    changed:
      'The protected route accepted the change: the request had the cookie and the CSRF value, which only this site can read.',
    login:
      'You logged in. The server opened a session and set a cookie for each of the two tokens. No script can read them.',
  },
  dual: {
    intro:
      'The access token will be in the memory of this page. The page sends it in the header Authorization. The refresh token will be in an HttpOnly cookie, which scripts cannot read.',
    where:
      'The access token is in the memory of this page, and is lost when the page closes. The refresh token is in an HttpOnly cookie.',
    refreshElsewhere: 'Another tab refreshed. The cookie contains the new refresh token, also for this tab.',
    changed:
      'The protected route accepted the change. The token was in a header, which no other site can send, so no CSRF value is needed.',
    login:
      'You logged in. The server opened a session, sent the access token to this page, and set a cookie for the refresh token. No script can read the cookie.',
  },
}

export const SAYS = {
  out: 'You are not logged in.',
  stillIn: 'You are still logged in.',
  noCookies:
    'The server logged you in, but the browser rejected the cookies, because they require https. Over plain http, Chromium and Firefox accept them from http://localhost only.',
  loginElsewhere: 'Another tab logged in. This tab is logged in too.',
  refresh:
    'The page exchanged the refresh token for a new refresh token and a new access token. The old refresh token is used up.',
  logout: 'You logged out. The server ended this session, and refuses all of its tokens from now on.',
  logoutAll: 'You logged out everywhere. The server ended all of your sessions on all devices.',
  logoutElsewhere: 'You logged out in another tab. This tab is logged out too.',
  over: 'Log in again to continue.',
  expired: 'The access token has expired. Call the protected route and see what happens.',
  called: sub => `The protected route answered: you have access, ${sub}.`,
  updated: count => (count === 1 ? 'You are logged in here only.' : `You are logged in ${count} times.`),
  revoked: device => `You ended the session on ${device}. The server will refuse its next request.`,
  alreadyOver: 'The session had already ended.',
  copied:
    'The thief has a copy of your refresh token now. The thief has not used it yet, so nobody can notice the copy.',
  twice:
    'The page has refreshed twice. The copied token is used up. For five seconds, the server takes a used-up token for a lost response: wait, then let the thief use the copy.',
  store: where => `Sessions are kept ${where}.`,
  loginFailed: 'The login failed.',
  codeFailed: 'The server did not accept the code.',
  paymentFailed: 'The server refused the payment.',
  codeShown: 'The authenticator app shows a code. Give it within 30 seconds. It is accepted once.',
  codeAccepted:
    'The server accepted the code. The session has a second method now: see the claim amr, which a refresh keeps.',
  paid: 'The server accepted the payment: a code was given in the last five minutes.',
  role: {
    reader:
      'The application took the role away. Your access token still has its scopes: change something, then refresh, and try again.',
    editor: 'The application gave the role back. Refresh, and the new access token has its scopes.',
  },
  deleted:
    'The application deleted the user. Your access token is valid until it expires. The next refresh ends the session.',
  back: 'You came back, and you are still logged in. The page sent the old refresh token, and the server accepted it: nobody has used the new one, so its response was lost.',
  thief: {
    refused: 'The thief sent the copy.',
    renewed:
      'The thief was faster: the copy was still valid, and the server sent new tokens for it, which the thief has used. Now your own refresh token is used up. Refresh after five seconds, and the server will notice.',
    repeated:
      'The thief sent the copy within five seconds after your refresh. The server assumed that its response was lost, and repeated it. This keeps users with bad networks logged in. Wait until the five seconds are over, and let the thief try again.',
  },
}
