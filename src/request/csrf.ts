import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import { CSRFError, MissingCSRFTokenError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import { sameBytes } from '../token/same-bytes.js'
import { hasUnparsedBody, isForm, parsedBody, warnAboutBody } from './body.js'
import type { RequestContext } from './context.js'
import { csrfHeader } from './csrf-header.js'
import type { Candidate } from './locate.js'
import { isSafeMethod } from './methods.js'
import { isFromOtherPage, isFromOwnPage } from './origin.js'

/** Whether guards protect requests with this method (in capitals) against other sites. */
export const isCsrfMethod = (method: string, { csrfMethods }: Pick<Config, 'csrfMethods'>): boolean =>
  csrfMethods ? csrfMethods.includes(method) : !isSafeMethod(method)

/**
 * Reject a token from a cookie if a page of another site may have made the browser send it. With `csrfCheck: 'origin'`
 * the headers of the browser decide. Otherwise, and without these headers, the request must have the CSRF value (signed
 * double submit): only a script of our own origin can send the value that is in the signed token. Tokens from other
 * locations always pass.
 * @param demanded whether to check. Default: only if the method is one of `csrfMethods`.
 * @throws MissingCSRFTokenError, CSRFError
 */
export function checkCsrf(
  ctx: RequestContext,
  { location, type }: Pick<Candidate, 'location' | 'type'>,
  payload: Pick<TokenPayload, 'csrf'>,
  config: Config,
  demanded?: boolean,
): void {
  if (location !== 'cookies' || !config.cookieCsrfProtect) return
  if (!(demanded ?? isCsrfMethod(ctx.method, config))) return
  if (config.csrfCheck === 'origin' && isFromOwnPage(ctx, config)) return
  const sent = sentValue(ctx, type, config)
  if (!payload.csrf || typeof payload.csrf !== 'string') throw new MissingCSRFTokenError({ cause: NO_VALUE })
  if (sent === undefined) throw new MissingCSRFTokenError()
  if (!sameBytes(sent, Buffer.from(payload.csrf))) throw new CSRFError()
}

/** Returns why another site may have made the browser send a token. `undefined` if no other site can have done so. */
export function csrfFault(
  ctx: RequestContext,
  located: Pick<Candidate, 'location' | 'type'>,
  payload: Pick<TokenPayload, 'csrf'>,
  config: Config,
): CSRFError | undefined {
  try {
    checkCsrf(ctx, located, payload, config, true)
    return undefined
  } catch (error) {
    if (error instanceof CSRFError) return error
    throw error
  }
}

/**
 * Whether a request proves that no page of another site has made the browser send it, by its cookie with the token of
 * `payload`: it passes `checkCsrf`. If the browser says that the request is from another page, only a CSRF header is
 * proof: a page of another site cannot add a header, unless the application allows it by CORS.
 */
export function provesOwnPage(
  ctx: RequestContext,
  cookie: Pick<Candidate, 'location' | 'type'>,
  payload: Pick<TokenPayload, 'csrf'>,
  config: Config,
): boolean {
  if (csrfFault(ctx, cookie, payload, config)) return false
  return (
    !config.cookieCsrfProtect || csrfHeader(ctx, cookie.type, config) !== undefined || !isFromOtherPage(ctx, config)
  )
}

const NO_VALUE =
  "the token in the cookie has no CSRF value, so none can match: with csrfCheck 'origin', tokens need none"

function sentValue(ctx: RequestContext, type: TokenType, config: Config): Buffer | undefined {
  const header = csrfHeader(ctx, type, config)
  // Node decodes header values as latin1. A repeated header becomes 'a, b', which never matches.
  if (header !== undefined) return Buffer.from(header, 'latin1')
  if (!config.csrfCheckForm) return undefined
  if (isForm(ctx) && hasUnparsedBody(ctx)) warnAboutBody()
  const body = parsedBody(ctx)
  const fieldName = type === 'access' ? config.accessCsrfFieldName : config.refreshCsrfFieldName
  const field = isObject(body) && isForm(ctx) && Object.hasOwn(body, fieldName) ? body[fieldName] : undefined
  return typeof field === 'string' && field !== '' ? Buffer.from(field) : undefined
}
