import type { Client } from './app.js'

interface Kept {
  readonly name: string
  readonly value: string
  readonly host: string
  readonly hostOnly: boolean
  readonly httpOnly: boolean
  readonly sameSiteNone: boolean
}

export interface BrowserRules {
  /** Whether cookies of another site than the page's are neither kept nor sent. Default false. */
  readonly blocksThirdParties?: boolean
}

/**
 * A browser with pages of several hosts, all of which one server answers. It follows the rules for the domain and
 * `SameSite` of cookies, for `credentials` and CORS of `fetch`, and sends `Origin` and `Sec-Fetch-Site`. Paths and
 * `Secure` of cookies are not looked at.
 */
export class SiteBrowser {
  readonly #send: Client
  readonly #rules: BrowserRules
  #cookies: Kept[] = []

  constructor(send: Client, rules: BrowserRules = {}) {
    this.#send = send
    this.#rules = rules
  }

  /** What a page of `origin` has: `fetch`, and what `document.cookie` would be. */
  page(origin: string) {
    return {
      fetch: (input: string | Request, init: RequestInit) => this.#fetch(origin, new URL(String(input)), init),
      cookies: () => lineOf(this.#for(origin).filter(({ httpOnly }) => !httpOnly)),
    }
  }

  /** The `Cookie` header of a request that the address bar sends. */
  sentTo = (url: string): string => lineOf(this.#for(url))

  #for(url: string): Kept[] {
    const { hostname } = new URL(url)
    return this.#cookies.filter(({ host, hostOnly }) => isInside(hostname, host, hostOnly))
  }

  async #fetch(page: string, url: URL, init: RequestInit): Promise<Response> {
    const { method = 'GET', credentials = 'same-origin', redirect: _, ...rest } = init
    const names = [...new Headers(rest.headers).keys()]
    const relation = relationOf(page, url)
    const isOwn = relation === 'same-origin'
    if (!isOwn && needsPreflight(method, new Headers(rest.headers))) await this.#preflight(page, url, names)
    const withCookies = credentials === 'include' || (credentials === 'same-origin' && isOwn)
    const usable = ({ sameSiteNone }: Kept) =>
      withCookies && (relation !== 'cross-site' || (sameSiteNone && !this.#rules.blocksThirdParties))
    const cookie = lineOf(this.#for(url.href).filter(usable))
    const reply = await this.#send({
      method,
      path: url.pathname + url.search,
      headers: [
        ...hostLines(url),
        ['Origin', page],
        ['Sec-Fetch-Site', relation],
        ...(cookie ? [['Cookie', cookie] as const] : []),
        ...new Headers(rest.headers),
      ],
      body: String(rest.body ?? ''),
    })
    for (const line of reply.cookies) this.#keep(line, url, usable)
    if (!isOwn) checkCors(reply.headers, page)
    const type = { 'Content-Type': reply.headers['content-type'] ?? 'text/plain' }
    return new Response(reply.status === 204 ? null : reply.text, { status: reply.status, headers: type })
  }

  async #preflight(page: string, url: URL, names: readonly string[]): Promise<void> {
    const headers = [...hostLines(url), ['Origin', page], ['Access-Control-Request-Method', 'POST']] as const
    const reply = await this.#send({ method: 'OPTIONS', path: url.pathname, headers })
    checkCors(reply.headers, page)
    const allowed = String(reply.headers['access-control-allow-headers']).toLowerCase().split(/, */)
    if (!names.every(name => allowed.includes(name))) throw new TypeError('CORS')
  }

  #keep(line: string, { hostname }: URL, usable: (cookie: Kept) => boolean): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    const domain = /;\s*domain=([^;]*)/i.exec(line)?.[1]
    const cookie: Kept = {
      name,
      value,
      host: domain ?? hostname,
      hostOnly: domain === undefined,
      httpOnly: /;\s*httponly/i.test(line),
      sameSiteNone: /;\s*samesite=none/i.test(line),
    }
    if (!usable(cookie)) return
    const isSame = (other: Kept) =>
      other.name === name && other.host === cookie.host && other.hostOnly === cookie.hostOnly
    this.#cookies = this.#cookies.filter(other => !isSame(other))
    if (!/;\s*max-age=0/i.test(line)) this.#cookies.push(cookie)
  }
}

/** RFC 6265 §5.1.3. */
const isInside = (hostname: string, host: string, hostOnly: boolean) =>
  hostname === host || (!hostOnly && hostname.endsWith(`.${host}`))

const lineOf = (cookies: readonly Kept[]) => cookies.map(({ name, value }) => `${name}=${value}`).join('; ')

const hostLines = ({ host, protocol }: URL) =>
  [
    ['Host', host],
    ['X-Forwarded-Proto', protocol.slice(0, -1)],
  ] as const

const siteOf = (hostname: string) => hostname.split('.').slice(-2).join('.')

function relationOf(page: string, url: URL): 'same-origin' | 'same-site' | 'cross-site' {
  if (page === url.origin) return 'same-origin'
  return siteOf(new URL(page).hostname) === siteOf(url.hostname) ? 'same-site' : 'cross-site'
}

/** Whether CORS asks the server before a request: forms can send the others. */
const needsPreflight = (method: string, headers: Headers) =>
  !['GET', 'HEAD', 'POST'].includes(method) ||
  [...headers].some(([name, value]) => name !== 'content-type' || value === 'application/json')

/** @throws TypeError if the page must not read the answer. */
function checkCors(headers: Readonly<Record<string, unknown>>, page: string): void {
  const isAllowed = headers['access-control-allow-origin'] === page
  if (!isAllowed || headers['access-control-allow-credentials'] !== 'true') throw new TypeError('CORS')
}
