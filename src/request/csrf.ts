import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import { isObject } from '../config/values.js'
import { CSRFError, MissingCSRFTokenError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import { sameBytes } from '../token/same-bytes.js'
import { hasUnparsedBody, mediaTypeOf, parsedBody, warnAboutBody } from './body.js'
import type { RequestContext } from './context.js'
import type { Candidate } from './locate.js'

/**
 * Signed double submit: a browser sends cookies by itself, but only a script of our own origin can repeat the value that
 * is inside the signed token. `demanded`: `true` and `false` overrule the method; left out, `csrfMethods` decide.
 * @throws MissingCSRFTokenError, CSRFError. Never for a token that did not come from a cookie.
 */
export function checkCsrf(
  ctx: RequestContext,
  { location, type }: Pick<Candidate, 'location' | 'type'>,
  payload: TokenPayload,
  config: Config,
  demanded?: boolean,
): void {
  if (location !== 'cookies' || !config.cookieCsrfProtect) return
  if (!(demanded ?? config.csrfMethods.includes(ctx.method))) return
  const sent = sentValue(ctx, type, config)
  if (sent === undefined || !payload.csrf || typeof payload.csrf !== 'string') throw new MissingCSRFTokenError()
  if (!sameBytes(sent, Buffer.from(payload.csrf))) throw new CSRFError()
}

function sentValue(ctx: RequestContext, type: TokenType, config: Config): Buffer | undefined {
  const headerName = type === 'access' ? config.accessCsrfHeaderName : config.refreshCsrfHeaderName
  const header = ctx.req.headers[headerName.toLowerCase()]
  // Header values are bytes that Node shows as latin1; two of them arrive as 'a, b' and match nothing.
  if (typeof header === 'string' && header !== '') return Buffer.from(header, 'latin1')
  if (!config.csrfCheckForm) return undefined
  if (isForm(ctx) && hasUnparsedBody(ctx)) warnAboutBody()
  const body = parsedBody(ctx)
  const fieldName = type === 'access' ? config.accessCsrfFieldName : config.refreshCsrfFieldName
  const field = isObject(body) && isForm(ctx) && Object.hasOwn(body, fieldName) ? body[fieldName] : undefined
  return typeof field === 'string' && field !== '' ? Buffer.from(field) : undefined
}

function isForm(ctx: RequestContext): boolean {
  const mediaType = mediaTypeOf(ctx)
  return mediaType === 'application/x-www-form-urlencoded' || mediaType === 'multipart/form-data'
}
