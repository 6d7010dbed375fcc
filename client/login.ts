import { claimsOf } from './claims.js'
import type { Settings } from './options.js'
import type { Secrets } from './request.js'

/** The state of the login at one time. `isSameLogin` compares it with the current state, after a request. */
export interface Snapshot {
  readonly renewals: number
  readonly changes: number
  /** CSRF value of the refresh token. It stays the same during a login; each login has another value. */
  readonly csrf: string | undefined
}

/** The client's state of the login: CSRF values, and the tokens that are not in cookies. Kept in memory only. */
export class Login {
  readonly #settings: Settings
  #access: string | undefined
  /** The CSRF value when the access token was stored. It identifies the login that the token belongs to. */
  #accessOf: string | undefined
  #refresh: string | undefined
  /** CSRF value from a response body, of a server with `csrfInCookies: false`. */
  #csrf: string | undefined
  #known = false
  /** CSRF value of the last login that ended. Its cookies may still exist. */
  #ended: string | undefined
  /** Number of renewals of the tokens, in this tab or in tabs that share the cookies. */
  #renewals = 0
  /** Number of logins and logouts, in this tab or in tabs that share the cookies. */
  #changes = 0
  #begun = 0

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Access token in memory; undefined if there is none, or if the cookies belong to another login now. */
  get accessToken(): string | undefined {
    return this.#isReplaced(this.#accessOf) ? undefined : this.#access
  }

  get claims(): Readonly<Record<string, unknown>> | undefined {
    const token = this.accessToken
    return token === undefined ? undefined : claimsOf(token)
  }

  get exists(): boolean {
    const csrf = this.#csrfOfLogin
    return this.#known || (csrf !== undefined && csrf !== this.#ended)
  }

  /** Whether the CSRF cookie existed and is gone. Then it has expired, and the cookie of the token has expired too. */
  get hasVanished(): boolean {
    return this.#accessOf !== undefined && this.#csrfOfLogin === undefined
  }

  /** The current state of the login, for `isSameLogin`. */
  get snapshot(): Snapshot {
    return { renewals: this.#renewals, changes: this.#changes, csrf: this.#csrfOfLogin }
  }

  /**
   * Whether no login has begun or ended since `snapshot`. Compares CSRF values too, because the client is not informed
   * of a login that another program has made.
   */
  isSameLogin({ changes, csrf }: Snapshot): boolean {
    return this.#changes === changes && !this.#isReplaced(csrf)
  }

  /** Whether a user is logged in but the access token is missing, for example after a reload. */
  get lacksAccessToken(): boolean {
    return this.#settings.tokens !== 'cookies' && this.accessToken === undefined && this.exists
  }

  /** Stores the tokens of a login response. @throws TypeError if the access token is missing. */
  begin(body: Readonly<Record<string, unknown>>): void {
    this.#refresh = undefined
    this.renew(body)
    this.#changes++
    this.#begun = Date.now()
  }

  /**
   * Whether the login began after `time` (milliseconds since 1970): messages about an earlier login may arrive late.
   */
  isAfter(time: number): boolean {
    return this.#begun > time
  }

  /** Stores the tokens of a refresh response. @throws TypeError if the access token is missing. */
  renew(body: Readonly<Record<string, unknown>>): void {
    const { tokens } = this.#settings
    const { access_token: access, refresh_token: refresh, csrf_token: csrf } = body
    if (tokens !== 'cookies') {
      if (typeof access !== 'string')
        throw new TypeError(
          `tokens is '${tokens}', but the response has no access_token; set tokenLocation of the server to match`,
        )
      this.#access = access
    }
    // A server without a store does not rotate the refresh token.
    if (tokens === 'headers' && typeof refresh === 'string') this.#refresh = refresh
    this.#csrf = typeof csrf === 'string' ? csrf : undefined
    this.#renewed()
  }

  /**
   * Deletes the tokens of the old login, because another tab has logged in, possibly as another user. `at`:
   * milliseconds since 1970.
   */
  replaced(at: number): void {
    this.#access = undefined
    this.#csrf = undefined
    this.#changes++
    this.#begun = at
    this.#renewed()
  }

  /** Records that another tab has refreshed. This tab can use the new access token only with `tokens: 'cookies'`. */
  renewedElsewhere(): void {
    if (this.#settings.tokens === 'cookies') this.#renewed()
  }

  end(): void {
    this.#ended = this.#refreshCsrf
    this.#access = undefined
    this.#accessOf = undefined
    this.#refresh = undefined
    this.#csrf = undefined
    this.#known = false
    this.#changes++
  }

  #renewed(): void {
    this.#accessOf = this.#csrfOfLogin
    this.#known = true
    this.#renewals++
  }

  /** Returns the header with the token or the CSRF value, for a request of the application. */
  headersFor(method: string): Secrets {
    const { tokens, accessCsrfHeaderName } = this.#settings
    if (tokens !== 'cookies') return this.#token(this.accessToken)
    return SAFE_METHODS.includes(method) ? [] : pairs(accessCsrfHeaderName, this.#accessCsrf)
  }

  headersForRefresh(): Secrets {
    const { tokens, refreshCsrfHeaderName } = this.#settings
    return tokens === 'headers' ? this.#token(this.#refresh) : pairs(refreshCsrfHeaderName, this.#refreshCsrf)
  }

  /**
   * Returns the headers for a logout. The server accepts the access token or the refresh token, but needs the CSRF
   * value of each token in a cookie.
   */
  headersForLogout(): Secrets {
    const { tokens } = this.#settings
    if (tokens === 'headers') return this.#token(this.accessToken)
    return [...this.headersForRefresh(), ...this.headersFor('POST')]
  }

  #token(token: string | undefined): Secrets {
    const { headerName, headerType } = this.#settings
    return pairs(headerName, token && `${headerType} ${token}`.trim())
  }

  #isReplaced(csrf: string | undefined): boolean {
    const present = this.#csrfOfLogin
    return present !== undefined && present !== csrf
  }

  get #csrfOfLogin(): string | undefined {
    return this.#settings.tokens === 'headers' ? undefined : this.#refreshCsrf
  }

  get #accessCsrf(): string | undefined {
    return this.#cookie(this.#settings.accessCsrfCookieName) ?? this.#refreshCsrf
  }

  get #refreshCsrf(): string | undefined {
    return this.#cookie(this.#settings.refreshCsrfCookieName) ?? this.#csrf
  }

  #cookie(name: string): string | undefined {
    const cookies: unknown = this.#settings.cookies()
    if (typeof cookies !== 'string') throw new TypeError("cookies must return a string such as 'a=b; c=d'")
    const pair = cookies.split(/; */).find(each => each.startsWith(`${name}=`))
    return pair && unescaped(pair.slice(name.length + 1))
  }
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE']

const pairs = (name: string, value: string | undefined): Secrets => (value ? [[name, value]] : [])

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
