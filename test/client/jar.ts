/** The cookies of a browser, as far as these tests need them: one server, its paths all alike. */
export class Jar {
  readonly #cookies = new Map<string, { value: string; httpOnly: boolean }>()

  /** `fetch` with these cookies. */
  readonly fetch = async (input: string | Request, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (this.#cookies.size > 0)
      headers.set(
        'Cookie',
        this.#shown(() => true),
      )
    const response = await fetch(input, { ...init, headers })
    for (const line of response.headers.getSetCookie()) this.#set(line)
    return response
  }

  /** What `document.cookie` would be. */
  readonly cookies = (): string => this.#shown(({ httpOnly }) => !httpOnly)

  /** Another with the same cookies. */
  copy(): Jar {
    const copy = new Jar()
    for (const [name, cookie] of this.#cookies) copy.#cookies.set(name, cookie)
    return copy
  }

  /** As browsers do when a cookie's time is over. */
  drop(name: string): void {
    this.#cookies.delete(name)
  }

  #shown(shows: (cookie: { httpOnly: boolean }) => boolean): string {
    const shown = [...this.#cookies].filter(([, cookie]) => shows(cookie))
    return shown.map(([name, { value }]) => `${name}=${value}`).join('; ')
  }

  #set(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (/; Max-Age=0/i.test(line)) this.#cookies.delete(name)
    else this.#cookies.set(name, { value, httpOnly: /; HttpOnly/i.test(line) })
  }
}
