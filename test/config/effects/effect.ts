import type { TestContext } from 'node:test'
import Router from '@koa/router'
import { koaBody } from 'koa-body'
import type { OPTIONS } from '../../../src/config/table.js'
import type { AuthX, AuthXOptions } from '../../../src/index.js'
import { appOf, bearer, type Client, serve } from '../../support/app.js'
import { addLoginRoutes } from '../../support/login-routes.js'
import { contentOf } from '../../support/signing.js'

export type OptionName = keyof typeof OPTIONS

/** How one sees from outside that an option is read. */
export interface Effect {
  /** What both instances have in common. */
  readonly base?: AuthXOptions
  /** What only the second has. */
  readonly given: AuthXOptions
  /** What is looked at. */
  see(authx: AuthX, t: TestContext): unknown
  readonly without: unknown
  readonly with: unknown
}

/** An application with everything: logs in anybody, guards `/protected` and `/refreshable`. */
export async function clientOf(authx: AuthX, t: TestContext): Promise<Client> {
  return serve(
    t,
    appOf(koaBody(), authx.middleware()).use(addLoginRoutes(new Router(), authx, { sub: 'test' }).routes()),
  )
}

/** What a guard says of a token in the header: `'good'`, or the error. */
export async function verdictOfGuard(client: Client, token: unknown): Promise<unknown> {
  const { status, json } = await client({ path: '/protected', headers: [bearer(String(token))] })
  return status === 200 ? 'good' : json.error_type
}

/** Header and claims of the tokens that a login hands out. */
export async function loginContents(authx: AuthX, t: TestContext) {
  const { json } = await (await clientOf(authx, t))({ method: 'POST', path: '/login' })
  return { access: contentOf(String(json.access_token)), refresh: contentOf(String(json.refresh_token)) }
}

/** The cookies of a login: name to attributes, `Path=/` and all, without the value. */
export async function cookiesOfLogin(authx: AuthX, t: TestContext): Promise<Record<string, string[]>> {
  const client = await clientOf(authx, t)
  const { cookies } = await client({ method: 'POST', path: '/login' })
  const named = cookies.map(line => {
    const [pair = '', ...attributes] = line.split('; ')
    return [pair.slice(0, pair.indexOf('=')), attributes]
  })
  return Object.fromEntries(named)
}

/** The cookies and CSRF values that a browser would hold after a login. */
export async function jarOfLogin(client: Client): Promise<Record<string, string>> {
  const { cookies } = await client({ method: 'POST', path: '/login' })
  return Object.fromEntries(cookies.map(line => (line.split(';')[0] ?? '').split(/=(.*)/s, 2)))
}
