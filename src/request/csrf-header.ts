import type { TokenType } from '../config/options.js'
import type { Config } from '../config/table.js'
import type { RequestContext } from './context.js'

/**
 * Returns the CSRF header for a type of token. `undefined` if the request has none. A page of another site cannot send
 * this header, unless the application allows it by CORS.
 */
export function csrfHeader(ctx: RequestContext, type: TokenType, config: Config): string | undefined {
  const headerName = type === 'access' ? config.accessCsrfHeaderName : config.refreshCsrfHeaderName
  const header = ctx.req.headers[headerName.toLowerCase()]
  return typeof header === 'string' && header !== '' ? header : undefined
}
