import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The JSON of the answer; `{}` if it is something else. */
  readonly body: Record<string, unknown>
}

export interface Sent {
  /** Goes out as Bearer. */
  readonly token?: unknown
  readonly json?: unknown
  readonly headers?: Record<string, string>
}

/** Somebody with a browser's memory for cookies. */
export class Client {
  readonly cookies = new Map<string, string>()
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** A client of a server that an example has just opened; the server ends with the process of the test. */
  static async of(server: Server): Promise<Client> {
    if (!server.listening) await once(server, 'listening')
    return new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  }

  get(path: string, sent: Sent = {}): Promise<Answer> {
    return this.#send('GET', path, sent)
  }

  post(path: string, sent: Sent = {}): Promise<Answer> {
    return this.#send('POST', path, sent)
  }

  put(path: string, sent: Sent = {}): Promise<Answer> {
    return this.#send('PUT', path, sent)
  }

  delete(path: string, sent: Sent = {}): Promise<Answer> {
    return this.#send('DELETE', path, sent)
  }

  login(more: Record<string, unknown> = {}): Promise<Answer> {
    return this.post('/login', { json: { username: 'test', password: 'test', ...more } })
  }

  async #send(method: string, path: string, { token, json, headers }: Sent): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(this.cookies.size > 0 && { cookie: [...this.cookies].map(pair => pair.join('=')).join('; ') }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    return { status: response.status, headers: response.headers, body: toJson(await response.text()) }
  }

  #keep(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (/; Max-Age=0(;|$)/.test(line)) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

function toJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** The claims of a token, unverified. */
export function claimsOf(token: unknown): Record<string, unknown> {
  return toJson(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())
}
