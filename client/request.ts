import type { Settings } from './options.js'

/** Headers that contain a token or a CSRF value. */
export type Secrets = readonly (readonly [name: string, value: string])[]

/** A request of the application. The client may send it twice. */
export interface OutgoingRequest {
  readonly url: URL
  /** First argument of `fetch`. */
  readonly target: string | Request
  readonly method: string
  /** Whether the request can be sent again. A stream can be sent only once. */
  readonly repeatable: boolean
  /** Sends the request with its own headers and `secrets`. */
  send(secrets: Secrets): Promise<Response>
}

/** Prepares a request from the arguments of `fetch`. @throws TypeError for an invalid URL, like `fetch`. */
export function outgoing(input: string | URL | Request, init: RequestInit, settings: Settings): OutgoingRequest {
  const request = isRequest(input) ? input : undefined
  const url = settings.urlOf(request ? request.url : (input as string | URL))
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase()
  const target = request ?? url.href
  return {
    url,
    target,
    method,
    repeatable: isRepeatable(init, request, method),
    send(secrets) {
      const headers = new Headers(init.headers ?? request?.headers)
      for (const [name, value] of secrets) headers.set(name, value)
      return settings.fetch(target, { ...init, ...guarded(url, secrets, init, settings), headers })
    },
  }
}

/** Checks the shape, because some platforms have no class Request, and some have two. */
const isRequest = (input: string | URL | Request | null): input is Request => Boolean((input as Request | null)?.url)

/**
 * Whether the request can be sent a second time. A body that is a stream can be sent only once. A Request does not show
 * whether its body is a stream. In some browsers it does not even show whether it has a body.
 */
function isRepeatable({ body }: RequestInit, request: Request | undefined, method: string): boolean {
  if (body !== undefined && body !== null) return !isStream(body)
  return !request || request.body === null || method === 'GET' || method === 'HEAD'
}

/** Accepts a ReadableStream of any realm, and the async iterables that Node's `fetch` sends as a stream. */
const isStream = (body: object | string) =>
  typeof body === 'object' && ('getReader' in body || Symbol.asyncIterator in body)

/**
 * Returns options that override the caller's options, so that secrets never go to another origin and cookies are sent.
 */
function guarded(url: URL, secrets: Secrets, { redirect, credentials }: RequestInit, settings: Settings): RequestInit {
  // If a redirect leads to another origin, `fetch` removes the header Authorization, but no other header.
  const mayFollow = redirect === 'manual' || secrets.every(([name]) => name.toLowerCase() === 'authorization')
  return {
    ...(!mayFollow && { redirect: 'error' }),
    ...(!credentials && settings.tokens === 'cookies' && withCookies(url, settings)),
  }
}

/** Returns the option that makes `fetch` send cookies. By default `fetch` sends them to the origin of the page only. */
export function withCookies({ origin }: URL, { pageOrigin }: Settings): RequestInit {
  return pageOrigin === origin ? {} : { credentials: 'include' }
}
