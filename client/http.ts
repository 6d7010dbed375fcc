import { objectIn } from './claims.js'
import type { Route, Settings } from './options.js'
import { bounded } from './page.js'

/** The server refused a login, a refresh or a logout, or the response is not from koa-authx. */
export class AuthXClientError extends Error {
  /** Always `AuthXClientError`. */
  override readonly name = 'AuthXClientError'
  /** HTTP status of the response. */
  declare readonly status: number
  /** `error_type` of the response, such as `RevokedTokenError`; undefined if the response is not from koa-authx. */
  declare readonly errorType: string | undefined

  constructor(status: number, errorType: string | undefined, message: string) {
    super(message)
    this.status = status
    this.errorType = errorType
  }
}

/** Returns the `errorType` of a refusal by koa-authx (401): the request had no token, or a wrong one. */
export const refusalIn = (error: unknown): string | undefined =>
  error instanceof AuthXClientError && error.status === 401 ? error.errorType : undefined

/**
 * The refusals of a refresh that end the login: the server will never accept the token again. Any other refusal
 * may be temporary: a wrong clock, a missing cookie, a gateway between client and server.
 */
export const FINAL: RegExp = /^(RevokedToken|ReusedToken|TokenExpired|TokenInvalidSignature|SubjectNotFound)Error$/

/** Whether a method, in upper or lower case, changes nothing (RFC 9110 §9.2.1): the server asks for no CSRF value. */
export const isSafe = (method: string): boolean => /^(GET|HEAD|OPTIONS|TRACE)$/i.test(method)

/** Headers that contain a token or a CSRF value. */
export type Secrets = Readonly<Record<string, string>>

/** What a response says: the members of its body, and of these the type of the error. */
export interface Answer {
  readonly errorType: string | undefined
  readonly message: unknown
  readonly body: Record<string, unknown> | undefined
}

/** Reads a response, from a copy, because the caller may read the response too. */
export async function answerIn(response: Response): Promise<Answer> {
  // Koa's own errors are plain text. Other types are not read: a stream may never end.
  const isText = /^(text\/plain|application\/json)\b/.test(response.headers.get('Content-Type') ?? '')
  const text = isText ? await response.clone().text() : ''
  const body = objectIn(text)
  const { error_type: type, message } = body ?? { message: text }
  return { errorType: typeof type === 'string' ? type : undefined, message, body }
}

/**
 * Sends a POST request. `secrets`: headers to try, one after another, as long as the server refuses the CSRF value, because
 * there can be several cookies. Resolves to the body of the response, and the headers that the server accepted.
 * @throws AuthXClientError if the server refuses, or the answer is not of the expected form; an error named
 * `TimeoutError` after `timeoutMs`; the error of `fetch` if the server cannot be reached; the reason of `stop`.
 */
export async function post(
  settings: Settings,
  route: Route,
  [secrets = {}, ...others]: readonly Secrets[],
  body?: string,
  timeoutMs = settings[`timeouts.${route}`],
  stop?: AbortSignal,
): Promise<[body: Record<string, unknown>, accepted: Secrets]> {
  const { tokens, fetch: send } = settings
  const isLogout = route === 'logout'
  const isCookies = tokens === 'cookies'
  const [{ status, ok, redirected }, { errorType, message, body: members }] = await bounded(
    async signal => {
      const response = await send(settings[`paths.${route}`], {
        method: 'POST',
        headers: { ...secrets, ...(body && { 'Content-Type': 'application/json' }) },
        // A redirect must not send a password or a refresh token to another server.
        redirect: 'error',
        // With keepalive the browser stores the cookies even if the page closes. A login has no keepalive: it is
        // cancelled when its page closes.
        ...(body ? { body } : { keepalive: true }),
        ...(tokens !== 'headers' && { credentials: 'include' }),
        ...(signal && { signal }),
      })
      return [response, await answerIn(response)] as const
    },
    timeoutMs,
    stop,
  )
  if (ok && !redirected) {
    if (status === 204 && (isCookies || isLogout)) return [{}, secrets]
    // Any other page comes from something between the client and the server, such as a captive portal.
    if (members && (isLogout || members[isCookies ? 'token_type' : 'access_token'])) return [members, secrets]
    if (members?.token_type) throw new TypeError(`tokens is '${tokens}', but the response has no access_token`)
  }
  if (others[0] && errorType === 'CSRFError') return post(settings, route, others, body, timeoutMs, stop)
  throw new AuthXClientError(status, errorType, String(message || `${status} is no answer of koa-authx`))
}
