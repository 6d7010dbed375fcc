interface Kept {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly httpOnly: boolean
}

/** The cookies of a browser whose page is at `/`, as far as these tests need them: one origin, no domains. */
export class Jar {
  /** By name and path: a browser keeps one cookie for each. */
  readonly #cookies = new Map<string, Kept>()
  readonly #send: (input: string | Request, init: RequestInit) => Promise<Response>

  /** `send` sends a request that has its cookies. */
  constructor(send = (input: string | Request, init: RequestInit) => fetch(input, init)) {
    this.#send = send
  }

  /**
   * `fetch` with these cookies, unless the request says `credentials: 'omit'`. The answer and its cookies come to the
   * browser when `arrival` resolves; never if it rejects.
   */
  readonly fetch = async (
    input: string | Request,
    init: RequestInit,
    arrival?: () => Promise<unknown>,
  ): Promise<Response> => {
    const { credentials } = { ...(typeof input !== 'string' && { credentials: input.credentials }), ...init }
    if (credentials === 'omit') return this.#send(input, init)
    const headers = new Headers(init.headers ?? (typeof input === 'string' ? undefined : input.headers))
    const { pathname } = new URL(typeof input === 'string' ? input : input.url)
    const sent = this.#shown(({ path }) => isInside(pathname, path))
    if (sent) headers.set('Cookie', sent)
    const response = await this.#send(input, { ...init, headers })
    await arrival?.()
    for (const line of response.headers.getSetCookie()) this.#set(line)
    return response
  }

  /** What `document.cookie` would be. */
  readonly cookies = (): string => this.#shown(({ httpOnly, path }) => !httpOnly && path === '/')

  /** What `document.cookie` would be in a page at `path`: the cookies with the longest paths come first. */
  shownAt(path: string): string {
    return this.#shown(cookie => !cookie.httpOnly && isInside(path, cookie.path))
  }

  /** As an assignment to `document.cookie`. */
  assign(line: string): void {
    this.#set(line)
  }

  /** Another with the same cookies. */
  copy(): Jar {
    const copy = new Jar()
    for (const [key, cookie] of this.#cookies) copy.#cookies.set(key, cookie)
    return copy
  }

  /** As browsers do when a cookie's time is over. */
  drop(name: string): void {
    for (const [key, cookie] of this.#cookies) if (cookie.name === name) this.#cookies.delete(key)
  }

  #shown(shows: (cookie: Kept) => boolean): string {
    const shown = [...this.#cookies.values()].filter(shows).sort((a, b) => b.path.length - a.path.length)
    return shown.map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  #set(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const path = /; ?Path=([^;]*)/i.exec(line)?.[1] ?? '/'
    const key = `${name};${path}`
    if (/; ?Max-Age=0/i.test(line)) this.#cookies.delete(key)
    else this.#cookies.set(key, { name, value, path, httpOnly: /; HttpOnly/i.test(line) })
  }
}

/** RFC 6265 §5.1.4. */
const isInside = (path: string, cookiePath: string) =>
  path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
