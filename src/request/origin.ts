import type { IncomingMessage } from 'node:http'
import { CSRFError } from '../errors.js'

/** @throws TypeError unless `origins` is a list of origins as browsers write them. */
export function checkOrigins(origins: unknown): asserts origins is readonly string[] {
  if (Array.isArray(origins) && origins.length > 0 && origins.every(isSerialised)) return
  throw new TypeError(
    "origins must be a list of origins as browsers send them: scheme, host, and port if it is not the scheme's own, " +
      "such as 'https://app.example' or 'http://localhost:3000'; no path, no slash at the end, no wildcard",
  )
}

/** RFC 6454 §6.2. What is no web page (`chrome-extension://...`) has an origin that URL does not know of. */
function isSerialised(origin: unknown): boolean {
  if (typeof origin !== 'string' || origin.includes('*') || !URL.canParse(origin)) return false
  const url = new URL(origin)
  return (
    url.origin === origin || (url.origin === 'null' && url.host !== '' && `${url.protocol}//${url.host}` === origin)
  )
}

/**
 * A browser opens WebSockets for pages of any site, with our cookies, and no CORS stands in between. But it says whose
 * page asks (RFC 6455 §10.2), in the one spelling that an origin has: anything else does not come from a browser.
 * @throws CSRFError
 */
export function checkOrigin(request: IncomingMessage, origins: readonly string[]): void {
  const { origin } = request.headers
  if (origin === undefined) refuse('the token came in a cookie, and the request has no Origin')
  // Node makes 'a, b' of two of them, which is in no list.
  if (!origins.includes(origin)) refuse(`origins do not name the Origin ${JSON.stringify(origin.slice(0, 200))}`)
}

function refuse(cause: string): never {
  throw new CSRFError('The request comes from an origin that is not allowed', undefined, { cause })
}
