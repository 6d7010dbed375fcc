import type { IncomingMessage } from 'node:http'
import { isLoopback } from '../config/urls.js'

/** What proxies add to a request. */
const PROXY_HEADERS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'forwarded', 'via']

/** It leads to this machine, but browsers do not trust it. */
const UNSPECIFIED = /^(?:0\.0\.0\.0|\[::(?:ffff:0:0)?\])$/

/**
 * Whether the client calls this server `localhost`, or by a loopback address, and no proxy is between them. There,
 * Chromium and Firefox accept Secure cookies over HTTP.
 */
export function isFromThisMachine({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { host, origin = `http://${host}` } = headers
  // A proxy may call the server `localhost` too, and add no header. The origin is that of the client's page.
  return [`http://${host}`, origin].every(isTrusted) && !PROXY_HEADERS.some(name => name in headers)
}

function isTrusted(address: string): boolean {
  return URL.canParse(address) && isLoopback(address) && !UNSPECIFIED.test(new URL(address).hostname)
}
