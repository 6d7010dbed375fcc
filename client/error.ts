import { objectIn } from './json.js'

/** The server has answered a login, a refresh or a logout with something else than success. */
export class AuthXClientError extends Error {
  /** `AuthXClientError`. */
  override readonly name = 'AuthXClientError'
  /** The status of the answer. */
  readonly status: number
  /** The `error_type` of the answer, such as `RevokedTokenError`; undefined if the answer was none of the library's. */
  readonly errorType: string | undefined

  constructor(status: number, errorType: string | undefined, message: string) {
    super(message)
    this.status = status
    this.errorType = errorType
  }
}

/** What a server says of a refresh token that it will never take again. */
const FINAL: readonly unknown[] = [
  'RevokedTokenError',
  'ReusedTokenError',
  'TokenExpiredError',
  'TokenInvalidSignatureError',
  'SubjectNotFoundError',
]

/**
 * Whether this answer to a refresh ends the login. Everything else may be better the next time: a clock may be wrong, a
 * cookie held back, a gateway in the way.
 */
export const isFinal = (error: unknown): error is AuthXClientError =>
  isRefusal(error) && FINAL.includes(error.errorType)

/** Whether the library refused the token of the request, or missed one. */
export const isRefusal = (error: unknown): error is AuthXClientError =>
  error instanceof AuthXClientError && error.status === 401 && error.errorType !== undefined

export async function errorOf(response: Response): Promise<AuthXClientError> {
  const { errorType, message } = await explanation(response)
  const what = response.ok ? 'with a page, and not as koa-authx does' : response.status
  return new AuthXClientError(response.status, errorType, message || `The server answered ${what}`)
}

/** What a response says about why, read from a copy: the caller may want to read it too. */
export async function explanation(response: Response): Promise<{ errorType?: string; message?: string }> {
  const mediaType = mediaTypeOf(response)
  // Koa's own errors are plain text. A stream has no end.
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
