import Router from '@koa/router'
import Koa, { type Context, type Middleware } from 'koa'
import { AuthX, AuthXError, type IssuerLogoutNotice, type TokenStore } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import type { Configuration } from 'openid-client'
import { type Attempt, Attempts } from './attempts.js'
import { accountPage, errorPage, failedPage, homePage } from './html.js'
import { authorizationUrl, finishSignIn, logoutUrl, newSecrets, type SignedIn } from './provider.js'

export interface SignInOptions {
  readonly provider: Configuration
  /** Address of the application in browsers, such as `https://app.example.com`. */
  readonly origin: string
  readonly secretKey: string
  /** A real application has a store that all its processes share, such as Redis. */
  readonly store?: TokenStore
  readonly now?: () => number
}

/**
 * The id of a person in this application: the issuer and its subject, because another provider may give the same
 * subject to another person. An issuer has no `#` (OpenID Connect Core §2), so no two persons have one id. A real
 * application may have a table of users instead, with a unique index over both columns. Never look a person up by the
 * email address only: providers reuse addresses, let people change them, and do not verify all of them.
 */
export const personOf = (issuer: string, sub: string) => `${issuer}#${sub}`

/** Makes the application. */
export function signInApp(options: SignInOptions): Koa {
  const { provider, origin, secretKey, store = new MemoryTokenStore(), now = Date.now } = options
  const { issuer } = provider.serverMetadata()
  const { client_id } = provider.clientMetadata()
  const authx = new AuthX({
    secretKey,
    store,
    now,
    tokenLocation: ['cookies'],
    csrfCheck: 'origin',
    accessTokenExpires: '2h',
    // Only for logout tokens. The provider's access tokens open no page here: `claims` refuses all of them.
    issuers: [remoteIssuer({ issuer, audience: origin, clientId: client_id, claims: () => undefined })],
  })
  const attempts = new Attempts(secretKey, origin, now)
  const redirectUri = `${origin}/callback`
  const router = new Router()

  router.get('/', ctx => {
    ctx.body = homePage()
  })

  router.get('/account', authx.accessTokenRequired(), ctx => {
    const { sub, email } = ctx.state.token
    ctx.body = accountPage(sub, email as string | undefined)
  })

  router.get('/sign-in', async ctx => {
    const secrets = newSecrets()
    await attempts.begin(ctx, { ...secrets, next: authx.nextPath(ctx) })
    seeOther(ctx, (await authorizationUrl(provider, redirectUri, secrets)).href)
  })

  router.get('/callback', async ctx => {
    const attempt = await attempts.take(ctx)
    const answer = new URL(`${redirectUri}?${ctx.querystring}`)
    const signedIn = attempt && (await finishSignIn(provider, answer, attempt))
    if (!signedIn || !(await openSession(authx, ctx, signedIn, attempt))) {
      ctx.status = 400
      ctx.body = failedPage()
      return
    }
    seeOther(ctx, attempt.next)
  })

  router.post('/logout', async ctx => {
    const idToken = await idTokenOf(authx, ctx)
    await authx.logout(ctx).catch(ignoreLoggedOut)
    ctx.set('Clear-Site-Data', '"cache"')
    seeOther(ctx, logoutUrl(provider, `${origin}/`, idToken)?.href ?? '/')
  })

  router.post('/backchannel-logout', authx.backchannelLogout({ onLogout: notice => endOwnSessions(authx, notice) }))

  const app = new Koa()
  app.use(protectPages(logoutUrl(provider, `${origin}/`, undefined)?.origin ?? ''))
  app.use(authx.middleware({ loginPage: '/sign-in', onError: showError }))
  app.use(authx.autoRefresh())
  app.use(router.routes())
  return app
}

/** An ID token is longer with some providers. The context of a session has at most 2048 bytes. */
const LONGEST_ID_TOKEN = 1800

/**
 * Opens a session for a person who has signed in at the provider. Resolves to false if the provider has ended its
 * session meanwhile.
 *
 * Not with `authx.login`: the tokens are needed here, to end the session again. `state` has already shown that this
 * browser has begun the sign-in.
 */
async function openSession(authx: AuthX, ctx: Context, signedIn: SignedIn, attempt: Attempt): Promise<boolean> {
  const { claims, idToken } = signedIn
  const { iss, sub, sid, email, email_verified, auth_time } = claims
  const pair = await authx.createTokenPair(personOf(iss, sub), {
    data: email_verified === true ? { email } : {},
    context: { ...(sid !== undefined && { sid }), ...(idToken.length <= LONGEST_ID_TOKEN && { idToken }) },
    // Fresh only if the provider says that the person has entered credentials since this sign-in began.
    fresh: auth_time !== undefined && auth_time >= attempt.iat,
  })
  // Asked after the session was opened: a logout that comes later finds the session, and ends it.
  if (await hasEnded(authx, signedIn)) {
    await authx.revoke(pair.access_token)
    return false
  }
  authx.setAccessCookies(ctx, pair.access_token)
  authx.setRefreshCookies(ctx, pair.refresh_token)
  return true
}

/** Whether the provider has ended its session since it issued the ID token, by a back-channel logout. */
function hasEnded(authx: AuthX, { claims: { iss, sub, sid, iat, exp }, idToken }: SignedIn): Promise<boolean> {
  const session = typeof sid === 'string' ? { sid } : {}
  return authx.isRevoked({ iss, sub, iat, exp, ...session, type: 'access', jti: idToken })
}

/** Returns the ID token of the session of this request, if there is one. */
async function idTokenOf(authx: AuthX, ctx: Context): Promise<string | undefined> {
  const { sid } = ctx.state.token ?? {}
  const session = sid === undefined ? undefined : await authx.getSession(sid)
  return session?.context?.idToken as string | undefined
}

/** Somebody who is logged out already may go on to the provider. All other errors end the logout. */
function ignoreLoggedOut(error: unknown): void {
  if (!(error instanceof AuthXError && error.status === 401)) throw error
}

/**
 * Ends the sessions of a person whose session at the provider has ended: those that were opened with this session of the
 * provider, or all if the provider names none. If it fails, the provider gets a 503 and sends the logout again.
 */
async function endOwnSessions(authx: AuthX, { issuer, sub, sid }: IssuerLogoutNotice): Promise<void> {
  // Only a table of the application could say whose session it is.
  if (sub === undefined) throw new Error(`${issuer} names no subject in its logout tokens; switch it on there`)
  const person = personOf(issuer, sub)
  const sessions = await authx.listSessions(person)
  if (sid === undefined || sessions.incomplete) return authx.revokeAllSessions(person)
  const ended = sessions.filter(({ context }) => context?.sid === undefined || context.sid === sid)
  await Promise.all(ended.map(session => authx.revokeSession(session.sid, { sub: person })))
}

/**
 * Keeps pages out of caches, so that the back button shows nothing after a logout, and out of frames of other sites.
 * @param logoutOrigin the origin of the provider's logout page. Browsers apply `form-action` to redirects too.
 */
function protectPages(logoutOrigin: string): Middleware {
  const policy = `default-src 'none'; form-action 'self' ${logoutOrigin}; base-uri 'none'; frame-ancestors 'none'`
  return (ctx, next) => {
    ctx.set('Cache-Control', 'no-store')
    ctx.set('Content-Security-Policy', policy)
    // Not no-referrer: then browsers would send forms of this application with `Origin: null`.
    ctx.set('Referrer-Policy', 'same-origin')
    return next()
  }
}

/** Renders the errors of koa-authx that do not lead to the sign-in, such as a form that another site has sent. */
const showError: NonNullable<Parameters<AuthX['middleware']>[0]>['onError'] = (ctx, error) => {
  if (ctx.accepts('json', 'html') === 'html') ctx.body = errorPage(error.status)
}

/** Makes the browser load a page with GET. 303, because a reload then does not send the form again. */
function seeOther(ctx: Context, address: string): void {
  ctx.status = 303
  ctx.redirect(address)
}
