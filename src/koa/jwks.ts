import type { Middleware } from 'koa'
import type { Internals } from '../authenticate/internals.js'
import { publicKeySet } from '../token/jwks.js'
import type { KeyRing } from '../token/keys.js'
import { sha256 } from '../token/sha256.js'

/** Seconds: a new key is known everywhere five minutes after `setKeys`, and a key that was taken away is gone. */
const MAX_AGE = 300

/** Serves the public keys as a JWK Set (RFC 7517 §8.5.2 names the media type). */
export function jwks(internals: Internals): Middleware {
  let served = serialise(internals.ring)
  return function jwks(ctx) {
    if (served.ring !== internals.ring) served = serialise(internals.ring)
    ctx.status = 200
    ctx.set({ 'Cache-Control': `public, max-age=${MAX_AGE}`, ETag: served.etag })
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
