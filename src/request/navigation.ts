import type { Context } from 'koa'

/**
 * Whether a request loads a page: a link, a form or the address bar, not a script. Browsers say it in `Sec-Fetch-Mode`
 * (Fetch Metadata). Without this header, a request that accepts text/html counts as one.
 */
export function isNavigation({ req }: Pick<Context, 'req'>): boolean {
  const { 'sec-fetch-mode': mode, accept = '' } = req.headers
  return mode === undefined ? /(?:^|,)\s*text\/html\s*(?:[,;]|$)/i.test(accept) : mode === 'navigate'
}

/** Whether a request loads a page with GET or HEAD, so that it changes nothing. */
export const isPageRead = (ctx: Pick<Context, 'req' | 'method'>): boolean =>
  (ctx.method === 'GET' || ctx.method === 'HEAD') && isNavigation(ctx)

/** Maximum length of a path, in characters: the path is written into the address of the login page. */
const LONGEST_PATH = 2048

/** Not `//` and not `/\`, which begin a URL of another host. Only characters that a URL may contain. */
const PATH = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/

/** Whether a text is a path of this origin, with or without a query, so that a redirect to it stays on this origin. */
export function isOwnPath(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > LONGEST_PATH || !PATH.test(text)) return false
  // '/.//evil.example' becomes '//evil.example' when dots are removed.
  return URL.canParse(text, 'http://own.invalid') && !new URL(text, 'http://own.invalid').pathname.startsWith('//')
}
