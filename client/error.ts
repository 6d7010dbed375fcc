import { objectIn } from './json.js'

/** The server refused a login, a refresh or a logout, or the response is not from koa-authx. */
export class AuthXClientError extends Error {
  /** Always `AuthXClientError`. */
  override readonly name = 'AuthXClientError'
  /** HTTP status of the response. */
  readonly status: number
  /** `error_type` of the response, such as `RevokedTokenError`; undefined if the response is not from koa-authx. */
  readonly errorType: string | undefined

  constructor(status: number, errorType: string | undefined, message: string) {
    super(message)
    this.status = status
    this.errorType = errorType
  }
}

/** The `error_type`s after which the server will never accept the refresh token again. */
const FINAL: readonly unknown[] = [
  'RevokedTokenError',
  'ReusedTokenError',
  'TokenExpiredError',
  'TokenInvalidSignatureError',
  'SubjectNotFoundError',
]

/**
 * Whether the error of a refresh ends the login. Any other refusal may be temporary: a wrong clock, a missing cookie, a
 * gateway between client and server.
 */
export const isFinal = (error: unknown): error is AuthXClientError =>
  isRefusal(error) && FINAL.includes(error.errorType)

/** Whether an error is a refusal by koa-authx (401): the request had no token, or its token was refused. */
export const isRefusal = (error: unknown): error is AuthXClientError =>
  error instanceof AuthXClientError && error.status === 401 && error.errorType !== undefined

export async function errorOf(response: Response): Promise<AuthXClientError> {
  const { errorType, message } = await explanation(response)
  const what = response.ok ? 'with a page, not like koa-authx' : response.status
  return new AuthXClientError(response.status, errorType, message || `The server answered ${what}`)
}

/** Reads `error_type` and message of a response, from a copy, because the caller may read the response too. */
export async function explanation(response: Response): Promise<{ errorType?: string; message?: string }> {
  const mediaType = mediaTypeOf(response)
  // Koa's own errors are plain text. Other types are not read: a stream may never end.
  if (mediaType !== 'text/plain' && mediaType !== 'application/json') return {}
  const text = await response.clone().text()
  if (mediaType === 'text/plain') return { message: text }
  const body = objectIn(text)
  return {
    ...(typeof body.error_type === 'string' && { errorType: body.error_type }),
    ...(typeof body.message === 'string' && { message: body.message }),
  }
}

export const mediaTypeOf = ({ headers }: Response): string | undefined =>
  headers.get('Content-Type')?.split(';')[0]?.trim()
