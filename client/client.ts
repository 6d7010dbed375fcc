import { AuthXClientError, errorOf, explanation, isOver } from './error.js'
import { type ClientEventType, type ClientListener, Listeners } from './events.js'
import { objectIn } from './json.js'
import { Login, type Moment } from './login.js'
import { type AuthXClientOptions, type Settings, settingsOf } from './options.js'
import { type OutgoingRequest, outgoing, type Secrets, withCookies } from './request.js'
import { type Message, Tabs } from './tabs.js'

/**
 * A login at a server that uses koa-authx: `fetch` with the token or the CSRF header added, a refresh where one is due,
 * and word of it in the other tabs.
 */
export class AuthXClient {
  readonly #settings: Settings
  readonly #login: Login
  readonly #listeners = new Listeners()
  readonly #tabs: Tabs
  #refreshing: Promise<void> | undefined

  /** @throws TypeError naming the option that is wrong. */
  constructor(options: AuthXClientOptions) {
    const settings = settingsOf(options)
    this.#settings = settings
    this.#login = new Login(settings)
    const { href } = settings.urlOf(settings.paths.refresh)
    this.#tabs = new Tabs(href, settings.tokens !== 'headers', message => this.#hear(message))
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
   * @throws AuthXClientError if the server refuses; what `fetch` throws if it cannot be reached.
   */
  login(credentials: object): Promise<Record<string, unknown>> {
    const body = JSON.stringify(credentials)
    return this.#tabs.alone(async () => {
      const answer = await this.#post('login', PATIENCE_MS.login, [['Content-Type', 'application/json']], body)
      this.#login.begin(answer)
      this.#announce('login')
      return answer
    })
  }

  /**
   * Refresh now, or join the refresh that is under way, here or in another tab.
   * @throws AuthXClientError if the server refuses: with status 401 and an `errorType` the login is over, otherwise nothing
   * has changed; what `fetch` throws if it cannot be reached.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshInTurn().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /**
   * End the login. Once this has resolved, its tokens are refused everywhere; that the server takes none of them any more
   * (401 with an `errorType`) is as good.
   * @throws AuthXClientError if the server refuses otherwise, what `fetch` throws if it cannot be reached: the login goes on then.
   */
  logout(): Promise<void> {
    return this.#tabs.alone(async () => {
      const { exists, moment } = this.#login
      try {
        await this.#post('logout', PATIENCE_MS.logout, this.#login.headersForLogout())
      } catch (error) {
        if (!exists || !isOver(error)) throw error
      }
      this.#end(moment)
    })
  }

  /**
   * Like `fetch`, with the token or, for methods that change something, the CSRF header added, if the request goes to the
   * origin of `baseUrl`. Paths begin at `baseUrl`. If the access token has expired, it is refreshed and the request sent
   * again, once, unless its body is a stream.
   * @throws AuthXClientError if a refresh was due and refused for now: by a server without its store (503), by a gateway.
   */
  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const request = outgoing(input, init, this.#settings)
    if (request.url.origin !== this.#settings.origin) return this.#settings.fetch(request.target, init)
    const { response, moment } = await this.#send(request)
    if (!request.repeatable || !(await this.#isOutOfTime(response))) return response
    return (await this.#renew(moment)) ? request.send(this.#login.headersFor(request.method)) : response
  }

  /** Call `listener` when it happens, here or in another tab. Returns what ends that. */
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
      if (isOver(error)) return false
      throw error
    }
  }

  #refreshInTurn(): Promise<void> {
    const { renewals } = this.#login.moment
    return this.#tabs.alone(async () => {
      // What another tab has obtained meanwhile is as good.
      if (this.#login.moment.renewals !== renewals && !this.#login.lacksAccessToken) return
      this.#login.renew(await this.#postRefresh())
      this.#announce('refresh')
    })
  }

  async #postRefresh(): Promise<Record<string, unknown>> {
    const { exists, moment } = this.#login
    const post = (patience: number) => this.#post('refresh', patience, this.#login.headersForRefresh())
    try {
      // The answer may be what was lost: within the grace period the server gives it again.
      return await post(PATIENCE_MS.refresh).catch(error => {
        if (error instanceof AuthXClientError) throw error
        return post(PATIENCE_MS.repeatedRefresh)
      })
    } catch (error) {
      if (exists && isOver(error)) this.#end(moment, error.errorType)
      throw error
    }
  }

  async #post(
    route: keyof Settings['paths'],
    patience: number,
    headers: Secrets,
    body?: string,
  ): Promise<Record<string, unknown>> {
    const url = this.#settings.urlOf(this.#settings.paths[route])
    const response = await this.#settings.fetch(url.href, {
      method: 'POST',
      headers: Object.fromEntries(headers),
      // Neither a password nor a refresh token is for where a redirect leads to.
      redirect: 'error',
      signal: AbortSignal.timeout(patience),
      ...(this.#settings.tokens !== 'headers' && withCookies(url, this.#settings)),
      ...(body !== undefined && { body }),
    })
    if (!response.ok) throw await errorOf(response)
    return objectIn(await response.text())
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

/** Other tabs wait meanwhile. A refresh that is not answered has to be repeated well before its grace period ends. */
const PATIENCE_MS = { login: 60_000, refresh: 3000, repeatedRefresh: 8000, logout: 8000 }
