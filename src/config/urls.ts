/** The end of the error message "<option> must be ...". */
export const URL_RULE = 'a URL with https, or with http for localhost'

/** Whether a URL is safe to read from and to publish: https, or http on this machine; without user and password. */
export function isAllowedUrl(text: unknown): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(text))
  return isSafe && username === '' && password === ''
}

const LOOPBACK_NAME = /^(?:.+\.)?localhost\.?$/
/** Addresses of this machine as `URL` writes them. The unspecified address leads there too. */
const LOOPBACK_ADDRESS = /^(?:127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\]|\[::ffff:(?:7f[\da-f]{2}:[\da-f]{1,4}|0:0)\])$/

/** Whether a URL is on this machine. */
export function isLoopback(text: string): boolean {
  const { hostname } = new URL(text)
  return LOOPBACK_NAME.test(hostname) || LOOPBACK_ADDRESS.test(hostname)
}
