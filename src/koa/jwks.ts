import type { Context, Middleware } from 'koa'
import type { Internals } from '../authenticate/internals.js'
import { publicKeySet } from '../token/jwks.js'
import type { KeyRing } from '../token/keys.js'
import { publicDocument, servePublicly } from './public-document.js'

/** Makes a handler that serves the public keys as a JWK Set (media type: RFC 7517 §8.5.2). */
export function jwks(internals: Internals): Middleware {
  let served = serialise(internals.ring)
  return function jwks(ctx) {
    if (served.ring !== internals.ring) served = serialise(internals.ring)
    servePublicly(ctx as unknown as Context, served.document)
  }
}

function serialise(ring: KeyRing) {
  return { ring, document: publicDocument(publicKeySet(ring), 'application/jwk-set+json') }
}
