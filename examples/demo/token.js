/** What the page knows about its access token, and how the time of this token runs out. */
import { ask, client } from './api.js'
import { SAYS } from './sentences.js'
import { showClaims, showLife, tell } from './view.js'

/** Claims of the access token, once known, and its end in milliseconds on the clock of this machine. */
let claims
let endsAt = 0
let saidThatItRanOut = false

/** Shows the claims of the current access token, and returns them. */
export async function learnClaims() {
  const before = claims
  claims = client.claims ?? (await ask('/claims'))
  if (claims.jti === before?.jti) return claims
  // The clock of this machine may differ from the server's clock.
  endsAt = Date.now() + (claims.exp - claims.iat) * 1000
  saidThatItRanOut = false
  showClaims(claims, before)
  tick()
  return claims
}

export function forgetClaims() {
  claims = undefined
}

function tick() {
  if (!claims) return
  const left = (endsAt - Date.now()) / 1000
  showLife(claims.exp - claims.iat, left)
  if (left > 0 || saidThatItRanOut) return
  saidThatItRanOut = true
  tell(SAYS.expired)
}
setInterval(tick, 250)
