import { named } from './bounded.js'
import { AuthXClientError, isFinal, refusalIn } from './error.js'
import type { ClientEvent, ClientEventType, Listeners } from './events.js'
import { isSafe } from './fetch.js'
import { type Post, type Posted, post, type Secrets } from './http.js'
import { digestOf, type Input, isSameLogin, type Known, START, step } from './machine.js'
import type { Settings } from './options.js'
import { dropCookie, monotonicMs, page, whereAllowed } from './page.js'
import { LOGIN_TURN_MS, Turns } from './turns.js'

/** Short, because a refresh without a response must be repeated well before the grace period ends. */
const FIRST_REFRESH_MS = 3000

/** The state of the login. The same frozen object until something in it changes. */
export interface ClientState {
  /**
   * `'loading'`: not known yet, see `ready`. `'authenticated'`: a user is logged in, as far as the client knows.
   * `'unauthenticated'`: nobody is.
   */
  readonly status: 'loading' | 'authenticated' | 'unauthenticated'
  /** Claims of the access token in memory, decoded but not verified. Missing with `cookies`, and without a token. */
  readonly claims?: Readonly<Record<string, unknown>>
  /** The `error_type` that ended the last login, such as `RevokedTokenError`. Missing after a call of `logout()`. */
  readonly reason?: string
}

/** What the client knows, and what it does about it: reads cookies and storage, sends requests, tells others. */
export class Session {
  readonly #settings: Settings
  readonly #listeners: Listeners
  readonly #changed: (session: Session) => void
  readonly turns: Turns
  /** Resolves when storage and cookies have been read and, if necessary, the server was asked. */
  readonly ready: Promise<void>
  known: Known = START
  state: ClientState = Object.freeze({ status: 'loading' })
  #refreshing: Promise<void> | undefined
  #stop: AbortController | undefined
  /** The refresh token in the storage. */
  #stored: string | undefined
  #cookies: readonly string[] = []
  /** Whether cookies are read asynchronously. */
  #isSlow = false

  /** @param changed called after each change of what the client knows. */
  constructor(settings: Settings, listeners: Listeners, changed: (session: Session) => void) {
    this.#settings = settings
    this.#listeners = listeners
    this.#changed = changed
    const read = whereAllowed(() => this.#read())
    this.turns = new Turns(
      settings,
      Promise.resolve(read).catch(() => {}),
      async message => {
        await this.look()
        this.apply({ type: 'heard', message, isShared: settings.tokens === 'cookies', ...this.#time() })
      },
    )
    const asks = settings.csrf === 'origin' && settings.tokens !== 'headers'
    if (!read && !asks) this.apply({ type: 'ready' })
    this.ready = Promise.resolve(read)
      .then(() => (asks && this.known.status === 'loading' ? this.refresh().catch(() => {}) : undefined))
      .finally(() => this.apply({ type: 'ready' }))
    this.ready.catch(() => {})
  }

  get isLoggedIn(): boolean {
    return this.known.status === 'authenticated'
  }

  get isRefreshing(): boolean {
    return this.#refreshing !== undefined
  }

  /** Returns what is known now. It reads the cookies first, unless this takes time. */
  now(): Known {
    if (!this.#isSlow) this.look()
    return this.known
  }

  /** Posts the credentials, JSON. Resolves to the body of the response. */
  login(body: string): Promise<Record<string, unknown>> {
    return this.turns.take(async () => {
      await this.look()
      const since = this.known
      this.apply({ type: 'sending', isLoggingIn: true })
      try {
        // The server ends the login that these headers belong to.
        const posted = await this.#post({ route: 'login', secrets: this.#secretsForLogout().slice(0, 1), body })
        await this.#take('login', posted, since)
        return posted.body
      } finally {
        this.apply({ type: 'sending', isLoggingIn: false })
      }
    }, LOGIN_TURN_MS)
  }

  /** Refreshes, or joins a refresh that is under way. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshInTurn().finally(() => {
      this.#refreshing = undefined
      this.#changed(this)
    })
    return this.#refreshing
  }

  async #refreshInTurn(): Promise<void> {
    const { renewals } = this.known
    return this.turns.take(async () => {
      await this.#read()
      // Another tab has refreshed in the meantime: use its tokens.
      if (this.known.renewals !== renewals && this.isLoggedIn && !this.#lacksToken) return
      const since = this.known
      await this.#refreshNow(since).catch(async error => {
        await this.look()
        if (since.status === 'authenticated' && this.#isOver(error, since)) await this.#end(since, refusalIn(error))
        throw error
      })
    })
  }

  async #refreshNow(since: Known): Promise<void> {
    this.#stop = page.AbortController && new page.AbortController()
    const send = (timeoutMs: number) =>
      this.#post({ route: 'refresh', secrets: this.#secretsForRefresh(), timeoutMs, stop: this.#stop?.signal })
    const limit = this.#settings['timeouts.refresh']
    // Perhaps the server has refreshed and only its response is lost. Within the grace period it sends the response
    // again.
    const posted = await send(Math.min(limit, FIRST_REFRESH_MS)).catch(error => {
      if (error instanceof AuthXClientError || !isSameLogin(this.known, since)) throw error
      return send(limit)
    })
    await this.#take('refresh', posted, since)
  }

  logout(isLocal: boolean): Promise<void> {
    return this.turns.take(async () => {
      await this.look()
      const since = this.known
      await this.#logoutNow(since).catch(error => {
        if (!isLocal) throw error
      })
      await this.look()
      await this.#end(since)
    })
  }

  async #logoutNow(since: Known): Promise<void> {
    const send = () => this.#post({ route: 'logout', secrets: this.#secretsForLogout() })
    const exists = since.status === 'authenticated'
    await send().catch(async refusal => {
      if (!refusalIn(refusal) || (!exists && this.#settings.tokens === 'headers')) throw refusal
      // The access token may have expired, and the path of the refresh cookie may not include the logout route. A
      // refresh gives a new access token, which the route may get.
      try {
        await this.#refreshNow(since)
      } catch (error) {
        if (exists && this.#isOver(error, since)) return
        throw refusal
      }
      if (!isSameLogin(this.known, since)) throw refusal
      await send()
    })
  }

  /**
   * Makes sure that a request can be sent: with a token, and not with one that is about to end.
   * @throws the error of a refresh that was necessary and failed for a temporary reason.
   */
  async prepare(): Promise<void> {
    await this.ready.catch(() => {})
    await this.look()
    const { known } = this
    const { endsAt = Infinity, renewAt = Infinity } = known
    const now = monotonicMs()
    const isNeeded = this.#lacksToken || now >= endsAt
    if (!this.isLoggedIn || !(isNeeded || now >= renewAt)) return
    await this.renew(known).catch(error => {
      if (isNeeded) throw error
    })
    if (this.isLoggedIn && !isSameLogin(this.known, known)) throw named('AbortError', 'Another login has begun')
  }

  /**
   * Refreshes, unless the tokens were already renewed since. Resolves to undefined if another login has begun or this
   * one has ended: then a request must not be sent again. Otherwise: where the tokens were renewed.
   */
  async renew(since: Known): Promise<'here' | 'elsewhere' | undefined> {
    const isSame = () => isSameLogin(this.known, since)
    await this.look()
    if (!isSame()) return undefined
    if (this.known.renewals !== since.renewals) return 'elsewhere'
    try {
      await this.refresh()
    } catch (error) {
      if (!isSame() || (refusalIn(error) && !this.isLoggedIn)) return undefined
      throw error
    }
    return isSame() ? 'here' : undefined
  }

  /** The headers for a request of the application: several, if there are several CSRF values to try. */
  secretsFor(method: string): readonly Secrets[] {
    if (this.#settings.tokens !== 'cookies') return [this.#bearer(this.known.access)]
    return isSafe(method) ? [{}] : this.#csrf('access')
  }

  #secretsForRefresh(): readonly Secrets[] {
    return this.#settings.tokens === 'headers' ? [this.#bearer(this.known.refresh)] : this.#csrf('refresh')
  }

  /** The server accepts the access token or the refresh token, but needs the CSRF value of each token in a cookie. */
  #secretsForLogout(): readonly Secrets[] {
    const own = this.secretsFor('POST')
    if (this.#settings.tokens === 'headers') return own
    const others = this.#csrf('refresh')
    return [...own.map(secrets => ({ ...others[0], ...secrets })), ...others]
  }

  #bearer(token: string | undefined): Secrets {
    const { headerName, headerType } = this.#settings
    return token ? { [headerName]: `${headerType} ${token}`.trim() } : {}
  }

  #csrf(kind: 'access' | 'refresh'): readonly Secrets[] {
    const { id, csrf } = this.known
    const header = this.#settings[`${kind}CsrfHeaderName`]
    const values = [...this.#valuesOf(kind), ...this.#valuesOf('refresh'), csrf].filter(value => value !== undefined)
    // The value that the server has accepted comes first.
    const ordered = new Set(id !== undefined && values.includes(id) ? [id, ...values] : values)
    return ordered.size > 0 ? [...ordered].map(value => ({ [header]: value })) : [{}]
  }

  /** The values of all CSRF cookies of a kind: there can be one for each path and domain. */
  #valuesOf(kind: 'access' | 'refresh'): string[] {
    const start = `${this.#settings[`${kind}CsrfCookieName`]}=`
    return this.#cookies
      .filter(pair => pair.startsWith(start))
      .map(pair => whereAllowed(() => decodeURIComponent(pair.slice(start.length))) ?? pair.slice(start.length))
  }

  /** Whether a user is logged in but the access token is missing, for example after a reload. */
  get #lacksToken(): boolean {
    return this.#settings.tokens !== 'cookies' && this.known.access === undefined
  }

  /** Whether the login has ended: the refusal says so, or the readable CSRF cookie is gone. */
  #isOver(error: unknown, { id }: Known): boolean {
    const { seen, csrf } = this.known
    const isGone = id !== undefined && seen.length === 0 && csrf === undefined
    return isFinal(error) || (isGone && refusalIn(error) === 'MissingTokenError')
  }

  #post(request: Post): Promise<Posted> {
    return post(this.#settings, request)
  }

  async #take(type: 'login' | 'refresh', { body, accepted }: Posted, since: Known): Promise<void> {
    const { tokens, refreshCsrfHeaderName } = this.#settings
    const { access_token: access, refresh_token: refresh, csrf_token: csrf, expires_in: seconds } = body
    await this.look()
    this.apply({
      type,
      since,
      access: tokens === 'cookies' ? undefined : textIn(access),
      refresh: tokens === 'headers' ? textIn(refresh) : undefined,
      csrf: tokens === 'headers' ? undefined : textIn(csrf),
      accepted: tokens === 'headers' ? undefined : accepted[refreshCsrfHeaderName],
      lifeMs: typeof seconds === 'number' ? seconds * 1000 : 0,
      ...this.#time(),
    })
    await this.#keep()
  }

  async #end(since: Known, reason?: string): Promise<void> {
    this.apply({ type: 'end', since, reason })
    await this.#keep()
  }

  #time() {
    return { now: monotonicMs(), marginMs: this.#settings.refreshMarginSeconds * 1000 }
  }

  apply(input: Input): void {
    const before = this.known
    const { known, told } = step(before, input)
    this.known = known
    if (!isSameLogin(known, before)) this.#stop?.abort(named('AbortError', 'Another login has begun'))
    if (told && !told.elsewhere && told.type !== 'expired') this.#tellOthers(told.type, input, before)
    if (told) this.#listeners.tell(told.type, event(told))
    const { status, claims, reason } = known
    if (status !== this.state.status || claims !== this.state.claims || reason !== this.state.reason) {
      this.state = Object.freeze({ status, ...(claims && { claims }), ...(reason !== undefined && { reason }) })
      this.#listeners.tell('state', { elsewhere: false })
    }
    this.#changed(this)
  }

  #tellOthers(type: ClientEventType, input: Input, before: Known): void {
    const { refreshCsrfCookieName, accessCsrfCookieName, cookies } = this.#settings
    this.turns.tell({
      type,
      id: digestOf(type === 'logout' ? before : this.known),
      ...('reason' in input && { reason: input.reason }),
      ...('lifeMs' in input && { lifeMs: input.lifeMs }),
    })
    // After a reload, the cookie that a server has not cleared would look like a login.
    if (type === 'logout' && !cookies)
      for (const name of [refreshCsrfCookieName, accessCsrfCookieName]) dropCookie(name)
  }

  /** Reads the storage and the cookies. Returns a promise if one of the two does. */
  #read(): Promise<void> | undefined {
    const { storage, storageKey } = this.#settings
    const take = (kept: unknown) => {
      if (typeof kept === 'string' && kept !== this.#stored) {
        this.#stored = kept
        this.apply({ type: 'stored', refresh: kept })
      }
      return this.look()
    }
    const kept: unknown = storage?.getItem(storageKey)
    return isPromise(kept) ? kept.then(take) : take(kept)
  }

  async #keep(): Promise<void> {
    const { storage, storageKey } = this.#settings
    const { refresh } = this.known
    if (!storage || refresh === this.#stored) return
    this.#stored = refresh
    await (refresh === undefined ? storage.removeItem(storageKey) : storage.setItem(storageKey, refresh))
  }

  /** Reads the cookies. Returns a promise if the option `cookies` does. */
  look(): Promise<void> | undefined {
    const { tokens, cookies } = this.#settings
    if (tokens === 'headers') return undefined
    const take = (text: unknown) => {
      if (typeof text !== 'string') throw new TypeError("cookies must return a string such as 'a=b; c=d'")
      this.#cookies = text.split(/; */)
      this.apply({ type: 'cookies', seen: this.#valuesOf('refresh') })
    }
    const text = cookies ? cookies() : (whereAllowed(() => page.document?.cookie) ?? '')
    this.#isSlow = isPromise(text)
    return isPromise(text) ? text.then(take) : void take(text)
  }
}

const textIn = (value: unknown) => (typeof value === 'string' ? value : undefined)

const event = ({ elsewhere, reason }: ClientEvent): ClientEvent => ({
  elsewhere,
  ...(reason !== undefined && { reason }),
})

const isPromise = (value: unknown): value is Promise<unknown> => typeof Object(value).then === 'function'
