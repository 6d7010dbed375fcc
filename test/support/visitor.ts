import type { Client, Reply } from './app.js'
import { Browser } from './cookie-browser.js'

type Headers = readonly (readonly [name: string, value: string])[]

/** What browsers send with a link, the address bar or a form of the own page. */
export const NAVIGATION: Headers = [
  ['Accept', 'text/html,application/xhtml+xml,*/*;q=0.8'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Site', 'same-origin'],
]

/** Somebody who looks at pages: keeps cookies, follows no redirect and runs no script. */
export class Visitor {
  readonly #send: Client
  #browser = new Browser('127.0.0.1')

  constructor(send: Client) {
    this.#send = send
  }

  /** Loads a page, by a link or the address bar unless `headers` says something else. */
  visit(path: string, headers: Headers = NAVIGATION, method = 'GET'): Promise<Reply> {
    return this.#ask({ path, headers, method })
  }

  /** Sends a form. */
  submit(path: string, fields: Record<string, string> = {}, headers: Headers = NAVIGATION): Promise<Reply> {
    const form = ['Content-Type', 'application/x-www-form-urlencoded'] as const
    return this.#ask({ path, headers: [...headers, form], method: 'POST', body: `${new URLSearchParams(fields)}` })
  }

  /** Loads a page whose response the browser never gets: it keeps the cookies that it has. */
  loseAnswer(path: string): Promise<Reply> {
    return this.#send({ path, headers: [...NAVIGATION, ...this.#browser.headersFor(path)] })
  }

  /** Keeps the cookies of these `Set-Cookie` lines. */
  take(lines: readonly string[]): void {
    this.#browser.take(lines, '/')
  }

  /** The cookies that a request for `path` carries, by name. */
  cookies(path = '/'): Record<string, string> {
    const [, text = ''] = this.#browser.headersFor(path)[0] ?? []
    return Object.fromEntries(
      text
        .split('; ')
        .filter(Boolean)
        .map(pair => pair.split('=') as [string, string]),
    )
  }

  async #ask(sent: { path: string; headers: Headers; method: string; body?: string }): Promise<Reply> {
    const reply = await this.#send({
      ...sent,
      headers: [...sent.headers, ...this.#browser.headersFor(sent.path.split('?')[0] ?? '/')],
    })
    this.#browser.take(reply.cookies, sent.path)
    return reply
  }
}
