import type { ClientEventType, ClientListener } from './events.js'
import { fetchWith } from './fetch.js'
import type { ClientState } from './machine.js'
import { type AuthXClientOptions, settingsOf } from './options.js'
import { type Session, sessionOf } from './session.js'

/**
 * Client for a server that uses koa-authx. It adds the token or the CSRF header to `fetch`, refreshes expired access
 * tokens, and informs other tabs. Its methods are bound: `const { fetch } = client` works.
 */
export class AuthXClient {
  readonly #session: Session

  /** @throws TypeError that names the wrong or unknown option, and suggests the right name. */
  constructor(options: AuthXClientOptions) {
    this.#session = sessionOf(settingsOf(options))
    // Binds the methods, or those of a derived class.
    const members = Object.getOwnPropertyDescriptors(AuthXClient.prototype)
    for (const name of Object.keys(members) as (keyof AuthXClient)[])
      if (members[name].value && String(name) !== 'constructor')
        Object.defineProperty(this, name, { value: Object(this[name]).bind(this), writable: true, configurable: true })
  }

  /**
   * Resolves when the client knows whether a user is logged in: the option `storage` and asynchronous `cookies` have
   * been read and, with `csrf: 'origin'`, the server was asked. All methods wait for it by themselves. It rejects if the
   * storage or the cookies cannot be read.
   */
  get ready(): Promise<void> {
    return this.#session.ready
  }

  /** Whether a user is logged in, as far as the client knows: from its own calls, other tabs, or the CSRF cookie. */
  get loggedIn(): boolean {
    return this.state.status === 'authenticated'
  }

  /** The access token in memory (`dual`, `headers`); undefined with `cookies`, or if there is none. */
  get accessToken(): string | undefined {
    return this.#session.now().tokens.access_token
  }

  /** Claims of the access token in memory, decoded but not verified; undefined if there is none. */
  get claims(): Readonly<Record<string, unknown>> | undefined {
    return this.state.claims
  }

  /** The state of the login: the same frozen object until something in it changes, or another login begins. */
  get state(): ClientState {
    return this.#session.now().state
  }

  /** Returns `state`. For `useSyncExternalStore` and others that want a function. */
  getState(): ClientState {
    return this.state
  }

  /**
   * Calls `listener` after each change of `state`. Returns a function that removes the listener.
   * @throws TypeError if `listener` is not a function.
   */
  subscribe(listener: () => void): () => void {
    return this.#session.listeners.subscribe(listener)
  }

  /**
   * Posts the credentials as JSON. Resolves to the response body.
   * @throws AuthXClientError if the server refuses; the error of `fetch` if the server cannot be reached; an error
   * named `TimeoutError` if it does not answer within `timeouts.login`; TypeError if the credentials cannot be converted
   * to JSON.
   */
  async login(credentials: object): Promise<Record<string, unknown>> {
    return this.#session.login(JSON.stringify(credentials))
  }

  /**
   * Refreshes the tokens now, or waits for a refresh that is already running in this tab or in another one.
   * @throws AuthXClientError if the server refuses. The login ends only if the status is 401 and `errorType` says that
   * the refresh token is revoked, reused, expired, of an unknown subject or signed with an unknown key. It also ends for a
   * `MissingTokenError` if the readable CSRF cookie is gone too. Also throws the error of `fetch` if the server cannot be
   * reached, and an error named `TimeoutError` if it does not answer. In these two cases, the client tries once more
   * before it throws. It waits at most 3 seconds for the first response, and at most `timeouts.refresh` for the second.
   */
  refresh(): Promise<void> {
    return this.#session.refresh()
  }

  /**
   * Ends the login. When it resolves, the server refuses all tokens of the login. If the server refuses the tokens of
   * the logout request, the client refreshes and tries again; if the refresh shows that the login has already ended,
   * `logout` resolves. `local: true`: if the server cannot be reached or refuses, forgets the login here all the same;
   * the session lives on at the server until it expires.
   * @throws AuthXClientError if the server refuses; the error of `fetch` if the server cannot be reached; an error
   * named `TimeoutError` if it does not answer within `timeouts.logout`. If it throws one of these, the user stays logged
   * in. With `local: true` it throws only the error of a `storage` that cannot delete the refresh token.
   */
  async logout(options: { local?: boolean | undefined } = {}): Promise<void> {
    return this.#session.logout(Object(options).local)
  }

  /**
   * Like the global `fetch`. If the request goes to the origin of `baseUrl`, the client adds the token or, for methods
   * that change data, the CSRF header. A path is relative to `baseUrl`. If the access token has expired, the client
   * refreshes and sends the request again, once, unless its body is a stream. A request with the header of tokens set by
   * the caller, or without cookies (`credentials: 'omit'`) where the token is in one, is sent as it is.
   * @throws AuthXClientError if a refresh is necessary and fails for a temporary reason, for example because the store
   * is down (503). An error named `AbortError`, and the request is not sent, if another login begins while the client
   * waits to send it. Also if the request changes data, and the client notices with this call that another login has
   * begun, for example by a form of another page: what one user has typed is not saved as another's.
   */
  async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    // The global `fetch` accepts null too.
    return fetchWith(this.#session, input, init ?? {})
  }

  /**
   * Resolves to an access token that is valid now, after a refresh if necessary: for a WebSocket, say. Resolves to
   * undefined if nobody is logged in, and with `cookies`.
   * @throws like `fetch`.
   */
  async getAccessToken(): Promise<string | undefined> {
    await this.#session.prepare()
    return this.accessToken
  }

  /**
   * Resolves to the headers that `fetch` would add to a request, after a refresh if necessary: for axios, say. The
   * object is empty for other origins, and if no header is needed.
   * @throws TypeError for an invalid URL, and like `fetch`.
   */
  async headersFor(method: string, url: string | URL): Promise<Record<string, string>> {
    const { settings, prepare, secretsFor } = this.#session
    if (settings.urlOf(url).origin !== settings.origin) return {}
    await prepare(method)
    return { ...secretsFor(method)[0] }
  }

  /**
   * Refreshes by itself from now on, `refreshMarginSeconds` before the access token ends. After a refresh that fails, or
   * whose response does not say how long the token is valid, the next one begins 30 seconds later.
   */
  startAutoRefresh(): void {
    this.#session.automate(true)
  }

  /** Ends what `startAutoRefresh` has begun. */
  stopAutoRefresh(): void {
    this.#session.automate(false)
  }

  /**
   * Calls `listener` at each event of the type, in this tab or in another one. Returns a function that removes the
   * listener.
   * @throws TypeError if the type is unknown, or `listener` is not a function.
   */
  on(type: ClientEventType, listener: ClientListener): () => void {
    return this.#session.listeners.on(type, listener)
  }

  /** Stops timers, and messages to and from other tabs. Listeners still hear of what this client does. */
  close(): void {
    this.#session.close()
  }
}
