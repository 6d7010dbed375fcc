import type { Middleware } from 'koa'
import type { Internals } from '../authenticate/internals.js'
import { publicKeySet } from '../token/jwks.js'
import type { KeyRing } from '../token/keys.js'
import { sha256 } from '../token/sha256.js'

/**
 * How long clients may cache the keys. Five minutes after `setKeys`, all clients have the new keys and no removed key.
 */
const MAX_AGE_SECONDS = 300

/** Makes a handler that serves the public keys as a JWK Set (media type: RFC 7517 §8.5.2). */
export function jwks(internals: Internals): Middleware {
  let served = serialise(internals.ring)
  return function jwks(ctx) {
    if (served.ring !== internals.ring) served = serialise(internals.ring)
    ctx.status = 200
    ctx.set({ 'Cache-Control': `public, max-age=${MAX_AGE_SECONDS}`, ETag: served.etag })
    if (ctx.fresh) {
      ctx.status = 304
      return
    }
    ctx.set('Content-Type', 'application/jwk-set+json')
    ctx.body = served.text
  }
}

function serialise(ring: KeyRing) {
  const text = JSON.stringify(publicKeySet(ring))
  return { ring, text, etag: `"${sha256(text)}"` }
}
