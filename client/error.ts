import { objectIn } from './claims.js'

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
const FINAL = /^(RevokedToken|ReusedToken|TokenExpired|TokenInvalidSignature|SubjectNotFound)Error$/

/** Returns the `errorType` of a refusal by koa-authx: a request with this status had no token, or a wrong one. */
export const refusalIn = (error: unknown, status = 401): string | undefined =>
  error instanceof AuthXClientError && error.status === status ? error.errorType : undefined

/**
 * Whether the error of a refresh ends the login. Any other refusal may be temporary: a wrong clock, a missing cookie, a
 * gateway between client and server.
 */
export const isFinal = (error: unknown): boolean => FINAL.test(refusalIn(error) ?? '')

export async function errorOf(response: Response): Promise<AuthXClientError> {
  const { errorType, message } = await explanation(response)
  return new AuthXClientError(response.status, errorType, message || `${response.status} is not an answer of koa-authx`)
}

/** Reads `error_type` and message of a response, from a copy, because the caller may read the response too. */
export async function explanation(response: Response): Promise<{ errorType?: string; message?: string }> {
  const mediaType = response.headers.get('Content-Type') ?? ''
  // Koa's own errors are plain text. Other types are not read: a stream may never end.
  if (!/^(text\/plain|application\/json)\b/.test(mediaType)) return {}
  const text = await response.clone().text()
  if (mediaType.startsWith('t')) return { message: text }
  const { error_type: errorType, message } = objectIn(text) ?? {}
  return {
    ...(typeof errorType === 'string' && { errorType }),
    ...(typeof message === 'string' && { message }),
  }
}
