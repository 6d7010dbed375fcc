import { AuthXClientError, explanation, isFinal, isRefusal } from './error.js'
import { type ClientEventType, type ClientListener, Listeners } from './events.js'
import { Login, type Snapshot } from './login.js'
import { type AuthXClientOptions, type Settings, settingsOf } from './options.js'
import { post, TIMEOUT_MS } from './post.js'
import { type OutgoingRequest, outgoing } from './request.js'
import { type Message, Tabs } from './tabs.js'

/**
 * Client for a server that uses koa-authx. It adds the token or the CSRF header to `fetch`, refreshes expired access
 * tokens, and informs other tabs. Its methods are bound: `const { fetch } = client` works.
 */
export class AuthXClient {
  readonly #settings: Settings
  readonly #login: Login
  readonly #listeners = new Listeners()
  readonly #tabs: Tabs
  #refreshing: Promise<void> | undefined

  /** @throws TypeError that names the wrong or unknown option, and suggests the right name. */
  constructor(options: AuthXClientOptions) {
    const settings = settingsOf(options)
    this.#settings = settings
    this.#login = new Login(settings)
    const { href } = settings.urlOf(settings.paths.refresh)
    this.#tabs = new Tabs(href, settings.tokens !== 'headers', message => this.#hear(message))
    for (const name of ['login', 'refresh', 'logout', 'fetch', 'on', 'close'] as const) {
      Object.defineProperty(this, name, { value: this[name].bind(this), writable: true, configurable: true })
    }
  }

  /** Whether a user is logged in, as far as the client knows: from its own calls, other tabs, or the CSRF cookie. */
  get loggedIn(): boolean {
    return this.#login.exists
  }

  /** The access token in memory (`dual`, `headers`); undefined with `cookies`, or if there is none. */
  get accessToken(): string | undefined {
    return this.#login.accessToken
  }

  /** Claims of the access token in memory, decoded but not verified; undefined if there is none. */
  get claims(): Readonly<Record<string, unknown>> | undefined {
    return this.#login.claims
  }

  /**
   * Posts the credentials as JSON. Resolves to the response body.
   * @throws AuthXClientError if the server refuses; the error of `fetch` if the server cannot be reached; an error
   * named `TimeoutError` if it does not answer within 60 seconds; TypeError if the credentials cannot be converted to
   * JSON.
   */
  async login(credentials: object): Promise<Record<string, unknown>> {
    const body = JSON.stringify(credentials)
    return this.#tabs.runExclusive(async () => {
      const headers = [['Content-Type', 'application/json']] as const
      const answer = await post(this.#settings, { route: 'login', headers, body })
      this.#login.begin(answer)
      this.#announce('login')
      return answer
    })
  }

  /**
   * Refreshes the tokens now, or waits for a refresh that is already running in this tab or in another one.
   * @throws AuthXClientError if the server refuses. The login ends only if the status is 401 and `errorType` says that
   * the refresh token is revoked, reused, expired, of an unknown subject or signed with an unknown key. Also throws the
   * error of `fetch` if the server cannot be reached, and an error named `TimeoutError` if it does not answer. In these
   * two cases, the client tries once more before it throws. It waits at most 3 seconds for the first response, and at
   * most 8 seconds for the second.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshInTurn().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /**
   * Ends the login. When it resolves, the server refuses all tokens of the login. If the server refuses the tokens of
   * the logout request, the client refreshes and tries again; if the refresh shows that the login has already ended,
   * `logout` resolves.
   * @throws AuthXClientError if the server refuses; the error of `fetch` if the server cannot be reached; an error
   * named `TimeoutError` if it does not answer within 8 seconds. If `logout` throws, the user stays logged in.
   */
  logout(): Promise<void> {
    return this.#tabs.runExclusive(async () => {
      const { exists, snapshot } = this.#login
      await this.#postLogout().catch(error => {
        if (!isRefusal(error)) throw error
        return this.#retryLogout(error, exists, snapshot)
      })
      this.#end(snapshot)
    })
  }

  /**
   * Like the global `fetch`. If the request goes to the origin of `baseUrl`, the client adds the token or, for methods
   * that change data, the CSRF header. A path is relative to `baseUrl`. If the access token has expired, the client
   * refreshes and sends the request again, once, unless its body is a stream.
   * @throws AuthXClientError if a refresh is necessary and fails for a temporary reason, for example because the store
   * is down (503).
   */
  async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    // The global `fetch` accepts null too.
    const given = init ?? {}
    const request = outgoing(input, given, this.#settings)
    if (request.url.origin !== this.#settings.origin) return this.#settings.fetch(request.target, given)
    const { response, snapshot } = await this.#send(request)
    if (!request.repeatable || !(await this.#isOutOfTime(response))) return response
    return (await this.#renew(snapshot)) ? request.send(this.#login.headersFor(request.method)) : response
  }

  /**
   * Calls `listener` at each event of the type, in this tab or in another one. Returns a function that removes the
   * listener.
   * @throws TypeError if the type is unknown, or `listener` is not a function.
   */
  on(type: ClientEventType, listener: ClientListener): () => void {
    return this.#listeners.add(type, listener)
  }

  /** Removes all listeners, and stops listening to other tabs. */
  close(): void {
    this.#listeners.clear()
    this.#tabs.close()
  }

  async #send(request: OutgoingRequest): Promise<{ response: Response; snapshot: Snapshot }> {
    if (this.#login.lacksAccessToken) await this.#renew(this.#login.snapshot)
    const { snapshot } = this.#login
    return { snapshot, response: await request.send(this.#login.headersFor(request.method)) }
  }

  /** Whether the access token has expired, or the browser has deleted its expired cookie. */
  async #isOutOfTime(response: Response): Promise<boolean> {
    // After a redirect to another server, the response says nothing about this login.
    const isOurs = !response.redirected || new URL(response.url).origin === this.#settings.origin
    if (response.status !== 401 || !isOurs) return false
    const { errorType } = await explanation(response)
    return errorType === 'TokenExpiredError' || (errorType === 'MissingTokenError' && this.#login.exists)
  }

  /**
   * Refreshes, unless the tokens were already refreshed since `snapshot`. Resolves to false if another login has begun:
   * then the request must not be sent again.
   */
  async #renew(snapshot: Snapshot): Promise<boolean> {
    if (!this.#login.isSameLogin(snapshot)) return false
    try {
      if (this.#login.snapshot.renewals === snapshot.renewals) await this.refresh()
      return this.#login.isSameLogin(snapshot)
    } catch (error) {
      if (isRefusal(error) && !(this.#login.exists && this.#login.isSameLogin(snapshot))) return false
      throw error
    }
  }

  async #refreshInTurn(): Promise<void> {
    const { renewals } = this.#login.snapshot
    return this.#tabs.runExclusive(async () => {
      // Another tab has refreshed in the meantime: use its tokens.
      if (this.#login.snapshot.renewals !== renewals && !this.#login.lacksAccessToken) return
      await this.#refreshAlone()
    })
  }

  async #refreshAlone(): Promise<void> {
    const { exists, snapshot } = this.#login
    try {
      this.#login.renew(await this.#postRefresh())
    } catch (error) {
      if (exists && this.#isOver(error)) this.#end(snapshot, error.errorType)
      throw error
    }
    this.#announce('refresh')
  }

  async #postRefresh(): Promise<Record<string, unknown>> {
    const send = (timeoutMs: number) =>
      post(this.#settings, { route: 'refresh', headers: this.#login.headersForRefresh(), timeoutMs })
    // Perhaps the server has refreshed and only its response is lost. Within the grace period it sends the response
    // again.
    return send(TIMEOUT_MS.refresh).catch(error => {
      if (error instanceof AuthXClientError) throw error
      return send(TIMEOUT_MS.repeatedRefresh)
    })
  }

  async #postLogout(): Promise<void> {
    await post(this.#settings, { route: 'logout', headers: this.#login.headersForLogout() })
  }

  /**
   * Refreshes and sends the logout again. The access token may have expired, and the path of the refresh cookie may not
   * include the logout route. A refresh gives a new access token, which the route may get.
   */
  async #retryLogout(refusal: AuthXClientError, exists: boolean, snapshot: Snapshot): Promise<void> {
    if (!exists && this.#settings.tokens === 'headers') throw refusal
    try {
      this.#login.renew(await this.#postRefresh())
    } catch (error) {
      if (exists && this.#isOver(error)) return
      throw refusal
    }
    this.#announce('refresh')
    if (!this.#login.isSameLogin(snapshot)) throw refusal
    await this.#postLogout()
  }

  /** Whether the login has ended: the refusal says so, or the readable CSRF cookie is gone. */
  #isOver(error: unknown): error is AuthXClientError {
    if (isFinal(error)) return true
    return isRefusal(error) && error.errorType === 'MissingTokenError' && this.#login.hasVanished
  }

  /** Ends the login of `snapshot`, but not a login that has begun since. */
  #end(snapshot: Snapshot, reason?: string): void {
    if (!this.#login.isSameLogin(snapshot)) return
    this.#login.end()
    this.#announce('logout', reason)
  }

  #announce(type: ClientEventType, reason?: string): void {
    this.#tabs.tell({ type, reason })
    this.#listeners.tell(type, { elsewhere: false, ...(reason !== undefined && { reason }) })
  }

  #hear({ type, reason, at }: Message): void {
    if (this.#login.isAfter(at)) return
    if (type === 'login') this.#login.replaced(at)
    else if (type === 'refresh') this.#login.renewedElsewhere()
    else if (type === 'logout') this.#login.end()
    else return
    this.#listeners.tell(type, { elsewhere: true, ...(reason !== undefined && { reason }) })
  }
}
