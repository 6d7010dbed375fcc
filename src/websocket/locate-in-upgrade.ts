import type { IncomingMessage } from 'node:http'
import type { TokenLocation } from '../config/options.js'
import type { Config } from '../config/table.js'
import type { RequestContext } from '../request/context.js'
import { type LocatedToken, locate, malformed } from '../request/locate.js'
import { trim } from '../request/trim.js'

/** Where the token of an upgrade can be. Such a request has no body. */
export type UpgradeLocation = Exclude<TokenLocation, 'json'>

/** What announces a token in `Sec-WebSocket-Protocol`. */
const MARK = 'authx'

/**
 * The access token of a request for an upgrade, from the first location that holds one; several candidates if there are
 * several cookies of the name. `headers` are the configured header
 * and `Sec-WebSocket-Protocol`, the only one that a script in a browser can set for a WebSocket.
 * @throws MalformedTokenRequestError if a location holds something other than one token; the next is not tried then.
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
    if (offered !== undefined && located.some(({ token }) => token !== offered)) malformed('two tokens in two headers')
    if (located.length > 0) return located
    if (offered !== undefined) return [{ token: offered, location, type: 'access' }]
  }
  return []
}

/**
 * The entry after `authx` of a list of WebSocket protocols (RFC 6455 §4.1), as `new WebSocket(url, ['authx', token])`
 * sends it. The header may be there several times (§11.3.4); Node has joined them.
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

/** As much of a Koa context as those locations are read from. */
function contextOf(req: IncomingMessage): RequestContext {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(req.url ?? '') ?? []
  return { req, request: {}, method: req.method ?? 'GET', querystring: query } as RequestContext
}
