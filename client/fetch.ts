import { answerIn, FINAL, isSafe } from './http.js'
import { isLoggedIn } from './machine.js'
import { bounded } from './page.js'
import type { Session } from './session.js'

/** Sends a request of the application with the token, and once more after a refresh. */
export async function fetchWith(
  { settings, known, prepare, renew, secretsFor }: Session,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  const { tokens, headerName, origin, urlOf, fetch: send } = settings
  // Checks the shape, because some platforms have no class Request, and others have one for each frame.
  const request: Partial<Request> = Object(input).url ? (input as Request) : {}
  const url = urlOf(request.url ?? (input as string | URL))
  const target = request.url ? (request as Request) : url.href
  const { redirect = request.redirect, signal = request.signal, body } = init
  const method = (init.method ?? request.method ?? 'GET').toUpperCase()
  const own = new Headers(init.headers ?? request.headers)
  // A Request always says where it sends cookies. `same-origin` is the default.
  const credentials = init.credentials ?? request.credentials?.replace('same-origin', '')
  // The request goes elsewhere, or the caller says who sends it.
  if (url.origin !== origin || (tokens === 'cookies' ? credentials === 'omit' : own.has(headerName)))
    return send(target, init)
  // Inherited members count too, as with `fetch`: the options may be a Request.
  const members: Record<string, unknown> = {}
  for (const name in init) members[name] = init[name as keyof RequestInit]
  await bounded(() => prepare(method), 0, signal)
  // Another tab may only have said that it has refreshed: then once more, but not each time that one says so.
  for (let left = 2; ; ) {
    const since = known()
    const headers = new Headers(own)
    const secrets = Object.entries(secretsFor(method)[0] ?? {}).filter(([name]) => !own.has(name))
    for (const [name, value] of secrets) headers.set(name, value)
    const response = await send(target, {
      ...members,
      // If a redirect leads to another origin, `fetch` removes the header Authorization, but no other header.
      ...(redirect !== 'manual' && secrets.some(([name]) => !/^authorization$/i.test(name)) && { redirect: 'error' }),
      ...(!credentials && tokens === 'cookies' && { credentials: 'include' }),
      headers,
    })
    // After a redirect to another server, the response says nothing about this login.
    const isOurs = !response.redirected || new URL(response.url).origin === origin
    // A stream can be sent only once, and so can the body of a Request.
    const isRepeatable = isSafe(method) || !(body ? isStream(body) : request.bodyUsed)
    if (left < 1 || !isRepeatable || !isOurs || !/40[13]/.test(String(response.status))) return response
    const { errorType } = await answerIn(response)
    // The browser deletes an expired cookie, and the response to HEAD does not say what is wrong.
    const isMissing = method === 'HEAD' || errorType === 'MissingTokenError'
    // The login may have ended elsewhere: the refresh finds out. It also finds out which of several CSRF values is right.
    const isOver = (isMissing || FINAL.test(errorType ?? '')) && isLoggedIn(since)
    const isExpired =
      response.status === 401 ? isOver || errorType === 'TokenExpiredError' : errorType === 'CSRFError' && since.seen[1]
    const renewal = isExpired && (await bounded(() => renew(since), 0, signal))
    if (!renewal) return response
    left -= renewal === 'here' ? 2 : 1
  }
}

/** Accepts a ReadableStream of any realm, and the async iterables that Node's `fetch` sends as a stream. */
const isStream = (body: unknown) => Object(body).getReader || Object(body)[Symbol.asyncIterator]
