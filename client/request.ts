import type { Settings } from './options.js'

/** Headers that hold a token or a CSRF value. */
export type Secrets = readonly (readonly [name: string, value: string])[]

/** A request of the application, which may have to go out twice. */
export interface OutgoingRequest {
  readonly url: URL
  /** What to give to `fetch`. */
  readonly target: string | Request
  readonly method: string
  /** Whether it can be sent again: a stream is gone once it was sent. */
  readonly repeatable: boolean
  /** Send it with these headers besides its own. */
  send(secrets: Secrets): Promise<Response>
}

/** @throws TypeError as `fetch` does. */
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

/** By its form: some platforms have no Request, and some a second one. */
const isRequest = (input: string | URL | Request | null): input is Request => Boolean((input as Request | null)?.url)

/** A Request does not tell what its body was made of. Some browsers do not even tell whether it has one. */
function isRepeatable({ body }: RequestInit, request: Request | undefined, method: string): boolean {
  if (body !== undefined && body !== null) return !isStream(body)
  return !request || request.body === null || method === 'GET' || method === 'HEAD'
}

/** A ReadableStream, of this realm or another; or what Node sends piece by piece, too. */
const isStream = (body: object | string) =>
  typeof body === 'object' && ('getReader' in body || Symbol.asyncIterator in body)

/** What has to be so of a request, whatever its caller says: secrets go to no other origin, and cookies go along. */
function guarded(url: URL, secrets: Secrets, { redirect, credentials }: RequestInit, settings: Settings): RequestInit {
  // When a redirect leads to another origin `fetch` drops the header Authorization, and no other.
  const mayFollow = redirect === 'manual' || secrets.every(([name]) => name.toLowerCase() === 'authorization')
  return {
    ...(!mayFollow && { redirect: 'error' }),
    ...(!credentials && settings.tokens === 'cookies' && withCookies(url, settings)),
  }
}

/** `fetch` sends cookies to the origin of the page by itself, and to no other. */
export function withCookies({ origin }: URL, { pageOrigin }: Settings): RequestInit {
  return pageOrigin === origin ? {} : { credentials: 'include' }
}
