/** A cookie as a browser keeps it (RFC 6265 §5.3): by name, domain and path. */
interface Kept {
  readonly name: string
  readonly value: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
}

/** The cookies of a browser that visits one host. `Secure` and `SameSite` are not looked at. */
export class Browser {
  readonly #host: string
  #cookies: Kept[] = []

  constructor(host: string) {
    this.#host = host
  }

  /** Keep, replace and drop what `Set-Cookie` lines say. */
  take(lines: readonly string[], path: string): void {
    for (const line of lines) {
      const cookie = keptFrom(line, this.#host, path)
      this.#cookies = this.#cookies.filter(other => !isSame(other, cookie))
      if (!/;\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(line)) this.#cookies.push(cookie)
    }
  }

  /** The lines of a request: cookies with longer paths first (§5.4), and the value of the CSRF cookie, if one is named. */
  headersFor(path: string, csrfCookie?: string): (readonly [name: string, value: string])[] {
    const sent = this.#cookies.filter(
      cookie => path === cookie.path || path.startsWith(cookie.path.replace(/\/?$/, '/')),
    )
    sent.sort((a, b) => b.path.length - a.path.length)
    const csrf = sent.find(({ name }) => name === csrfCookie)
    return [
      ...(sent.length > 0 ? [['Cookie', sent.map(({ name, value }) => `${name}=${value}`).join('; ')] as const] : []),
      ...(csrf ? [['X-CSRF-TOKEN', decodeURIComponent(csrf.value)] as const] : []),
    ]
  }

  names(): string[] {
    return this.#cookies.map(({ name }) => name)
  }
}

function keptFrom(line: string, host: string, path: string): Kept {
  const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(line) ?? []
  const attribute = (of: string) => new RegExp(`;\\s*${of}=([^;]*)`, 'i').exec(line)?.[1]
  const domain = attribute('domain')?.replace(/^\./, '').toLowerCase()
  const defaultPath = path.slice(0, path.lastIndexOf('/')) || '/'
  return { name, value, domain: domain ?? host, hostOnly: domain === undefined, path: attribute('path') ?? defaultPath }
}

const isSame = (one: Kept, other: Kept) =>
  one.name === other.name && one.domain === other.domain && one.hostOnly === other.hostOnly && one.path === other.path
