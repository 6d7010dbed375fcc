import { bounded } from './bounded.js'
import { objectIn } from './claims.js'
import { AuthXClientError, errorOf, refusalIn } from './error.js'
import type { Route, Settings } from './options.js'

/** Headers that contain a token or a CSRF value. */
export type Secrets = Readonly<Record<string, string>>

/** A POST request to a route of the server. */
export interface Post {
  readonly route: Route
  /** Headers to try, one after another, as long as the server refuses the CSRF value: there can be several cookies. */
  readonly secrets: readonly Secrets[]
  readonly body?: string
  readonly timeoutMs?: number
  /** Ends the request. */
  readonly stop?: AbortSignal | undefined
}

/** The body of the answer, and the headers that the server accepted. */
export interface Posted {
  readonly body: Record<string, unknown>
  readonly accepted: Secrets
}

/**
 * Sends a POST request.
 * @throws AuthXClientError if the server refuses, or the answer is not of the expected form; an error named
 * `TimeoutError` after `timeoutMs`; the error of `fetch` if the server cannot be reached.
 */
export async function post(settings: Settings, request: Post): Promise<Posted> {
  const { route, secrets, timeoutMs = settings[`timeouts.${route}`], stop } = request
  const [accepted = {}, ...others] = secrets
  try {
    return { body: await bounded(signal => exchange(settings, request, accepted, signal), timeoutMs, stop), accepted }
  } catch (error) {
    if (others.length > 0 && refusalIn(error, 403)) return post(settings, { ...request, secrets: others })
    throw error
  }
}

async function exchange(settings: Settings, { route, body }: Post, secrets: Secrets, signal: AbortSignal | undefined) {
  const response = await settings.fetch(settings.urls[route], {
    method: 'POST',
    headers: { ...secrets, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    // A redirect must not send a password or a refresh token to another server.
    redirect: 'error',
    ...(signal && { signal }),
    // With keepalive the browser stores the cookies even if the page closes. A login has no keepalive: it is cancelled
    // when its page closes.
    ...(route !== 'login' && { keepalive: true }),
    ...(settings.tokens !== 'headers' && withCookies(settings)),
    ...(body !== undefined && { body }),
  })
  if (!response.ok || response.redirected) throw await errorOf(response)
  const answer = objectIn(await response.clone().text())
  // Any other page comes from something between the client and the server, such as a captive portal.
  if (isExpected(settings, route, response.status, answer)) return answer ?? {}
  if (answer?.token_type)
    throw new TypeError(
      `tokens is '${settings.tokens}', but the response has no access_token; set tokenLocation of the server to match`,
    )
  throw new AuthXClientError(response.status, undefined, (await errorOf(response)).message)
}

function isExpected({ tokens }: Settings, route: Route, status: number, answer: Record<string, unknown> | undefined) {
  if (route !== 'logout' && tokens !== 'cookies') return typeof answer?.access_token === 'string'
  return status === 204 || (answer !== undefined && (route === 'logout' || typeof answer.token_type === 'string'))
}

/** Returns the option that makes `fetch` send cookies. By default `fetch` sends them to the origin of the page only. */
export const withCookies = ({ origin, pageOrigin }: Settings): RequestInit =>
  pageOrigin === origin ? {} : { credentials: 'include' }
