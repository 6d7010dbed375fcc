import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { discoverJwksUri } from './discover.js'
import type { LoadedSet, ReadSet } from './key-set.js'
import type { RemoteIssuerConfig } from './options.js'
import { readJson } from './read-json.js'

/** A discovered address is used for this long, milliseconds: the issuer may publish its keys elsewhere by then. */
const ADDRESS_KEPT_MS = 3_600_000

/** Returns a function that reads the issuer's key set, from `jwksUri` or from the address that the issuer publishes. */
export function setReader({ issuer, jwksUri, now }: Pick<RemoteIssuerConfig, 'issuer' | 'jwksUri' | 'now'>): ReadSet {
  if (jwksUri !== undefined) return signal => readSet(jwksUri, signal)
  let discovered: { readonly url: string; readonly at: number } | undefined
  return async signal => {
    const known = discovered && now() - discovered.at < ADDRESS_KEPT_MS ? discovered : undefined
    // Forgotten until the set has been read from it.
    discovered = undefined
    const address = known ?? { url: await discoverJwksUri(issuer, signal), at: now() }
    const set = await readSet(address.url, signal)
    discovered = address
    return set
  }
}

async function readSet(url: string, signal: AbortSignal): Promise<LoadedSet> {
  const { text, value } = await readJson(url, signal)
  try {
    return { text, find: createLocalJWKSet(value as JSONWebKeySet) }
  } catch (cause) {
    const advice = 'an object with a list keys; set jwksUri to the address of one'
    throw new Error(`${url} did not answer with a JWK Set, ${advice}`, { cause })
  }
}
