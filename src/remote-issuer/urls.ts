/** Whether keys may be read from a URL: https, or http on this machine. */
export function isAllowedUrl(text: unknown): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(text))
  return isSafe && username === '' && password === ''
}

const LOOPBACK_NAME = /^(?:.+\.)?localhost\.?$/
/** Addresses of this machine as `URL` writes them. The unspecified address leads there too. */
const LOOPBACK_ADDRESS = /^(?:127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]|\[::ffff:(?:7f[\da-f]{2}:[\da-f]{1,4}|0:0)\])$/

/** Whether a URL is on this machine. */
export function isLoopback(text: string): boolean {
  const { hostname } = new URL(text)
  return LOOPBACK_NAME.test(hostname) || LOOPBACK_ADDRESS.test(hostname)
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
