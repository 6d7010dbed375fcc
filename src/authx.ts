import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import type { Context, Middleware } from 'koa'
import { authenticateToken, type VerifyTokenOptions } from './authenticate/authenticate.js'
import { chooseAtOnce } from './authenticate/candidates.js'
import {
  type AuthContext,
  type AuthXOptions,
  type Internals,
  internalsOfMaker,
  keepInternals,
  type SubjectGetter,
} from './authenticate/internals.js'
import { RequestCache } from './authenticate/request-cache.js'
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
import * as flows from './koa/flows.js'
import { implicitRefresh } from './koa/implicit-refresh.js'
import { jwks } from './koa/jwks.js'
import { logout } from './koa/logout.js'
import { middleware } from './koa/middleware.js'
import * as openapi from './openapi/openapi.js'
import { clearedCookies, setCookies, tokenCookies } from './request/cookies.js'
import { type LocatedToken, locate } from './request/locate.js'
import { warnOnce } from './request/warn.js'
import { type EventName, Events, type Listener } from './session/events.js'
import type { Session, SessionList } from './session/listing.js'
import { type BlocklistCallback, Revocation } from './session/revocation.js'
import { Sessions } from './session/sessions.js'
import type { TokenPairOptions } from './session/tokens.js'
import { type AccessTokenOptions, checkSid, checkSubject, newClaims, type TokenOptions } from './token/claims.js'
import { configure, replacementRing } from './token/configure.js'
import { KeyCache } from './token/key-cache.js'
import type { TokenPayload } from './token/payload.js'
import { sign } from './token/sign.js'
import { verify } from './token/verify.js'
import { authenticateUpgrade, type UpgradeOptions } from './websocket/authenticate-upgrade.js'
import { type CloseWhenOverOptions, SocketWatcher } from './websocket/socket-watcher.js'
import type { ClosableSocket } from './websocket/watched-socket.js'

const VERIFY_OPTIONS = new Set(['type', 'verifyType', 'verifyFresh'])

/**
 * Logins for Koa. One instance holds keys, options and the store; it is made once and used by all requests.
 *
 * `Claims` types what the application puts into `data`, `Subject` what its subject getter returns.
 */
export class AuthX<Claims extends object = Record<string, unknown>, Subject = unknown> extends InstanceGuards<
  Claims,
  Subject
> {
  readonly #internals: Internals
  readonly #events = new Events()
  readonly #sockets: SocketWatcher

  /** @throws BadConfigurationError naming every wrong option. */
  constructor(options: AuthXOptions) {
    super()
    const { config, ring, problems, warnings } = configure(options)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    warnAboutKeys(warnings)
    const sessions = config.store && new Sessions(config.store, config, this.#events)
    const revocation = new Revocation(sessions, config)
    const events = this.#events
    const [requestCache, keyCache] = [new RequestCache(config.storeTimeout), new KeyCache()]
    const hooks = { subjectGetter: undefined, policyEngine: undefined }
    this.#internals = { config, ring, keyCache, sessions, revocation, events, requestCache, ...hooks }
    this.#sockets = new SocketWatcher(this.#internals)
    keepInternals(this, this.#internals)
    if (!sessions) warnAboutStore()
  }

  /**
   * Configure from AuthX's own `JWT_*` variables; `options` win over them. Unknown `JWT_*` variables are a process warning.
   * @throws BadConfigurationError naming every wrong variable and option.
   */
  static fromEnv<Claims extends object = Record<string, unknown>, Subject = unknown>(
    options: AuthXOptions = {},
    env: Readonly<Record<string, string | undefined>> = process.env,
  ): AuthX<Claims, Subject> {
    const { options: fromEnvironment, problems, wrong, unknown } = readEnvironment(env, options)
    if (unknown.length > 0) process.emitWarning(`no option of koa-authx: ${unknown.join('; ')}`, 'AuthXWarning')
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    const merged: AuthXOptions = { ...fromEnvironment, ...given }
    if (problems.length === 0) return new AuthX(merged)
    throw new BadConfigurationError([...problems, ...configure(merged, wrong).problems])
  }

  /** The options as they are in force: normalised and frozen, durations in seconds; without keys and store. */
  get config(): Readonly<Omit<Config, SecretOption>> {
    const { config, ring } = this.#internals
    const { secretKey, privateKey, publicKey, previousSecretKey, previousPublicKey, keys, getKey, store, ...open } =
      config
    const { algorithm, decodeAlgorithms } = ring
    return Object.freeze({ ...open, algorithm, decodeAlgorithms })
  }

  /** Puts the payload of a valid access token on `ctx.state.token`, refuses nobody, and renders the library's errors as JSON. */
  middleware(): Guard<{ token?: TokenPayload<Claims> }> {
    return middleware(internalsOfMaker(this, 'middleware')) as unknown as Guard<{ token?: TokenPayload<Claims> }>
  }

  /**
   * Renews access tokens in cookies that are about to expire, after the handlers: those of `login` and `refresh` with the
   * configured life, and those made with `renewable: true`. For browsers that keep no refresh token; mount it on the app,
   * after `middleware()`.
   * @throws BadConfigurationError if access tokens do not travel in cookies.
   */
  implicitRefresh(): Middleware {
    return implicitRefresh(internalsOfMaker(this, 'implicitRefresh'))
  }

  /**
   * Ask the policy engine from within a handler: about the access token of `ctx`, or about a payload that has been
   * verified before. Resolves to the payload. What a client chooses belongs into a list of parts: `['documents', id]`. A
   * part that is empty, is not a string, or contains `:` or `*` is PolicyDeniedError.
   * @throws PolicyDeniedError, PolicyEvaluationError, and with `ctx` what `accessTokenRequired` throws.
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
   * A signed access token, by itself: without `sid` it belongs to no session and is good until it ends or is revoked.
   * It ends at its `expiry` in any case, unless `renewable: true` lets `implicitRefresh` renew it. With `sid` it also ends
   * with that session, when the last token that login or refresh gave to it expires.
   * @throws TypeError naming the option that is wrong.
   */
  createAccessToken(sub: string, options: AccessTokenOptions = {}): string {
    return this.#issue('access', sub, options)
  }

  /**
   * A signed refresh token, by itself: its first refresh opens a session.
   * @throws TypeError naming the option that is wrong.
   */
  createRefreshToken(sub: string, options: TokenOptions = {}): string {
    return this.#issue('refresh', sub, options)
  }

  /**
   * Open a session and return its tokens. Without a store the tokens name no session.
   * @throws TypeError naming the option that is wrong; rejects with StoreUnavailableError.
   */
  createTokenPair(sub: string, options: TokenPairOptions = {}): Promise<flows.TokenPair> {
    return flows.awaited('createTokenPair', flows.createTokenPair(this.#internals, sub, options))
  }

  /**
   * Open a session, set the cookies that are configured and return the body of the response. Check the credentials before.
   * @throws TypeError naming the option that is wrong, CookieTooLargeError, StoreUnavailableError.
   */
  login(ctx: AuthContext, sub: string, options: TokenPairOptions = {}): Promise<flows.TokenResponse> {
    return flows.awaited('login', flows.login(this.#internals, ctx, sub, options))
  }

  /**
   * Exchange the request's refresh token for its successor and a new access token; `options` concern the latter.
   * @throws what `refreshTokenRequired` answers with, ReusedTokenError (the session has been revoked then),
   * InsufficientScopeError for scopes that the refresh token does not cover, CookieTooLargeError; TypeError naming the
   * option that is wrong.
   */
  refresh(ctx: AuthContext, options: flows.RefreshOptions = {}): Promise<flows.TokenResponse> {
    return flows.awaited('refresh', flows.refresh(this.#internals, ctx, options))
  }

  /**
   * Revoke what the request's tokens belong to, in all locations, expired or not, and clear their cookies. A token from a
   * cookie counts with its CSRF value, or beside another token of the same login. A token in the query alone clears no
   * cookies.
   * @throws why no token of the request is good, as a guard would: MissingTokenError if there is none, JWTDecodeError,
   * CSRFError (also for a cookie of a live login that does not count); MalformedTokenRequestError if any location holds
   * something other than one token; or StoreUnavailableError. Nothing was ended then, and no cookie cleared.
   */
  logout(ctx: AuthContext): Promise<void> {
    return logout(this.#internals, ctx)
  }

  /**
   * The token of a request, not verified; `undefined` if there is none. Of several cookies of its name the one that a
   * guard takes, as far as the configured keys tell.
   * @throws MalformedTokenRequestError
   */
  getTokenFromRequest(
    ctx: AuthContext,
    options: { type?: TokenType | undefined; locations?: readonly TokenLocation[] | undefined } = {},
  ): LocatedToken | undefined {
    const { config, ring } = this.#internals
    const { type = 'access', locations = config.tokenLocation[type] } = options
    const candidates = locate(ctx, type, locations, config)
    if (candidates.length < 2) return candidates[0]
    return chooseAtOnce(candidates, ({ token }) => verify(token, ring, config), config)
  }

  /**
   * Verify a token outside of a request: signature, claims, type and revocation. CSRF is a matter of requests.
   * @throws JWTDecodeError, TokenTypeError, LoginTypeMismatchError, RevokedTokenError, FreshTokenRequiredError,
   * StoreUnavailableError; TypeError naming the option that is wrong.
   */
  async verifyToken(token: string, options: VerifyTokenOptions = {}): Promise<TokenPayload<Claims>> {
    checkNames(options, VERIFY_OPTIONS, 'verifyToken')
    return (await authenticateToken(this.#internals, token, options)) as TokenPayload<Claims>
  }

  /**
   * Verify the access token of a request that asks for an upgrade to WebSocket, as a guard does, outside of Koa: Node
   * hands such a request to the server's event `upgrade`. Besides its header, a token may come in `Sec-WebSocket-Protocol`: `new WebSocket(url, ['authx', token])`.
   * One from a cookie needs an `Origin` that is one of `origins`. Give what it rejects with to `refuseUpgrade`.
   * @throws what guards throw, CSRFError for an origin that is not allowed, and BadConfigurationError if cookies are one
   * of the locations and there are no `origins`; TypeError naming the option that is wrong.
   */
  authenticateUpgrade(request: IncomingMessage, options: UpgradeOptions = {}): Promise<TokenPayload<Claims>> {
    return authenticateUpgrade(this.#internals, request, options) as Promise<TokenPayload<Claims>>
  }

  /**
   * Close a WebSocket when its token expires (1008, `TokenExpiredError`) or is revoked (1008, `RevokedTokenError`): at
   * once if that happens through this instance, and `within` (10 seconds) wherever it happens. If the store does not say in
   * that time that the login goes on, the socket is closed too (1013, `StoreUnavailableError`). A second after the close
   * the connection is cut.
   * @returns what stops watching; a socket that has closed is not watched any more.
   * @throws TypeError, LoginTypeMismatchError.
   */
  closeWhenOver(socket: ClosableSocket, payload: TokenPayload, options: CloseWhenOverOptions = {}): () => void {
    return this.#sockets.watch(socket, payload, options)
  }

  /**
   * Set the access token's cookie, and its CSRF cookie. The token must be good under the configured keys, as those that
   * this instance makes are; `getKey` is not asked.
   * @throws JWTDecodeError, CookieTooLargeError.
   */
  setAccessCookies(ctx: AuthContext, token: string): void {
    this.#setCookies(ctx, 'access', token)
  }

  /** The same for the refresh token. @throws JWTDecodeError, CookieTooLargeError. */
  setRefreshCookies(ctx: AuthContext, token: string): void {
    this.#setCookies(ctx, 'refresh', token)
  }

  /** Clear the access token's cookie and its CSRF cookie. It revokes nothing. */
  unsetAccessCookies(ctx: AuthContext): void {
    setCookies(ctx, clearedCookies('access', this.#internals.config), this.#internals.config)
  }

  /** The same for the refresh token. */
  unsetRefreshCookies(ctx: AuthContext): void {
    setCookies(ctx, clearedCookies('refresh', this.#internals.config), this.#internals.config)
  }

  /** Clear the cookies of both tokens. It revokes nothing; `logout` does both. */
  unsetCookies(ctx: AuthContext): void {
    this.unsetAccessCookies(ctx)
    this.unsetRefreshCookies(ctx)
  }

  /**
   * The CSRF value of a token that this instance made; `undefined` if it has none. `getKey` is not asked.
   * @throws JWTDecodeError
   */
  getCsrfToken(token: string): string | undefined {
    return verify(token, this.#internals.ring, this.#internals.config, { signatureOnly: true }).csrf
  }

  /**
   * End what a token, or a verified payload, belongs to: its session with all its tokens, or the token alone if it names
   * none (RFC 7009 §2.1). An encoded token needs a good signature and nothing more: it may have expired. A session is
   * ended only by what a configured key has signed.
   * @throws JWTDecodeError, LoginTypeMismatchError, StoreUnavailableError; BadConfigurationError without a store.
   */
  async revoke(tokenOrPayload: string | TokenPayload): Promise<void> {
    const sessions = this.#sessions()
    const isPayload = typeof tokenOrPayload !== 'string'
    const payload = isPayload
      ? tokenOrPayload
      : await verifyToken(this.#internals, tokenOrPayload, undefined, { signatureOnly: true })
    checkLoginType(payload, this.#internals.config)
    await sessions.revoke(payload)
  }

  /**
   * Whether a token has been revoked, or a refresh token used up.
   * @throws StoreUnavailableError if that is unknown, LoginTypeMismatchError; BadConfigurationError without a store.
   */
  async isRevoked(payload: TokenPayload): Promise<boolean> {
    this.#sessions()
    checkLoginType(payload, this.#internals.config)
    return this.#internals.revocation.isRevoked(payload)
  }

  /**
   * The live sessions of a subject, the most recently active first. Of more than 500 it has the 500 youngest, and its
   * member `incomplete` is true.
   * @throws StoreUnavailableError; BadConfigurationError without a store.
   */
  async listSessions(sub: string): Promise<SessionList> {
    checkSubject(sub)
    return this.#sessions().list(sub)
  }

  /**
   * A live session; `undefined` if it has ended or never was. It is shown as long as guards accept tokens of it.
   * @throws StoreUnavailableError; BadConfigurationError without a store.
   */
  async getSession(sid: string): Promise<Session | undefined> {
    return this.#sessions().find(sid)
  }

  /**
   * End a session; with `sub`, only if it is that subject's. Resolves to whether one was ended: one that the store holds,
   * whatever the clock of this server says.
   * @throws StoreUnavailableError; BadConfigurationError without a store.
   */
  async revokeSession(sid: string, options: { sub?: string } = {}): Promise<boolean> {
    // An owner that got lost on the way must not turn into anybody.
    if (Object.hasOwn(options, 'sub')) checkSubject(options.sub)
    return this.#sessions().revokeSession(sid, options.sub)
  }

  /**
   * Revoke everything of a subject, up to now; with `except`, all sessions but this one.
   * @throws StoreUnavailableError; BadConfigurationError without a store.
   */
  async revokeAllSessions(sub: string, options: { except?: string | undefined } = {}): Promise<void> {
    checkSubject(sub)
    if (options.except !== undefined) checkSid(options.except)
    await this.#sessions().revokeAll(sub, options.except)
  }

  /**
   * Replace the keys, in one step and without a restart. What is left out is gone: tokens of the former keys stay good
   * only under `previousSecretKey`, `previousPublicKey` or a later place in `keys`. `algorithm` and `decodeAlgorithms`
   * stay as they are if both are left out. `getKey` stays.
   * @throws BadConfigurationError naming every wrong option; nothing has changed then.
   */
  setKeys(options: KeyOptions): void {
    const { ring, problems, warnings } = replacementRing(options, this.#internals.ring, this.#internals.config)
    if (problems.length > 0) throw new BadConfigurationError(problems)
    warnAboutKeys(warnings)
    this.#internals.ring = ring
  }

  /**
   * Serves the public keys that tokens are verified with, current and previous, as a JWK Set (RFC 7517): for
   * `router.get('/.well-known/jwks.json', authx.jwks())`. Caches may keep it for five minutes. It holds no secret and no
   * private key, and nothing that `getKey` finds.
   */
  jwks(): Middleware {
    return jwks(internalsOfMaker(this, 'jwks'))
  }

  /**
   * What an OpenAPI 3.1 document says of this instance, to be spread into its `components`: security schemes for the
   * locations of both types of tokens, and the answers of the library's errors as `middleware()` renders them. OpenAPI
   * cannot describe a token in a JSON body as a security scheme, nor a CSRF value in a form field: there are none for
   * them. With a `loginType` the names of the schemes begin with it.
   */
  openapi(): openapi.OpenApiComponents {
    return openapi.openApi(this.#internals.config)
  }

  /**
   * The `security` of an operation with this method behind a guard, or behind `refresh` and `logout`: one alternative
   * for each location, a cookie together with its CSRF value where the method asks for it. It names the schemes of
   * `openapi()`. Empty if tokens travel in JSON bodies only.
   * @throws TypeError naming the option that is wrong.
   */
  openapiSecurity(method: string, options: openapi.OpenApiSecurityOptions = {}): openapi.OpenApiSecurity {
    return openapi.openApiSecurity(method, options, this.#internals.config)
  }

  /** A blocklist of the application's, asked besides the store. If it rejects or is late, the answer is 503. */
  setTokenBlocklist(blocklist: BlocklistCallback): void {
    this.#internals.revocation.blocklist = blocklist
  }

  /** Who a token is about, for `subjectRequired`. */
  setSubjectGetter(getter: (sub: string, ctx: Context) => Subject | undefined | Promise<Subject | undefined>): void {
    this.#internals.subjectGetter = getter as SubjectGetter<unknown>
  }

  /** What decides for `policyRequired` and `authorize`. @throws TypeError if it is no engine. */
  setPolicyEngine(engine: PolicyDecider): void {
    policies.checkDecider(engine)
    this.#internals.policyEngine = engine
  }

  /** Listen to what happens to sessions. Listeners run later and change no answer. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): this {
    this.#events.on(name, listener)
    return this
  }

  /** Listen no more. */
  off<Name extends EventName>(name: Name, listener: Listener<Name>): this {
    this.#events.off(name, listener)
    return this
  }

  /** Close the sockets that are watched (1001), and release the store. */
  async close(): Promise<void> {
    this.#sockets.close()
    await this.#internals.config.store?.close?.()
  }

  /** Neither logs nor JSON show what an instance holds. */
  toJSON(): Record<string, unknown> {
    return {}
  }

  /** What `console.log(authx)` shows. */
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
    const { sessions } = this.#internals
    if (sessions) return sessions
    throw new BadConfigurationError([
      'store is missing, and nothing can be revoked or listed without one; set store: new SqliteTokenStore(...)',
    ])
  }
}

type SecretOption = Exclude<keyof KeyOptions, 'algorithm' | 'decodeAlgorithms'> | 'getKey' | 'store'

/** Each time: other keys, and other instances, have other mistakes. */
function warnAboutKeys(warnings: readonly string[]): void {
  for (const warning of warnings) process.emitWarning(warning, { type: 'AuthXWarning', code: 'AUTHX_SECRET_TEXT' })
}

function warnAboutStore(): void {
  warnOnce(
    'AUTHX_NO_STORE',
    'AuthX has no store: nothing can be revoked, and tokens outlive their logout. ' +
      "Set one: new AuthX({ store: new SqliteTokenStore('tokens.sqlite') }), from 'koa-authx/stores/sqlite'.",
  )
}
