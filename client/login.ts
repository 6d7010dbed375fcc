import { claimsOf } from './claims.js'
import type { Settings } from './options.js'
import type { Secrets } from './request.js'

export interface Snapshot {
  readonly renewals: number
  readonly changes: number
  /** The CSRF value of the refresh token: one for as long as a login lasts, and the next has another. */
  readonly csrf: string | undefined
}

/** What this side knows of the login: tokens where it has to keep them, in memory only, and CSRF values. */
export class Login {
  readonly #settings: Settings
  #access: string | undefined
  /** The CSRF value that came with the last access token, in memory or in a cookie. */
  #accessOf: string | undefined
  #refresh: string | undefined
  /** From a body: a server with `csrfInCookies: false` hands it out there. */
  #csrf: string | undefined
  #known = false
  /** The CSRF value of the login that has ended: not every end clears the cookies. */
  #ended: string | undefined
  /** How often what requests carry has been renewed, here or where the cookies are shared. */
  #renewals = 0
  /** How often a login has begun or ended, here or where the cookies are shared. */
  #changes = 0
  #begun = 0

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Undefined, too, if the cookies are of another login by now. */
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

  /** Whether the CSRF cookie was there and is no more: its time is over, and that of the token's cookie too. */
  get hasVanished(): boolean {
    return this.#accessOf !== undefined && this.#csrfOfLogin === undefined
  }

  /** What a request is sent with, to be compared later. */
  get snapshot(): Snapshot {
    return { renewals: this.#renewals, changes: this.#changes, csrf: this.#csrfOfLogin }
  }

  /** Whether it still is the login of that snapshot, or none any more: not each that begins elsewhere is told. */
  isSameLogin({ changes, csrf }: Snapshot): boolean {
    return this.#changes === changes && !this.#isReplaced(csrf)
  }

  /** Whether requests would go without their token although there is a login: after a reload, say. */
  get lacksAccessToken(): boolean {
    return this.#settings.tokens !== 'cookies' && this.accessToken === undefined && this.exists
  }

  /** Keep what the body of a login brings. @throws TypeError if a token is not in it. */
  begin(body: Readonly<Record<string, unknown>>): void {
    this.#refresh = undefined
    this.renew(body)
    this.#changes++
    this.#begun = Date.now()
  }

  /** Whether it has begun after that: word of an earlier one may come late. In milliseconds since 1970. */
  isAfter(time: number): boolean {
    return this.#begun > time
  }

  /** Keep what the body of a refresh brings. @throws TypeError if a token is not in it. */
  renew(body: Readonly<Record<string, unknown>>): void {
    const { tokens } = this.#settings
    const { access_token: access, refresh_token: refresh, csrf_token: csrf } = body
    if (tokens !== 'cookies') {
      if (typeof access !== 'string')
        throw new TypeError(
          `tokens is '${tokens}', but the answer has no access_token: see tokenLocation of the server`,
        )
      this.#access = access
    }
    // A server without a store does not rotate it.
    if (tokens === 'headers' && typeof refresh === 'string') this.#refresh = refresh
    this.#csrf = typeof csrf === 'string' ? csrf : undefined
    this.#renewed()
  }

  /** Another tab has logged in, perhaps as somebody else: what this one holds is of another login than the cookies. */
  replaced(at: number): void {
    this.#access = undefined
    this.#csrf = undefined
    this.#changes++
    this.#begun = at
    this.#renewed()
  }

  /** Another tab has refreshed. An access token in its memory is of no use here. */
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

  /** What goes with a request of the application. */
  headersFor(method: string): Secrets {
    const { tokens, accessCsrfHeaderName } = this.#settings
    if (tokens !== 'cookies') return this.#token(this.accessToken)
    return SAFE_METHODS.includes(method) ? [] : pairs(accessCsrfHeaderName, this.#accessCsrf)
  }

  headersForRefresh(): Secrets {
    const { tokens, refreshCsrfHeaderName } = this.#settings
    return tokens === 'headers' ? this.#token(this.#refresh) : pairs(refreshCsrfHeaderName, this.#refreshCsrf)
  }

  /** Either token will do, but each that comes in a cookie needs its CSRF value. */
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
