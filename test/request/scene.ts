import Router from '@koa/router'
import type Koa from 'koa'
import { koaBody } from 'koa-body'
import type { AuthX, AuthXOptions, TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, type Client, makeAuthX, type Sent, serve } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'

export type Header = readonly [name: string, value: string]

export interface Scene {
  readonly client: Client
  readonly app: Pick<Koa, 'proxy'>
  readonly authx: AuthX
  readonly store: TokenStore
  /** The cookies after a login. */
  readonly jar: Record<string, string>
  readonly csrf: string
}

/** An application on cookies, and somebody who is logged in there. */
export async function loggedIn(t: Parameters<typeof serve>[0], options: AuthXOptions = {}): Promise<Scene> {
  const { store = new MemoryTokenStore() } = options
  const authx = makeAuthX({
    tokenLocation: ['cookies', 'headers'],
    cookieSecure: false,
    ...options,
    store,
  })
  const router = addLoginRoutes(new Router(), authx, { sub: 'test' })
  router.all('/always', authx.accessTokenRequired({ verifyCsrf: true }), ctx => {
    ctx.body = 'in'
  })
  router.all('/never', authx.accessTokenRequired({ verifyCsrf: false }), ctx => {
    ctx.body = 'in'
  })
  const app = appOf(koaBody(), authx.middleware()).use(router.routes())
  const client = await serve(t, app)
  const { cookies } = await client({ method: 'POST', path: '/login' })
  const jar = Object.fromEntries(cookies.map(line => (line.split(';')[0] ?? '').split(/=(.*)/s, 2)))
  return { client, app, authx, store, jar, csrf: jar.csrf_access_token ?? '' }
}

/** `200`, or the status and type of the error. */
export async function outcome(client: Client, sent: Sent): Promise<string> {
  const { status, json } = await client(sent)
  return status < 300 ? `${status}` : `${status} ${json.error_type}`
}

export const MISSING = '403 MissingCSRFTokenError'
export const WRONG = '403 CSRFError'
