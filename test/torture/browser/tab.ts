import type { RawAnswer } from '../reference/raw-client.js'
import type { CookieRules } from './cookie-rules.js'
import { linesOf } from './cookies-matrix.js'
import { Jar, type Visit } from './jar.js'
import type { Site } from './site.js'

/** Whom the browser takes the site for. */
export const HOST = 'www.example.com'

/** A browser that keeps cookies, and a page in it whose scripts read the CSRF value there, or remember it. */
export class Tab {
  readonly jar = new Jar()
  readonly #site: Site
  readonly #rules: CookieRules
  #fromBody = ''

  constructor(site: Site, rules: CookieRules) {
    this.#site = site
    this.#rules = rules
  }

  /** What our own page does: it repeats the value that belongs to a type of token. */
  async fetch(method: string, path: string, kind: 'access' | 'refresh'): Promise<RawAnswer> {
    const name = this.#rules[kind === 'access' ? 'accessCsrfCookieName' : 'refreshCsrfCookieName']
    const read = this.#rules.csrfInCookies ? this.jar.script(name, { host: HOST, path: '/' }) : this.#fromBody
    const answer = await this.#send({ host: HOST, path, method }, read === undefined ? [] : [`X-CSRF-TOKEN: ${read}`])
    if (answer.status === 200 && path.startsWith('/auth')) this.#remember(answer)
    return answer
  }

  /** What a page of another site does: it knows nothing, and guesses. */
  strike(visit: Omit<Visit, 'host'>, lines: readonly string[], body?: string): Promise<RawAnswer> {
    const form = body === undefined ? [] : ['Content-Type: application/x-www-form-urlencoded']
    return this.#send({ host: HOST, ...visit }, [...lines, ...form, 'Origin: https://evil.example'], body)
  }

  async #send(visit: Visit, lines: readonly string[], body = ''): Promise<RawAnswer> {
    const cookies = this.jar.header(visit)
    const answer = await this.#site.send({
      method: visit.method,
      target: visit.path,
      lines: [...(cookies === undefined ? [] : [`Cookie: ${cookies}`]), ...lines],
      body: Buffer.from(body),
    })
    this.jar.keep(linesOf(answer), visit)
    return answer
  }

  #remember({ body }: RawAnswer): void {
    const { csrf_token } = JSON.parse(body) as { csrf_token?: string }
    this.#fromBody = csrf_token ?? this.#fromBody
  }
}
