import { type OutgoingHttpHeaders, request } from 'node:http'

/** A page that a browser shows. */
export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

interface Kept {
  readonly value: string
  readonly sameSite: string
}

interface Navigation {
  readonly method: 'GET' | 'POST'
  readonly body?: URLSearchParams
  /** The origin of the page with the link or form. `undefined`: the address bar. */
  readonly from: string | undefined
}

const REDIRECTS = [301, 302, 303, 307, 308]

/**
 * A browser that goes from page to page of several servers: it follows redirects, keeps the cookies of each origin,
 * heeds their `SameSite`, and sends `Sec-Fetch-Site`. Each origin counts as a site of its own. It runs no script, and
 * does not look at paths and `Secure` of cookies.
 */
export class LinkBrowser {
  readonly #cookies = new Map<string, Map<string, Kept>>()
  /** The origins where it stops instead of following a redirect to them. */
  readonly #stops = new Set<string>()
  /** The `Set-Cookie` lines of all answers, the newest last. */
  readonly setCookies: string[] = []

  /** Opens a page, by a link of a page of `from`, or by the address bar. */
  open(url: string | URL, from?: string): Promise<Page> {
    return this.#go(new URL(url), { method: 'GET', from })
  }

  /** Sends a form of a page of `from`. */
  post(url: string | URL, fields: Record<string, string>, from: string): Promise<Page> {
    return this.#go(new URL(url), { method: 'POST', body: new URLSearchParams(fields), from })
  }

  /** Sends the first form of a page with its hidden fields. */
  submit({ url, text }: Page): Promise<Page> {
    const [, action = ''] = /<form[^>]* action="([^"]*)"/.exec(text) ?? []
    const inputs = [...text.matchAll(/<input[^>]* name="([^"]*)"[^>]* value="([^"]*)"/g)]
    const fields = Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, value]))
    return this.post(new URL(action, url), fields, url.origin)
  }

  /** Opens a page and returns the address that it is redirected to, without going there. */
  async addressAfter(url: string | URL, from?: string): Promise<URL> {
    const answer = await this.#ask(new URL(url), { method: 'GET', from }, new Set(from ? [from] : []))
    return new URL(answer.headers.get('location') ?? '', url)
  }

  /** Follows redirects until one of them leads to an address that begins with `prefix`, and returns this address. */
  async addressAt(url: string | URL, prefix: string, from?: string): Promise<URL> {
    this.#stops.add(prefix)
    try {
      return (await this.open(url, from)).url
    } finally {
      this.#stops.delete(prefix)
    }
  }

  /** The cookies of an origin, by name. */
  cookies(origin: string): Record<string, string> {
    return Object.fromEntries([...(this.#cookies.get(origin) ?? [])].map(([name, { value }]) => [name, value]))
  }

  async #go(start: URL, navigation: Navigation): Promise<Page> {
    let [url, { method, body }] = [start, navigation]
    const sites = new Set(navigation.from === undefined ? [] : [navigation.from])
    for (let hops = 0; hops < 20; hops++) {
      const sent = { method, from: navigation.from, ...(body && { body }) }
      const answer = await this.#ask(url, sent, sites)
      const location = answer.headers.get('location')
      if (!REDIRECTS.includes(answer.status) || location === null)
        return { url, status: answer.status, headers: answer.headers, text: await answer.text() }
      sites.add(url.origin)
      url = new URL(location, url)
      const { status, headers } = answer
      if ([...this.#stops].some(prefix => url.href.startsWith(prefix))) return { url, status, headers, text: '' }
      if (status < 307) [method, body] = ['GET', undefined]
    }
    throw new Error(`too many redirects, the last to ${url}`)
  }

  async #ask(url: URL, { method, body, from }: Navigation, sites: ReadonlySet<string>): Promise<Response> {
    const isCrossSite = [...sites].some(origin => origin !== url.origin)
    const cookie = this.#cookieLine(url.origin, isCrossSite, method)
    const answer = await send(url, method, `${body ?? ''}`, {
      accept: 'text/html,*/*;q=0.8',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-site': isCrossSite ? 'cross-site' : from === undefined ? 'none' : 'same-origin',
      ...(method === 'POST' && { origin: isCrossSite ? 'null' : url.origin }),
      ...(body && { 'content-type': 'application/x-www-form-urlencoded' }),
      ...(cookie !== '' && { cookie }),
    })
    for (const line of answer.headers.getSetCookie()) this.#keep(url.origin, line)
    return answer
  }

  #cookieLine(origin: string, isCrossSite: boolean, method: string): string {
    const isSent = ({ sameSite }: Kept) =>
      !isCrossSite || sameSite === 'none' || (sameSite === 'lax' && method === 'GET')
    const sent = [...(this.#cookies.get(origin) ?? [])].filter(([, kept]) => isSent(kept))
    return sent.map(([name, { value }]) => `${name}=${value}`).join('; ')
  }

  #keep(origin: string, line: string): void {
    this.setCookies.push(line)
    const jar = this.#cookies.get(origin) ?? new Map<string, Kept>()
    this.#cookies.set(origin, jar)
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const [, expires] = /;\s*expires=([^;]*)/i.exec(line) ?? []
    const isOver = /;\s*max-age=0/i.test(line) || (expires !== undefined && Date.parse(expires) <= Date.now())
    const [, sameSite = 'lax'] = /;\s*samesite=(\w+)/i.exec(line.toLowerCase()) ?? []
    if (isOver) jar.delete(name)
    else jar.set(name, { value, sameSite })
  }
}

/** Not with fetch, which says in `Sec-Fetch-Mode` that it is a script. */
function send(url: URL, method: string, body: string, headers: OutgoingHttpHeaders): Promise<Response> {
  return new Promise((resolve, reject) => {
    const length = { 'content-length': Buffer.byteLength(body) }
    const outgoing = request(url, { method, agent: false, headers: { ...headers, ...length } }, async incoming => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const received = new Headers()
      for (const [name, values] of Object.entries(incoming.headersDistinct)) {
        for (const value of values ?? []) received.append(name, value)
      }
      const { statusCode: status = 0 } = incoming
      const text = [204, 304].includes(status) ? null : Buffer.concat(chunks).toString()
      resolve(new Response(text, { status, headers: received }))
    })
    outgoing.once('error', reject).end(body)
  })
}
