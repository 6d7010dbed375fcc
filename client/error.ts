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

/** Whether there is no login any more; everything else, the 401 of a gateway too, may be better the next time. */
export function isOver(error: unknown): error is AuthXClientError {
  return error instanceof AuthXClientError && error.status === 401 && error.errorType !== undefined
}

export async function errorOf(response: Response): Promise<AuthXClientError> {
  const { errorType, message } = await explanation(response)
  return new AuthXClientError(response.status, errorType, message || `The server answered ${response.status}`)
}

/** What a response says about why, read from a copy: the caller may want to read it too. */
export async function explanation(response: Response): Promise<{ errorType?: string; message?: string }> {
  const mediaType = response.headers.get('Content-Type')?.split(';')[0]?.trim()
  const text = await response.clone().text()
  // Koa's own errors are plain text.
  if (mediaType === 'text/plain') return { message: text }
  if (mediaType !== 'application/json') return {}
  const body = objectIn(text)
  return {
    ...(typeof body.error_type === 'string' && { errorType: body.error_type }),
    ...(typeof body.message === 'string' && { message: body.message }),
  }
}
