import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../config/urls.js'

/** What proxies add to a request. */
const PROXY_HEADERS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'via']

/**
 * Whether the client calls this server `localhost`, or an address of this machine, and no proxy is between them. There,
 * browsers accept Secure cookies over HTTP.
 */
export function isFromThisMachine({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const address = `http://${headers.host}`
  // A proxy may call the server `localhost` too, but its client does not.
  return URL.canParse(address) && isLoopback(address) && !PROXY_HEADERS.some(name => name in headers)
}
