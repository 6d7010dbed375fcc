import type { IncomingMessage } from 'node:http'
import type { TokenLocation } from '../config/options.js'
import type { Config } from '../config/table.js'
import type { RequestContext } from '../request/context.js'
import { type LocatedToken, locate, malformed } from '../request/locate.js'
import { trim } from '../request/trim.js'

/** A location of the token of an upgrade request. There is no `json`, because an upgrade has no body. */
export type UpgradeLocation = Exclude<TokenLocation, 'json'>

/** The entry before the token in `Sec-WebSocket-Protocol`. */
const MARK = 'authx'

/**
 * Returns the access token of an upgrade request, from the first location that has one. Returns several candidates if
 * several cookies have the same name. The location `headers` means the configured header and `Sec-WebSocket-Protocol`,
 * the only header that browser scripts can set for a WebSocket.
 * @throws MalformedTokenRequestError if a location has several tokens or is malformed.
 */
export function locateInUpgrade(
  request: IncomingMessage,
  locations: readonly UpgradeLocation[],
  config: Config,
): readonly LocatedToken[] {
  const ctx = contextOf(request)
  for (const location of locations) {
    const located = locate(ctx, 'access', [location], config)
    const offered = location === 'headers' ? fromProtocols(request.headers['sec-websocket-protocol']) : undefined
    if (offered !== undefined && located.some(({ token }) => token !== offered))
      malformed('two headers contain different tokens')
    if (located.length > 0) return located
    if (offered !== undefined) return [{ token: offered, location, type: 'access' }]
  }
  return []
}

/**
 * Returns the entry after `authx` in a list of WebSocket protocols (RFC 6455 §4.1): `new WebSocket(url, ['authx',
 * token])`. If the header is repeated (§11.3.4), Node has joined the values.
 * @throws MalformedTokenRequestError
 */
export function fromProtocols(header: string | undefined): string | undefined {
  const entries = header?.split(',').map(entry => trim(entry, ' \t')) ?? []
  const mark = entries.indexOf(MARK)
  if (mark < 0) return undefined
  if (entries.lastIndexOf(MARK) > mark) malformed('Sec-WebSocket-Protocol has two entries authx')
  const token = entries[mark + 1]
  if (!token) malformed('Sec-WebSocket-Protocol has no token after its entry authx')
  return /[ \t]/.test(token) ? malformed('Sec-WebSocket-Protocol has a space in its token') : token
}

/** Returns the parts of a Koa context that are needed to find the token. */
function contextOf(req: IncomingMessage): RequestContext {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(req.url ?? '') ?? []
  return { req, request: {}, method: req.method ?? 'GET', querystring: query } as RequestContext
}
