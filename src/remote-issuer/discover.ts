import { isAllowedUrl, isLoopback } from '../config/urls.js'
import { isObject } from '../config/values.js'
import { readJson, StatusError } from './read-json.js'
import { metadataUrls } from './urls.js'

/**
 * Returns the address of an issuer's key set, from its metadata (OpenID Connect Discovery §4.3, RFC 8414 §3.3).
 * @throws Error if there is no metadata, or if it is of another issuer.
 */
export async function discoverJwksUri(issuer: string, signal: AbortSignal): Promise<string> {
  const { url, metadata } = await readMetadata(issuer, signal)
  return jwksUriIn(metadata, issuer, url)
}

/** Returns the address of the key set in the metadata of an issuer, which was read from `url`. @throws Error */
export function jwksUriIn(metadata: unknown, issuer: string, url: string): string {
  if (!isObject(metadata) || metadata.issuer !== issuer) {
    throw new Error(`${url} is the metadata of another issuer; set issuer to the member issuer of that document`)
  }
  const { jwks_uri } = metadata
  // A document from the network must not make this server read from itself.
  if (isAllowedUrl(jwks_uri) && (isLoopback(issuer) || !isLoopback(jwks_uri))) return jwks_uri
  throw new Error(`${url} has no jwks_uri with https; set jwksUri`)
}

async function readMetadata(issuer: string, signal: AbortSignal): Promise<{ url: string; metadata: unknown }> {
  const [openId, oauth] = metadataUrls(issuer) as [string, string]
  try {
    return { url: openId, metadata: (await readJson(openId, signal)).value }
  } catch (error) {
    // Some servers answer paths that they do not know with 401, 403 or 405.
    if (!(error instanceof StatusError && error.status >= 400 && error.status < 500)) throw error
    return { url: oauth, metadata: (await readJson(oauth, signal)).value }
  }
}
