import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import type { Context, Middleware } from 'koa'
import { authenticateToken, locateRequired, type VerifyTokenOptions } from './authenticate/authenticate.js'
import { chooseAtOnce } from './authenticate/candidates.js'
import type { ClaimsGetter, SubjectGetter } from './authenticate/getters.js'
import {
  type AuthContext,
  type AuthXOptions,
  type Internals,
  internalsOfMaker,
  keepInternals,
} from './authenticate/internals.js'
import { namingMetadata } from './authenticate/refusal.js'
import { RequestCache } from './authenticate/request-cache.js'
import { warnAboutIssuer } from './authenticate/subject.js'
import { checkLoginType, checkType } from './authenticate/token-checks.js'
import { verifyToken } from './authenticate/verification.js'
import type { PolicyName } from './authorization/policy/patterns.js'
import type { PolicyDecider } from './authorization/policy/rule.js'
import { readEnvironment } from './config/environment.js'
import type { KeyOptions, TokenLocation, TokenType } from './config/options.js'
import type { Config } from './config/table.js'
import { checkNames } from './config/values.js'
import { BadConfigurationError } from './errors.js'
import { type Guard, InstanceGuards } from './guards/guard-methods.js'
import * as policies from './guards/policy-decision.js'
import { Issuers } from './issuers/issuers.js'
import { autoRefresh } from './koa/auto-refresh.js'
import { type BackchannelLogoutOptions, backchannelLogout } from './koa/backchannel-logout.js'
import * as flows from './koa/flows.js'
import { implicitRefresh } from './koa/implicit-refresh.js'
import { jwks } from './koa/jwks.js'
import { nextPath } from './koa/login-page.js'
import { logout } from './koa/logout.js'
import { middleware } from './koa/middleware.js'
import { type ReauthenticateOptions, reauthenticate } from './koa/reauthenticate.js'
import { type RefreshOptions, refresh } from './koa/refresh.js'
import type { MiddlewareOptions } from './koa/render-errors.js'
import { type ResourceMetadataOptions, resourceMetadata } from './koa/resource-metadata.js'
import * as openapi from './openapi/openapi.js'
import { clearedCookies, setCookies, tokenCookies } from './request/cookies.js'
import type { LocatedToken } from './request/locate.js'
import { warnOnce } from './request/warn.js'
import type { BlocklistCallback } from './session/blocklist.js'
import { type EventName, Events, type Listener } from './session/events.js'
import { IssuerSessions } from './session/issuer-sessions.js'
import type { Session, SessionList } from './session/listing.js'
import { StoreOperations } from './session/operations.js'
import { Revocation } from './session/revocation.js'
import { Sessions } from './session/sessions.js'
import type { TokenPairOptions } from './session/tokens.js'
import { type AccessTokenOptions, checkSid, checkSubject, newClaims, type TokenOptions } from './token/claims.js'
import { configure, replacementRing } from './token/configure.js'
import { KeyCache } from './token/key-cache.js'
import { checkPayload, type TokenPayload } from './token/payload.js'
import { sign } from './token/sign.js'
import { verify } from './token/verify.js'
import { type AbortWhenOverOptions, abortWhenOver, type StreamContext } from './watch/abort-when-over.js'
import { LoginWatcher } from './watch/login-watcher.js'
import { authenticateUpgrade, type UpgradeOptions } from './websocket/authenticate-upgrade.js'
import { type ClosableSocket, type CloseWhenOverOptions, closeWhenOver } from './websocket/close-when-over.js'

const VERIFY_OPTIONS = new Set(['type', 'verifyType', 'verifyFresh'])
const REVOKE_OPTIONS = new Set(['sub', 'issuer'])
const REVOKE_ALL_OPTIONS = new Set(['except', 'issuer'])

/**
 * Logins for Koa. One instance holds keys, options and the store. Create it once and use it for all requests.
 *
 * `Claims` is the type of the application's own claims (`data`). `Subject` is what the subject getter returns.
 */
export class AuthX<Claims extends object = Record<string, unknown>, Subject = unknown> extends InstanceGuards<
  Claims,
  Subject
> {
  readonly #internals: Internals
  readonly #events = new Events()
  readonly #watcher: LoginWatcher

  /** Create an instance. @throws BadConfigurationError naming every invalid option. */
  constructor(options: AuthXOptions) {
    super()
    const { config, ring, problems, warnings } = configure(options)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    warnAboutKeys(warnings)
    const events = this.#events
    const operations = config.store && new StoreOperations(config.store, config, events)
    const sessions = operations && new Sessions(operations, config, events)
    const issuerSessions = operations && new IssuerSessions(operations, config, events)
    const issuers = config.issuers.length > 0 ? new Issuers(config) : undefined
    const revocation = new Revocation({ sessions, issuerSessions, issuers }, config)
    const [requestCache, keyCache] = [new RequestCache(config.storeTimeout), new KeyCache()]
    const hooks = { claimsGetter: undefined, subjectGetter: undefined, policyEngine: undefined, resource: undefined }
    const stored = { sessions, issuerSessions, revocation, events }
    this.#internals = { config, ring, keyCache, issuers, ...stored, requestCache, ...hooks }
    this.#watcher = new LoginWatcher(this.#internals)
    keepInternals(this, this.#internals)
    if (!sessions) warnAboutStore()
  }

  /**
   * Create an instance from the environment variables `JWT_*`, which have the names of the Python library AuthX. An
   * option in `options` overrides its variable. Unknown `JWT_*` variables cause a process warning.
   * @throws BadConfigurationError naming every invalid variable and option.
   */
  static fromEnv<Claims extends object = Record<string, unknown>, Subject = unknown>(
    options: AuthXOptions = {},
    env: Readonly<Record<string, string | undefined>> = process.env,
  ): AuthX<Claims, Subject> {
    const { options: fromEnvironment, problems, wrong, unknown } = readEnvironment(env, options)
    if (unknown.length > 0) {
      const message = `AuthX.fromEnv: unknown variables ${unknown.join(', ')}; docs/options.md lists all variables`
      process.emitWarning(message, 'AuthXWarning')
    }
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    const merged: AuthXOptions = { ...fromEnvironment, ...given }
    if (problems.length === 0) return new AuthX(merged)
    throw new BadConfigurationError([...problems, ...configure(merged, wrong).problems])
  }

  /** The current options, with defaults: normalised and frozen, without keys and store. Durations are in seconds. */
  get config(): Readonly<Omit<Config, SecretOption>> {
    const { config, ring } = this.#internals
    const { secretKey, privateKey, publicKey, previousSecretKey, previousPublicKey, keys, getKey, ...others } = config
    const { store, issuers, ...open } = others
    const { algorithm, decodeAlgorithms } = ring
    return Object.freeze({ ...open, algorithm, decodeAlgorithms })
  }

  /**
   * Makes the middleware that sets `ctx.state.token` to the payload of a valid access token and renders the library's
   * errors: as JSON, by a redirect to `loginPage`, or with `onError`. It rejects no request.
   * @throws TypeError naming the invalid option.
   */
  middleware(options: MiddlewareOptions = {}): Guard<{ token?: TokenPayload<Claims> }> {
    const made = middleware(internalsOfMaker(this, 'middleware'), options)
    return made as unknown as Guard<{ token?: TokenPayload<Claims> }>
  }

  /**
   * Makes middleware for pages that the server renders. If a browser loads a page (GET or HEAD) and the access token's
   * cookie is missing or has expired, the middleware refreshes with the refresh token's cookie before the handlers run.
   * It sets both cookies, and the guards of this request accept the new access token. It forbids caches to keep the
   * response. If the refresh fails, the middleware does not reject the request, but the request has no token. Mount it
   * on the app, after `middleware()`.
   * @throws BadConfigurationError if a token is not in a cookie, `refreshCookiePath` does not include
   * `accessCookiePath`, or the instance has no key to sign with.
   */
  autoRefresh(): Middleware {
    return autoRefresh(internalsOfMaker(this, 'autoRefresh'))
  }

  /**
   * Returns the path to redirect to after a login: the parameter `next` of the query or of a parsed form, if it is a
   * path of this origin; otherwise `'/'`. With the option `loginPage`, `middleware` adds `next` to the address of the
   * login page.
   */
  nextPath(ctx: AuthContext & Pick<Context, 'query'>): string {
    return nextPath(ctx)
  }

  /**
   * Makes middleware that runs after the handlers and renews an access token in a cookie if it expires soon. It renews
   * tokens that `login` and `refresh` issued with the configured lifetime, and tokens created with `renewable: true`. It
   * is for browsers without a refresh token. Mount it on the app, after `middleware()`.
   * @throws BadConfigurationError if `cookies` is not a location of access tokens, or the instance has no key to sign
   * with.
   */
  implicitRefresh(): Middleware {
    return implicitRefresh(internalsOfMaker(this, 'implicitRefresh'))
  }

  /**
   * Check in a handler whether the policy engine allows `action` on `resource`: for the access token of `ctx`, or for a
   * verified payload. Resolves to the payload. Pass values that the client chooses in a list: `['documents', id]`. If a
   * part of the list is empty, not a string, or contains `:` or `*`, access is denied.
   * @throws PolicyDeniedError, PolicyEvaluationError; CallbackUnavailableError if the engine takes longer than
   * `callbackTimeout`; BadConfigurationError without a policy engine; with `ctx`, the errors of `accessTokenRequired`;
   * TypeError naming the invalid option.
   */
  async authorize(
    ctxOrPayload: AuthContext | TokenPayload,
    action: PolicyName,
    resource: PolicyName,
    options: policies.AuthorizeOptions = {},
  ): Promise<TokenPayload<Claims>> {
    const payload = await policies.authorize(this.#internals, ctxOrPayload, action, resource, options)
    return payload as TokenPayload<Claims>
  }

  /**
   * Create a signed access token. Without `sid` it belongs to no session and is valid until it expires or is revoked.
   * `implicitRefresh` does not renew it, unless `renewable` is true. With `sid` it is also rejected after that session
   * has ended: after its revocation, or when the last token that login or refresh issued for the session has expired.
   * @throws TypeError naming the invalid option.
   */
  createAccessToken(sub: string, options: AccessTokenOptions = {}): string {
    return this.#issue('access', sub, options)
  }

  /**
   * Create a signed refresh token. Its first refresh opens a session.
   * @throws TypeError naming the invalid option.
   */
  createRefreshToken(sub: string, options: TokenOptions = {}): string {
    return this.#issue('refresh', sub, options)
  }

  /**
   * Open a session and return its tokens. Without a store the tokens belong to no session.
   * @throws StoreUnavailableError; TooManySessionsError; the errors of the claims getter or the subject getter:
   * SubjectNotFoundError, CallbackUnavailableError; TypeError naming the invalid option.
   */
  createTokenPair(sub: string, options: TokenPairOptions = {}): Promise<flows.TokenPair> {
    return flows.awaited('createTokenPair', flows.createTokenPair(this.#internals, sub, options))
  }

  /**
   * Open a session, set the configured cookies and return the response body. It does not check credentials: do that
   * first. If the request has the tokens of another session in its cookies and passes the CSRF check for them, that
   * session ends. If it sets cookies, it refuses a form that a page of another site sends.
   * @throws CSRFError for a login of another site; CookieTooLargeError; StoreUnavailableError; TooManySessionsError; the
   * errors of the claims getter or the subject getter: SubjectNotFoundError, CallbackUnavailableError; TypeError naming
   * the invalid option.
   */
  login(ctx: AuthContext, sub: string, options: TokenPairOptions = {}): Promise<flows.TokenResponse> {
    return flows.awaited('login', flows.login(this.#internals, ctx, sub, options))
  }

  /**
   * Exchange the request's refresh token for its successor and a new access token. `options` apply to the access token.
   * If the token is from a cookie and no later refresh can succeed (revoked, reused, expired, subject not found, invalid
   * signature), the error's headers clear the cookies, unless a live login could lose them.
   * @throws the errors of `refreshTokenRequired`; ReusedTokenError (the session is revoked then);
   * InsufficientScopeError for scopes that the refresh token does not cover; CookieTooLargeError; TypeError naming the
   * invalid option.
   */
  refresh(ctx: AuthContext, options: RefreshOptions = {}): Promise<flows.TokenResponse> {
    return flows.awaited('refresh', refresh(this.#internals, ctx, options))
  }

  /**
   * Store a new check of the user's credentials in the session of the request's access token. It does not check the
   * credentials: do that first. Returns the response body with a new access token: fresh, with a new `auth_time`.
   * It sets the cookies of this token, if access tokens are in cookies. The refresh token stays valid. The tokens of
   * later refreshes have the new `auth_time` too. With a claims getter or a subject getter, the new token ends when the
   * token of the request ends, because only a refresh asks the getter.
   * @throws the errors of `accessTokenRequired`; CSRFError, also for methods that are not in `csrfMethods`;
   * JWTDecodeError for a token without a session; CookieTooLargeError; StoreUnavailableError; BadConfigurationError
   * without a store; TypeError naming the invalid option.
   */
  reauthenticate(ctx: AuthContext, options: ReauthenticateOptions = {}): Promise<flows.TokenResponse> {
    return flows.awaited('reauthenticate', reauthenticate(this.#internals, ctx, options))
  }

  /**
   * Revoke the sessions of the request's tokens and clear their cookies. Tokens of all locations count, even if they
   * are expired. A token without a session is revoked itself. A token from a cookie is accepted with its CSRF value, or
   * together with another token of the same login. If the only token is in the query, no cookies are cleared.
   * @throws the error of a guard if no token is accepted: MissingTokenError, JWTDecodeError or CSRFError. CSRFError
   * also if another token is accepted, but a cookie of a live login is not. MalformedTokenRequestError if a location is
   * malformed or contains several tokens. StoreUnavailableError. If it throws, nothing is revoked and no cookie is
   * cleared.
   */
  logout(ctx: AuthContext): Promise<void> {
    return logout(this.#internals, ctx)
  }

  /**
   * Returns the request's token, or `undefined` if there is no token. A single token is not verified. If several
   * cookies have the same name, this method returns the token that a guard would choose. For this choice it verifies
   * all of them, but only with the configured keys: it calls neither `getKey` nor the store.
   * @throws MalformedTokenRequestError if a location contains several tokens or is malformed.
   */
  getTokenFromRequest(
    ctx: AuthContext,
    options: { type?: TokenType | undefined; locations?: readonly TokenLocation[] | undefined } = {},
  ): LocatedToken | undefined {
    const { config, ring } = this.#internals
    const { type = 'access', locations = config.tokenLocation[type] } = options
    const candidates = locateRequired(this.#internals, ctx, { type, locations })
    if (candidates.length < 2) return candidates[0]
    return chooseAtOnce(candidates, ({ token }) => verify(token, ring, config), config)
  }

  /**
   * Verify a token outside of a request: signature, claims, type and revocation. It does not check CSRF.
   * @throws JWTDecodeError, TokenTypeError, LoginTypeMismatchError, RevokedTokenError, FreshTokenRequiredError,
   * StoreUnavailableError; TypeError naming the invalid option.
   */
  async verifyToken(token: string, options: VerifyTokenOptions = {}): Promise<TokenPayload<Claims>> {
    checkNames(options, VERIFY_OPTIONS, 'verifyToken')
    const checked = authenticateToken(this.#internals, token, options)
    return (await namingMetadata(this.#internals, checked)) as TokenPayload<Claims>
  }

  /**
   * Verify the access token of a WebSocket upgrade request, as a guard does, but outside of Koa: in the server's event
   * `upgrade`. The token may also be in `Sec-WebSocket-Protocol`: `new WebSocket(url, ['authx', token])`. A token from
   * a cookie requires an `Origin` that is one of `origins` (default: `trustedOrigins`). If this method rejects, pass
   * the error to `refuseUpgrade`.
   * @throws the errors of guards; CSRFError if the origin is not allowed; BadConfigurationError if `cookies` is one of
   * the locations and there are no `origins`; TypeError naming the invalid option.
   */
  authenticateUpgrade(request: IncomingMessage, options: UpgradeOptions = {}): Promise<TokenPayload<Claims>> {
    return authenticateUpgrade(this.#internals, request, options) as Promise<TokenPayload<Claims>>
  }

  /**
   * Close a WebSocket when its token expires (1008, `TokenExpiredError`) or is revoked (1008, `RevokedTokenError`). If
   * this instance revokes the token, the socket is closed at once. If another process revokes it, the socket is closed
   * after at most `within` (default 10 seconds). If the store cannot confirm the login in that time, the socket is
   * closed too (1013, `StoreUnavailableError`). One second after the close the connection is destroyed.
   * @returns a function that stops watching the socket. Watching also stops when the socket closes.
   * @throws TypeError, LoginTypeMismatchError.
   */
  closeWhenOver(socket: ClosableSocket, payload: TokenPayload, options: CloseWhenOverOptions = {}): () => void {
    return closeWhenOver(this.#watcher, socket, payload, options)
  }

  /**
   * Returns an AbortSignal that fires when a login ends: for server-sent events, downloads and long answers. `who` is the
   * `ctx` of a guarded handler, or a verified payload. `signal.reason` is TokenExpiredError, RevokedTokenError, or
   * StoreUnavailableError if the store cannot confirm the login in time; after `authx.close()` it is an `AbortError`. If
   * this instance revokes the login, the signal fires at once. If another process revokes it, the signal fires after at
   * most `within` (default 10 seconds).
   *
   * With `ctx`, watching stops when the response has ended or its connection is closed. With a payload, it stops when the
   * option `signal` fires; without this option it lasts until the login ends, at most until the token expires.
   * @throws TypeError if `ctx.state.token` is missing or an option is invalid, LoginTypeMismatchError.
   */
  abortWhenOver(who: StreamContext | TokenPayload, options: AbortWhenOverOptions = {}): AbortSignal {
    return abortWhenOver(this.#watcher, who, options)
  }

  /**
   * Set the access token's cookie and its CSRF cookie. The configured keys must verify the token; `getKey` is not
   * called.
   * @throws JWTDecodeError, CookieTooLargeError.
   */
  setAccessCookies(ctx: AuthContext, token: string): void {
    this.#setCookies(ctx, 'access', token)
  }

  /**
   * Set the refresh token's cookie and its CSRF cookie. The configured keys must verify the token; `getKey` is not
   * called.
   * @throws JWTDecodeError, CookieTooLargeError.
   */
  setRefreshCookies(ctx: AuthContext, token: string): void {
    this.#setCookies(ctx, 'refresh', token)
  }

  /** Clear the access token's cookie and its CSRF cookie, without revoking the token. */
  unsetAccessCookies(ctx: AuthContext): void {
    setCookies(ctx, clearedCookies('access', this.#internals.config), this.#internals.config)
  }

  /** Clear the refresh token's cookie and its CSRF cookie, without revoking the token. */
  unsetRefreshCookies(ctx: AuthContext): void {
    setCookies(ctx, clearedCookies('refresh', this.#internals.config), this.#internals.config)
  }

  /**
   * Clear the cookies of both tokens, without revoking the tokens. `logout` clears the cookies and revokes the tokens.
   */
  unsetCookies(ctx: AuthContext): void {
    this.unsetAccessCookies(ctx)
    this.unsetRefreshCookies(ctx)
  }

  /**
   * Returns the CSRF value of a token, or `undefined` if it has none. The configured keys must verify the token;
   * `getKey` is not called.
   * @throws JWTDecodeError
   */
  getCsrfToken(token: string): string | undefined {
    return verify(token, this.#internals.ring, this.#internals.config, { signatureOnly: true }).csrf
  }

  /**
   * Revoke a token (RFC 7009 §2.1). Pass the encoded token or its verified payload. If it belongs to a session, the
   * session is revoked with all its tokens. An encoded token requires a valid signature, but may have expired. Only
   * tokens that a configured key has signed revoke a session. Of an issuer's token only this one token is revoked.
   * @throws JWTDecodeError, LoginTypeMismatchError, StoreUnavailableError; TypeError if the value is neither a string
   * nor the payload of a token; BadConfigurationError without a store.
   */
  async revoke(tokenOrPayload: string | TokenPayload): Promise<void> {
    this.#sessions()
    const isPayload = typeof tokenOrPayload !== 'string'
    const payload = isPayload
      ? tokenOrPayload
      : await verifyToken(this.#internals, tokenOrPayload, undefined, { signatureOnly: true })
    if (isPayload) checkPayload(payload, 'revoke')
    checkLoginType(payload, this.#internals.config)
    await this.#internals.revocation.revoke(payload)
  }

  /**
   * Returns whether a token is revoked. Pass its verified payload. A used refresh token counts as revoked.
   * @throws StoreUnavailableError if the store does not answer; LoginTypeMismatchError; TypeError if the argument is
   * not the payload of a token, such as an encoded token; BadConfigurationError without a store.
   */
  async isRevoked(payload: TokenPayload): Promise<boolean> {
    this.#sessions()
    checkPayload(payload, 'isRevoked')
    checkLoginType(payload, this.#internals.config)
    return this.#internals.revocation.isRevoked(payload)
  }

  /**
   * Returns the live sessions of a subject, the most recently active first. If there are more than 500, it returns the
   * 500 newest, and `incomplete` is true.
   * @throws StoreUnavailableError; BadConfigurationError without a store.
   */
  async listSessions(sub: string): Promise<SessionList> {
    checkSubject(sub)
    return this.#sessions().list(sub)
  }

  /**
   * Returns a live session, or `undefined` if it has ended or does not exist. A session is live as long as guards accept
   * its tokens.
   * @throws StoreUnavailableError; BadConfigurationError without a store.
   */
  async getSession(sid: string): Promise<Session | undefined> {
    return this.#sessions().find(sid)
  }

  /**
   * Revoke a session. With `sub`, it is revoked only if it belongs to this subject. Resolves to true if this call has
   * revoked the session; to false if the store has no such session (with `sub`: of this subject), or the session is
   * already revoked. A session that has only expired by the clock of this server can still be revoked. With `issuer`,
   * the session of this issuer (option `issuers`) is revoked, for 90 days: all its tokens with this `sid` are rejected.
   * Resolves to false if it was revoked before.
   * @throws StoreUnavailableError; TypeError naming the invalid option; BadConfigurationError without a store.
   */
  async revokeSession(sid: string, options: { sub?: string; issuer?: string } = {}): Promise<boolean> {
    checkNames(options, REVOKE_OPTIONS, 'revokeSession')
    const issuer = this.#issuerIn(options, 'sub')
    if (issuer !== undefined) {
      checkSid(sid)
      return this.#issuerSessions().revokeSession(issuer, sid)
    }
    // `sub: undefined` is a mistake of the caller. It must not revoke a session of any subject.
    if (Object.hasOwn(options, 'sub')) checkSubject(options.sub)
    return this.#sessions().revokeSession(sid, options.sub)
  }

  /**
   * Revoke all sessions and tokens that a subject has now. With `except`, revoke all its sessions except this one. With
   * `issuer`, revoke all tokens that this issuer (option `issuers`) has issued for its subject until now: those whose
   * `iat` is not later than now.
   * @throws StoreUnavailableError; TypeError naming the invalid option; BadConfigurationError without a store.
   */
  async revokeAllSessions(sub: string, options: { except?: string | undefined; issuer?: string } = {}): Promise<void> {
    checkSubject(sub)
    checkNames(options, REVOKE_ALL_OPTIONS, 'revokeAllSessions')
    const issuer = this.#issuerIn(options, 'except')
    if (issuer !== undefined) return this.#issuerSessions().revokeAll(issuer, sub)
    if (options.except !== undefined) checkSid(options.except)
    await this.#sessions().revokeAll(sub, options.except)
  }

  /**
   * Replace all keys in one step, without a restart. Former keys no longer verify, unless they are in
   * `previousSecretKey`, `previousPublicKey` or `keys`. If both `algorithm` and `decodeAlgorithms` are omitted, they do
   * not change. `getKey` does not change.
   * @throws BadConfigurationError naming every invalid option. The keys do not change then.
   */
  setKeys(options: KeyOptions): void {
    const { ring, problems, warnings } = replacementRing(options, this.#internals.ring, this.#internals.config)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    warnAboutKeys(warnings)
    this.#internals.ring = ring
  }

  /**
   * Makes a handler that serves the public keys that verify tokens, current and previous, as a JWK Set (RFC 7517):
   * `router.get('/.well-known/jwks.json', authx.jwks())`. Caches may keep it for five minutes. It contains no secrets,
   * no private keys and no keys from `getKey`.
   */
  jwks(): Middleware {
    return jwks(internalsOfMaker(this, 'jwks'))
  }

  /**
   * Makes a handler for logouts that an issuer announces (OpenID Connect Back-Channel Logout 1.0):
   * `router.post('/backchannel-logout', authx.backchannelLogout())`. Register its address at the issuer, and set
   * `clientId` of `remoteIssuer`. It reads the form with the `logout_token` itself, unless a body parser has read it. It
   * ends the session of the issuer that the logout token names, or all tokens of its subject, in every process, and
   * answers 200. An invalid logout token is answered with 400 and ends nothing. If the store or the keys of the issuer
   * are not available, the answer is 503, so that the issuer sends the logout token again.
   * The response to another method than POST is 405.
   * @throws BadConfigurationError without a store, if no issuer has a `clientId`, or with `accessTokenRevocation: false`
   * and without `onLogout`; TypeError naming the invalid option.
   */
  backchannelLogout(options: BackchannelLogoutOptions = {}): Middleware {
    return backchannelLogout(internalsOfMaker(this, 'backchannelLogout'), options)
  }

  /**
   * Makes middleware that tells OAuth clients where to get tokens (RFC 9728): it serves the metadata of the resource at
   * `/.well-known/oauth-protected-resource` followed by the path of the resource. The document names the resource, the
   * issuers of the option `issuers`, the scopes, and how tokens are sent. Pages of every site may read it. When this
   * instance refuses the token of a request, `WWW-Authenticate` then names the address of the document in
   * `resource_metadata`. Mount it on the app, before all guards:
   * `app.use(authx.resourceMetadata({ resource: 'https://api.example/mcp' }))`. An instance has one resource.
   * @throws TypeError naming the invalid option; BadConfigurationError without `issuers`, if an issuer is not a URL, if
   * no location of access tokens is one of RFC 6750, or if the instance has another resource already.
   */
  resourceMetadata(options: ResourceMetadataOptions): Middleware {
    return resourceMetadata(internalsOfMaker(this, 'resourceMetadata'), options)
  }

  /**
   * Returns `components` for an OpenAPI 3.1 document: security schemes for the locations of both token types, and the
   * error responses that `middleware()` renders. Spread them into the document's `components`. OpenAPI has no security
   * scheme for a token in a JSON body or a CSRF value in a form field, so they are omitted. If there is a `loginType`,
   * the names of the schemes begin with it.
   */
  openapi(): openapi.OpenApiComponents {
    return openapi.openApi(this.#internals.config)
  }

  /**
   * Returns the OpenAPI `security` of an operation behind a guard, or of the `refresh` and `logout` routes: one
   * alternative for each location. A cookie is combined with its CSRF value if the method requires one, but not with
   * `csrfCheck: 'origin'`. The names of the schemes are those of `openapi()`. The list is empty if JSON bodies are the
   * only location.
   * @throws TypeError naming the invalid option.
   */
  openapiSecurity(method: string, options: openapi.OpenApiSecurityOptions = {}): openapi.OpenApiSecurity {
    return openapi.openApiSecurity(method, options, this.#internals.config)
  }

  /**
   * Set a blocklist of the application. It is checked in addition to the store. The function gets the verified payload,
   * not the encoded token as in AuthX for Python. If it decides without reading a claim, there is a process warning,
   * `AUTHX_BLOCKLIST_PAYLOAD`. If it fails or times out, the response is 503.
   */
  setTokenBlocklist(blocklist: BlocklistCallback): void {
    this.#internals.revocation.setBlocklist(blocklist)
  }

  /**
   * Set the function that finds the subject of a token, for `subjectRequired`. Without a claims getter, `login`,
   * `createTokenPair`, `refresh` and `implicitRefresh` call it too, before they issue tokens. Its `ctx` is `undefined`
   * in `createTokenPair`. If it returns `undefined`, the subject does not exist: the response is 401
   * SubjectNotFoundError, and `refresh` also revokes the session. `implicitRefresh` also revokes the session, but keeps
   * the response of the handlers. If the function throws or takes longer than `callbackTimeout`, the response is 503
   * and nothing changes. There are two exceptions: `subjectRequired` passes the error of the function on, and
   * `implicitRefresh` keeps the response of the handlers and sets no new token. Its third parameter is the issuer of a
   * token of the option `issuers`: two issuers can give one `sub` to different persons. If the function does not read
   * it where it should, the process warning `AUTHX_SUBJECT_ISSUER` says so.
   */
  setSubjectGetter(getter: SubjectGetter<Subject>): void {
    warnAboutIssuer(getter, this.#internals)
    this.#internals.subjectGetter = getter
  }

  /**
   * Set the function that returns the current claims, scopes and audience of a subject. `login`, `createTokenPair`,
   * `refresh` and `implicitRefresh` call it before they write anything. Its result is for the new access token. Refresh
   * tokens have no claims, scopes or audience of the application then. If it returns `undefined`, the subject does not
   * exist: the response is 401 SubjectNotFoundError, and `refresh` also revokes the session and clears its cookies.
   * `implicitRefresh` also revokes the session and clears its cookies, but keeps the response of the handlers. If the
   * function throws or takes longer than `callbackTimeout`, the response is 503 and nothing changes; `implicitRefresh`
   * keeps the response of the handlers and sets no new token. With a claims getter, `login` and `createTokenPair`
   * reject the options `data`, `scopes` and `audience`, and `refresh` the option `data` (TypeError).
   */
  setClaimsGetter(getter: ClaimsGetter): void {
    this.#internals.claimsGetter = getter
  }

  /** Set the policy engine for `policyRequired` and `authorize`. @throws TypeError if it is not an engine. */
  setPolicyEngine(engine: PolicyDecider): void {
    policies.checkDecider(engine)
    this.#internals.policyEngine = engine
  }

  /** Add a listener for session events. Listeners run asynchronously and cannot change a response. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): this {
    this.#events.on(name, listener)
    return this
  }

  /** Remove a listener. */
  off<Name extends EventName>(name: Name, listener: Listener<Name>): this {
    this.#events.off(name, listener)
    return this
  }

  /** Close all watched sockets (1001) and the store, and fire the signals of `abortWhenOver`. */
  async close(): Promise<void> {
    this.#watcher.close()
    await this.#internals.config.store?.close?.()
  }

  /** Returns `{}`, so that JSON contains no secrets. */
  toJSON(): Record<string, unknown> {
    return {}
  }

  /** Returns the text that `console.log(authx)` prints. It contains no secrets. */
  [inspect.custom](): string {
    return 'AuthX {}'
  }

  #issue(type: TokenType, sub: string, options: AccessTokenOptions): string {
    const { config, ring } = this.#internals
    const claims = newClaims(type, sub, options, config)
    const token = sign(claims, ring, config.identityClaim, options.headers)
    this.#events.emit('issued', { sid: claims.sid ?? claims.jti, sub })
    return token
  }

  #setCookies(ctx: AuthContext, type: TokenType, token: string): void {
    const { config, ring } = this.#internals
    const payload = verify(token, ring, config, { signatureOnly: true })
    checkType(payload, type)
    checkLoginType(payload, config)
    const { csrf, exp } = payload
    setCookies(ctx, tokenCookies(type, { token, exp, ...(csrf && { csrf }) }, config), config)
  }

  #sessions(): Sessions {
    return stored(this.#internals.sessions)
  }

  #issuerSessions(): IssuerSessions {
    return stored(this.#internals.issuerSessions)
  }

  /** Returns the option `issuer`; `undefined` if it is not set. `other` cannot be set beside it. @throws TypeError */
  #issuerIn(options: { issuer?: string }, other: string): string | undefined {
    // `issuer: undefined` is a mistake of the caller. It must not revoke a session of our own.
    if (!Object.hasOwn(options, 'issuer')) return undefined
    if (Object.hasOwn(options, other)) throw new TypeError(`${other} cannot be set beside issuer; remove one of them`)
    const { issuer } = options
    if (issuer !== undefined && this.#internals.issuers?.named(issuer)) return issuer
    throw new TypeError('issuer must be the issuer of an entry of the option issuers')
  }
}

/** @throws BadConfigurationError without a store. */
function stored<T>(sessions: T | undefined): T {
  if (sessions) return sessions
  throw new BadConfigurationError([
    'store is missing: sessions cannot be revoked or listed without it; set store: new SqliteTokenStore(...)',
  ])
}

type SecretOption = Exclude<keyof KeyOptions, 'algorithm' | 'decodeAlgorithms'> | 'getKey' | 'store' | 'issuers'

/** Emits each warning about keys every time, not once per process: each set of keys has its own mistakes. */
function warnAboutKeys(warnings: readonly string[]): void {
  for (const warning of warnings) process.emitWarning(warning, { type: 'AuthXWarning', code: 'AUTHX_SECRET_TEXT' })
}

function warnAboutStore(): void {
  warnOnce(
    'AUTHX_NO_STORE',
    'AuthX has no store: nothing can be revoked, and tokens stay valid after logout. ' +
      "Set a store: new AuthX({ store: new SqliteTokenStore('tokens.sqlite') }), from 'koa-authx/stores/sqlite'.",
  )
}
