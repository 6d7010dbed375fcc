import type { CookieLine } from './cookie-rules.js'

interface Kept {
  readonly name: string
  readonly value: string
  readonly path: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: string
}

/** Where a request goes to, and from where. */
export interface Visit {
  readonly host: string
  readonly path: string
  readonly method: string
  /** The page that asks is of another site. */
  readonly isCrossSite?: boolean
  /** It changes what the address bar shows: a link, or a form that is sent. */
  readonly isTopLevel?: boolean
}

/** Cookies as a browser keeps them over HTTPS (RFC 6265 §5.3 and §5.4, RFC 6265bis for SameSite and name prefixes). */
export class Jar {
  readonly #kept = new Map<string, Kept>()

  get size(): number {
    return this.#kept.size
  }

  keep(lines: readonly CookieLine[], { host, path }: Pick<Visit, 'host' | 'path'>): void {
    for (const { name, value, attributes } of lines) {
      const cookie = cookieOf(name, value, attributes, host, path)
      if (!cookie || !isAllowed(cookie, host)) continue
      const key = [name, cookie.domain, cookie.path].join(';')
      if (isOver(attributes)) this.#kept.delete(key)
      else this.#kept.set(key, cookie)
    }
  }

  /** The browser is closed: what has neither Max-Age nor Expires is gone. */
  header(visit: Visit): string | undefined {
    const sent = [...this.#kept.values()].filter(cookie => isSentTo(cookie, visit))
    // Longer paths first (RFC 6265 §5.4).
    const sorted = sent.sort((a, b) => b.path.length - a.path.length)
    return sorted.length === 0 ? undefined : sorted.map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  /** What a script of the page at `path` reads under a name. */
  script(name: string, { host, path }: Pick<Visit, 'host' | 'path'>): string | undefined {
    const readable = [...this.#kept.values()].filter(cookie => !cookie.httpOnly)
    return readable.find(cookie => cookie.name === name && isFor(cookie, host, path))?.value
  }
}

function cookieOf(
  name: string,
  value: string,
  attributes: CookieLine['attributes'],
  host: string,
  path: string,
): Kept | undefined {
  const domain = attributes.domain?.replace(/^\./, '')
  if (domain !== undefined && !covers(domain, host)) return undefined
  return {
    name,
    value,
    path: attributes.path ?? (path.slice(0, path.lastIndexOf('/')) || '/'),
    domain: domain ?? host,
    hostOnly: domain === undefined,
    secure: attributes.secure !== undefined,
    httpOnly: attributes.httponly !== undefined,
    sameSite: attributes.samesite?.toLowerCase() ?? 'lax',
  }
}

function isAllowed({ name, secure, hostOnly, path, sameSite }: Kept, host: string): boolean {
  if (host === '' || (sameSite === 'none' && !secure)) return false
  if (name.startsWith('__Host-')) return secure && hostOnly && path === '/'
  return !name.startsWith('__Secure-') || secure
}

const isOver = (attributes: CookieLine['attributes']) =>
  attributes['max-age'] !== undefined
    ? Number(attributes['max-age']) <= 0
    : attributes.expires !== undefined && Date.parse(attributes.expires) <= Date.now()

const covers = (domain: string, host: string) => host === domain || host.endsWith(`.${domain}`)

function isFor({ domain, hostOnly, path }: Kept, host: string, visited: string): boolean {
  const isOfHost = hostOnly ? host === domain : covers(domain, host)
  return isOfHost && (visited === path || visited.startsWith(path.endsWith('/') ? path : `${path}/`))
}

function isSentTo(cookie: Kept, { host, path, method, isCrossSite, isTopLevel }: Visit): boolean {
  if (!isFor(cookie, host, path)) return false
  if (!isCrossSite || cookie.sameSite === 'none') return true
  return cookie.sameSite === 'lax' && isTopLevel === true && ['GET', 'HEAD', 'OPTIONS'].includes(method)
}
