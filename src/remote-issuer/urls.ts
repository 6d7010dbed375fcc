/** Whether keys may be read from a URL: https, or http on this machine. */
export function isAllowedUrl(text: unknown): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return (protocol === 'https:' || isLoopback(text)) && username === '' && password === ''
}

/** Whether a URL is http on this machine. */
export function isLoopback(text: string): boolean {
  const { protocol, hostname } = new URL(text)
  return protocol === 'http:' && /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname)
}

/**
 * The addresses of an issuer's metadata, in the order in which they are asked: OpenID Connect Discovery §4 (after the
 * path) and RFC 8414 §3.1 (before the path).
 */
export function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}
