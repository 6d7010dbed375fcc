import { bounded } from './bounded.js'
import { explanation } from './error.js'
import { type Secrets, withCookies } from './http.js'
import type { Settings } from './options.js'
import { page } from './page.js'
import type { Session } from './session.js'

/** A request of the application. The client may send it several times. */
interface OutgoingRequest {
  readonly method: string
  readonly signal: AbortSignal | null | undefined
  /** Whether the request is none of the client's business: it goes elsewhere, or has a token of the caller's own. */
  readonly isForeign: boolean
  /** Whether the request can be sent again. A stream can be sent only once. */
  readonly isRepeatable: boolean
  /** Sends the request with its own headers and `secrets`. */
  send(secrets: Secrets): Promise<Response>
}

/** Sends a request of the application with the token, and once more after a refresh. */
export async function fetchWith(
  session: Session,
  settings: Settings,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  const request = await outgoing(input, init, settings)
  const { method, signal, isForeign, isRepeatable } = request
  if (isForeign) return request.send({})
  await bounded(() => session.prepare(), 0, signal)
  for (let isRenewed = false; ; ) {
    const since = session.known
    const response = await sendFitting(request, session.secretsFor(method))
    if (isRenewed || !isRepeatable || !(await isOutOfTime(response, method, session, settings))) return response
    const renewal = await bounded(() => session.renew(since), 0, signal)
    if (!renewal) return response
    // Another tab may only have said that it has refreshed.
    isRenewed = renewal === 'here'
  }
}

/** Tries each CSRF value until the server accepts one. */
async function sendFitting(request: OutgoingRequest, [secrets = {}, ...others]: readonly Secrets[]): Promise<Response> {
  const response = await request.send(secrets)
  if (response.status !== 403 || others.length === 0 || !request.isRepeatable) return response
  return (await explanation(response)).errorType === 'CSRFError' ? sendFitting(request, others) : response
}

/** Whether the access token has expired, or the browser has deleted its expired cookie. */
async function isOutOfTime(
  response: Response,
  method: string,
  session: Session,
  { origin }: Settings,
): Promise<boolean> {
  // After a redirect to another server, the response says nothing about this login.
  const isOurs = !response.redirected || new URL(response.url).origin === origin
  if (response.status !== 401 || !isOurs) return false
  // The response to HEAD has no body that could say more.
  const { errorType } = method === 'HEAD' ? { errorType: 'MissingTokenError' } : await explanation(response)
  return errorType === 'TokenExpiredError' || (errorType === 'MissingTokenError' && session.isLoggedIn)
}

/** Prepares a request from the arguments of `fetch`. @throws TypeError for an invalid URL, like `fetch`. */
async function outgoing(
  input: string | URL | Request,
  init: RequestInit,
  settings: Settings,
): Promise<OutgoingRequest> {
  const { tokens, headerName, origin } = settings
  const request = isRequest(input) ? input : undefined
  const url = settings.urlOf(request ? request.url : (input as string | URL))
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase()
  const own = new Headers(init.headers ?? request?.headers)
  const { redirect = request?.redirect, signal = request?.signal } = init
  // A Request always says where it sends cookies. `same-origin` is the default.
  const credentials = init.credentials ?? (request?.credentials === 'same-origin' ? undefined : request?.credentials)
  const isAlien = request && !(page.Request && request instanceof page.Request)
  // The platform does not accept a Request of another realm, such as a frame.
  const options = isAlien ? { ...(await copyOf(request, method)), ...init } : init
  const target = request && !isAlien ? request : url.href
  return {
    method,
    signal,
    isForeign: url.origin !== origin || (tokens === 'cookies' ? credentials === 'omit' : own.has(headerName)),
    isRepeatable: isRepeatable(options, isAlien ? undefined : request, method),
    send(secrets) {
      const headers = new Headers(own)
      const added = Object.entries(secrets).filter(([name]) => !own.has(name))
      for (const [name, value] of added) headers.set(name, value)
      // If a redirect leads to another origin, `fetch` removes the header Authorization, but no other header.
      const mayFollow = redirect === 'manual' || added.every(([name]) => /^authorization$/i.test(name))
      return settings.fetch(target, {
        ...options,
        ...(!mayFollow && { redirect: 'error' }),
        ...(url.origin === origin && !credentials && tokens === 'cookies' && withCookies(settings)),
        headers,
      })
    },
  }
}

/** Checks the shape, because some platforms have no class Request, and some have two. */
const isRequest = (input: string | URL | Request | null): input is Request => Boolean((input as Request | null)?.url)

async function copyOf(request: Request, method: string): Promise<RequestInit> {
  const { redirect, credentials, signal, cache, integrity, keepalive, referrerPolicy } = request
  const body = isSafe(method) ? {} : { body: await request.arrayBuffer() }
  return { method, redirect, credentials, signal, cache, integrity, keepalive, referrerPolicy, ...body }
}

/**
 * Whether the request can be sent a second time. A body that is a stream can be sent only once. A Request does not show
 * whether its body is a stream. In some browsers it does not even show whether it has a body.
 */
function isRepeatable({ body }: RequestInit, request: Request | undefined, method: string): boolean {
  if (body !== undefined && body !== null) return !isStream(body)
  return !request || request.body === null || isSafe(method)
}

/** Whether a method changes nothing (RFC 9110 §9.2.1): the server asks for no CSRF value. */
export const isSafe = (method: string): boolean => /^(GET|HEAD|OPTIONS|TRACE)$/.test(method)

/** Accepts a ReadableStream of any realm, and the async iterables that Node's `fetch` sends as a stream. */
const isStream = (body: object | string) =>
  typeof body === 'object' && ('getReader' in body || Symbol.asyncIterator in body)
