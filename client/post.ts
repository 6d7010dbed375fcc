import { errorOf, mediaTypeOf } from './error.js'
import { inTime } from './in-time.js'
import { objectIn } from './json.js'
import type { Settings } from './options.js'
import { type Secrets, withCookies } from './request.js'

/** What to post to a route of the server. */
export interface Post {
  readonly route: keyof Settings['paths']
  readonly headers: Secrets
  readonly body?: string
  /** Default: `TIMEOUT_MS` of the route. */
  readonly timeoutMs?: number
}

/** Other tabs wait meanwhile. A refresh that is not answered has to be repeated well before its grace period ends. */
export const TIMEOUT_MS = { login: 60_000, refresh: 3000, repeatedRefresh: 8000, logout: 8000 }

/**
 * Post, and resolve to the body of the answer; to an empty object if it is no JSON.
 * @throws AuthXClientError if the server refuses; a TimeoutError; what `fetch` throws if the server cannot be reached.
 */
export function post(
  settings: Settings,
  { route, headers, body, timeoutMs = TIMEOUT_MS[route] }: Post,
): Promise<Record<string, unknown>> {
  const url = settings.urlOf(settings.paths[route])
  return inTime(timeoutMs, async signal => {
    // A <base> that was put into the page meanwhile leads elsewhere.
    if (url.origin !== settings.origin) throw new TypeError(`paths.${route} leads to ${url.origin}`)
    const response = await settings.fetch(url.href, {
      method: 'POST',
      headers: Object.fromEntries(headers),
      // Neither a password nor a refresh token is for where a redirect leads to.
      redirect: 'error',
      ...(signal && { signal }),
      // The browser keeps the cookies of the answer although the page is closed meanwhile. A login is given up with its page.
      ...(route !== 'login' && { keepalive: true }),
      ...(settings.tokens !== 'headers' && withCookies(url, settings)),
      ...(body !== undefined && { body }),
    })
    // A page comes from a captive portal, say, and from no server of the library.
    if (!response.ok || response.redirected || mediaTypeOf(response) === 'text/html') throw await errorOf(response)
    return objectIn(await response.text())
  })
}
