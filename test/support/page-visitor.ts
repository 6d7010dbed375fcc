import type { TestContext } from 'node:test'
import Router from '@koa/router'
import { koaBody } from 'koa-body'
import type { AuthXOptions } from '../../src/index.js'
import { appOf, type Client, makeAuthX, serve } from './app.js'
import { Browser } from './cookie-browser.js'
import { addLoginRoutes } from './login-routes.js'

type Header = readonly [name: string, value: string]

/** A server whose routes are all below `/api`. */
export async function server(t: TestContext, options: AuthXOptions): Promise<Client> {
  const authx = makeAuthX(options)
  const router = addLoginRoutes(new Router({ prefix: '/api' }), authx)
  return serve(t, appOf(koaBody(), authx.middleware()).use(router.routes()))
}

/** What a page in a browser knows of its server, and sends. */
export interface Page {
  /** The options of the server that the page is from: the page uses its names. */
  readonly of: AuthXOptions
  /** Another header that the token is sent in too. */
  readonly alsoIn?: string
  /** How it sends the CSRF value. Default: in the header. */
  readonly csrf?: 'header' | 'for POST' | 'field' | 'not'
  /** The headers of the browser, except at the login. Default: those for a page of the same origin. */
  readonly browser?: readonly Header[]
}

const SAME_ORIGIN: readonly Header[] = [['Sec-Fetch-Site', 'same-origin']]
const FORM = ['Content-Type', 'application/x-www-form-urlencoded'] as const

/** A page in a browser, and what its servers have given it. */
export class Visitor {
  readonly #browser = new Browser('app.example')
  readonly #page: Page
  #body: Record<string, unknown> = {}

  constructor(page: Page) {
    this.#page = page
  }

  /** Sends a line such as `'POST /api/refresh'`. Returns the status, and the error if there is one. */
  async ask(send: Client, line: string): Promise<string | number> {
    const [method = '', path = ''] = line.split(' ')
    const { status, json, cookies } = await send({ method, path, ...this.#sent(method, path) })
    this.#browser.take(cookies, path)
    if (status === 200 && path !== '/api/protected') this.#body = json
    return json.error_type ? `${status} ${json.error_type}` : status
  }

  #sent(method: string, path: string): { headers: Header[]; body?: string } {
    const { of, alsoIn, csrf = 'header', browser = SAME_ORIGIN } = this.#page
    const type = path === '/api/refresh' ? 'refresh' : 'access'
    const [cookie, csrfCookie] = this.#browser.headersFor(path, of[`${type}CsrfCookieName`] ?? `csrf_${type}_token`)
    const value = of.csrfInCookies === false ? this.#body.csrf_token : csrfCookie?.[1]
    const token = this.#body[`${type}_token`]
    const names = [of.headerName ?? 'Authorization', ...(alsoIn ? [alsoIn] : [])]
    const headers: Header[] = [
      ['Host', 'app.example'],
      ...(path === '/api/login' ? SAME_ORIGIN : browser),
      ...(cookie ? [cookie] : []),
      ...(token ? names.map((name): Header => [name, `${of.headerType ?? 'Bearer'} ${token}`]) : []),
    ]
    const leftOut =
      csrf === 'not' || (csrf === 'for POST' && method !== 'POST') || (csrf === 'field' && method !== 'POST')
    if (value === undefined || leftOut) return { headers }
    if (csrf !== 'field')
      return { headers: [...headers, [of[`${type}CsrfHeaderName`] ?? 'X-CSRF-TOKEN', String(value)]] }
    const field = of[`${type}CsrfFieldName`] ?? 'csrf_token'
    return { headers: [...headers, FORM], body: new URLSearchParams({ [field]: String(value) }).toString() }
  }
}
