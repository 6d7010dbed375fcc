import { errorOf, mediaTypeOf } from './error.js'
import { inTime } from './in-time.js'
import { objectIn } from './json.js'
import type { Settings } from './options.js'
import { type Secrets, withCookies } from './request.js'

/** A POST request to a route of the server. */
export interface Post {
  readonly route: keyof Settings['paths']
  readonly headers: Secrets
  readonly body?: string
  /** Milliseconds. Default: `TIMEOUT_MS` of the route. */
  readonly timeoutMs?: number
}

/**
 * Timeouts in milliseconds. They are short because other tabs wait during a request, and because a refresh without a
 * response must be repeated well before the grace period ends.
 */
export const TIMEOUT_MS = { login: 60_000, refresh: 3000, repeatedRefresh: 8000, logout: 8000 }

/**
 * Sends a POST request. Resolves to the response body, or to an empty object if it is not JSON.
 * @throws AuthXClientError if the server refuses; an error named `TimeoutError` after `timeoutMs`; the error of `fetch`
 * if the server cannot be reached.
 */
export function post(
  settings: Settings,
  { route, headers, body, timeoutMs = TIMEOUT_MS[route] }: Post,
): Promise<Record<string, unknown>> {
  const url = settings.urlOf(settings.paths[route])
  return inTime(timeoutMs, async signal => {
    // A <base> element that was added to the page later can change the URL.
    if (url.origin !== settings.origin) throw new TypeError(`paths.${route} leads to ${url.origin}`)
    const response = await settings.fetch(url.href, {
      method: 'POST',
      headers: Object.fromEntries(headers),
      // A redirect must not send a password or a refresh token to another server.
      redirect: 'error',
      ...(signal && { signal }),
      // With keepalive the browser stores the cookies even if the page closes. A login has no keepalive: it is
      // cancelled when its page closes.
      ...(route !== 'login' && { keepalive: true }),
      ...(settings.tokens !== 'headers' && withCookies(url, settings)),
      ...(body !== undefined && { body }),
    })
    // An HTML page does not come from koa-authx, but for example from a captive portal.
    if (!response.ok || response.redirected || mediaTypeOf(response) === 'text/html') throw await errorOf(response)
    return objectIn(await response.text())
  })
}
