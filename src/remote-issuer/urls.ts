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
