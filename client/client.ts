import { AuthXClientError, explanation, isFinal, isRefusal } from './error.js'
import { type ClientEventType, type ClientListener, Listeners } from './events.js'
import { Login, type Moment } from './login.js'
import { type AuthXClientOptions, type Settings, settingsOf } from './options.js'
import { post, TIMEOUT_MS } from './post.js'
import { type OutgoingRequest, outgoing } from './request.js'
import { type Message, Tabs } from './tabs.js'

/**
 * A login at a server that uses koa-authx: `fetch` with the token or the CSRF header added, a refresh where one is due,
 * and word of it in the other tabs. Its methods are bound: `const { fetch } = client` works.
 */
export class AuthXClient {
  readonly #settings: Settings
  readonly #login: Login
  readonly #listeners = new Listeners()
  readonly #tabs: Tabs
  #refreshing: Promise<void> | undefined

  /** @throws TypeError naming the option that is wrong or unknown, and the one that was meant. */
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

  /** Whether somebody is logged in, as far as this side knows: by what it was told, or by the readable CSRF cookie. */
  get loggedIn(): boolean {
    return this.#login.exists
  }

  /** The access token, where it is kept in memory (`dual`, `headers`). */
  get accessToken(): string | undefined {
    return this.#login.accessToken
  }

  /** Its claims, decoded and not verified. */
  get claims(): Readonly<Record<string, unknown>> | undefined {
    return this.#login.claims
  }

  /**
   * Post credentials as JSON. Resolves to the body of the answer.
   * @throws AuthXClientError if the server refuses; what `fetch` throws if it cannot be reached; TypeError for credentials
   * that are no JSON.
   */
  async login(credentials: object): Promise<Record<string, unknown>> {
    const body = JSON.stringify(credentials)
    return this.#tabs.alone(async () => {
      const headers = [['Content-Type', 'application/json']] as const
      const answer = await post(this.#settings, { route: 'login', headers, body })
      this.#login.begin(answer)
      this.#announce('login')
      return answer
    })
  }

  /**
   * Refresh now, or join the refresh that is under way, here or in another tab.
   * @throws AuthXClientError if the server refuses. The login is over if the status is 401 and `errorType` says that the
   * refresh token is revoked, reused, expired, of an unknown subject or signed with no known key; otherwise nothing has
   * changed. What `fetch` throws if the server cannot be reached; an error named `TimeoutError` if it does not answer.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshInTurn().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /**
   * End the login. Once this has resolved, its tokens are refused everywhere. If the route takes no token of this request,
   * the tokens are refreshed and sent again; if that refresh says that the login is over already, this resolves too.
   * @throws AuthXClientError if the server refuses otherwise; what `fetch` throws if the server cannot be reached; an error
   * named `TimeoutError` if it does not answer. The login goes on then.
   */
  logout(): Promise<void> {
    return this.#tabs.alone(async () => {
      const { exists, moment } = this.#login
      await this.#postLogout().catch(error => {
        if (!isRefusal(error)) throw error
        return this.#retryLogout(error, exists, moment)
      })
      this.#end(moment)
    })
  }

  /**
   * Like `fetch`, with the token or, for methods that change something, the CSRF header added, if the request goes to the
   * origin of `baseUrl`. Paths begin at `baseUrl`. If the access token has expired, it is refreshed and the request sent
   * again, once, unless its body is a stream.
   * @throws AuthXClientError if a refresh was due and refused for now: by a server without its store (503), by a gateway.
   */
  async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    // The platform's takes null, too.
    const given = init ?? {}
    const request = outgoing(input, given, this.#settings)
    if (request.url.origin !== this.#settings.origin) return this.#settings.fetch(request.target, given)
    const { response, moment } = await this.#send(request)
    if (!request.repeatable || !(await this.#isOutOfTime(response))) return response
    return (await this.#renew(moment)) ? request.send(this.#login.headersFor(request.method)) : response
  }

  /**
   * Call `listener` when it happens, here or in another tab. Returns what ends that.
   * @throws TypeError if there is no such event, or `listener` is no function.
   */
  on(type: ClientEventType, listener: ClientListener): () => void {
    return this.#listeners.add(type, listener)
  }

  /** Stop listening to other tabs. */
  close(): void {
    this.#listeners.clear()
    this.#tabs.close()
  }

  async #send(request: OutgoingRequest): Promise<{ response: Response; moment: Moment }> {
    if (this.#login.lacksAccessToken) await this.#renew(this.#login.moment)
    const { moment } = this.#login
    return { moment, response: await request.send(this.#login.headersFor(request.method)) }
  }

  /** Whether the token has expired, or the browser has dropped its cookie because it has. */
  async #isOutOfTime(response: Response): Promise<boolean> {
    // A redirect may have led to another server, whose word about the login is none.
    const isOurs = !response.redirected || new URL(response.url).origin === this.#settings.origin
    if (response.status !== 401 || !isOurs) return false
    const { errorType } = await explanation(response)
    return errorType === 'TokenExpiredError' || (errorType === 'MissingTokenError' && this.#login.exists)
  }

  /** Whether the login of `moment` still is there, renewed. A request is never sent again as that of somebody else. */
  async #renew(moment: Moment): Promise<boolean> {
    if (!this.#login.isThatOf(moment)) return false
    try {
      if (this.#login.moment.renewals === moment.renewals) await this.refresh()
      return this.#login.isThatOf(moment)
    } catch (error) {
      if (isRefusal(error) && !(this.#login.exists && this.#login.isThatOf(moment))) return false
      throw error
    }
  }

  async #refreshInTurn(): Promise<void> {
    const { renewals } = this.#login.moment
    return this.#tabs.alone(async () => {
      // What another tab has obtained meanwhile is as good.
      if (this.#login.moment.renewals !== renewals && !this.#login.lacksAccessToken) return
      await this.#refreshAlone()
    })
  }

  async #refreshAlone(): Promise<void> {
    const { exists, moment } = this.#login
    try {
      this.#login.renew(await this.#postRefresh())
    } catch (error) {
      if (exists && this.#isOver(error)) this.#end(moment, error.errorType)
      throw error
    }
    this.#announce('refresh')
  }

  async #postRefresh(): Promise<Record<string, unknown>> {
    const send = (timeoutMs: number) =>
      post(this.#settings, { route: 'refresh', headers: this.#login.headersForRefresh(), timeoutMs })
    // The answer may be what was lost: within the grace period the server gives it again.
    return send(TIMEOUT_MS.refresh).catch(error => {
      if (error instanceof AuthXClientError) throw error
      return send(TIMEOUT_MS.repeatedRefresh)
    })
  }

  async #postLogout(): Promise<void> {
    await post(this.#settings, { route: 'logout', headers: this.#login.headersForLogout() })
  }

  /**
   * The token may have expired, or not have reached the route, which lies outside of its cookie's path. A refresh tells, and
   * brings an access token, which may.
   */
  async #retryLogout(refusal: AuthXClientError, exists: boolean, moment: Moment): Promise<void> {
    if (!exists && this.#settings.tokens === 'headers') throw refusal
    try {
      this.#login.renew(await this.#postRefresh())
    } catch (error) {
      if (exists && this.#isOver(error)) return
      throw refusal
    }
    this.#announce('refresh')
    if (!this.#login.isThatOf(moment)) throw refusal
    await this.#postLogout()
  }

  /** Whether a refusal says that there is no login any more; or its cookies are gone, of which one could be read. */
  #isOver(error: unknown): error is AuthXClientError {
    if (isFinal(error)) return true
    return isRefusal(error) && error.errorType === 'MissingTokenError' && this.#login.hasVanished
  }

  /** The login of `moment` is over. One that has begun since is not. */
  #end(moment: Moment, reason?: string): void {
    if (!this.#login.isThatOf(moment)) return
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
