import { setImmediate } from 'node:timers/promises'
import Router from '@koa/router'
import { koaBody } from 'koa-body'
import type { AuthX, AuthXOptions } from '../../src/index.js'
import { FaultyTokenStore, TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, makeAuthX, type Reply, serve } from '../support/app.js'
import { Browser } from '../support/cookie-browser.js'
import { type Asked, addLoginRoutes } from '../support/login-routes.js'

type Headers = readonly (readonly [name: string, value: string])[]

export interface Visit {
  readonly method?: string
  /** The cookie whose value goes into the CSRF header; `null`: none. Default `'csrf_refresh_token'`. */
  readonly csrf?: string | null
  readonly headers?: Headers
  readonly body?: string
}

/** A request with the cookies of the moment when it was made. The server gets it when `send` is called. */
export interface Pending {
  /** Resolves when the server has responded, and the browser has the cookies of the response. */
  send(): Promise<Reply>
}

/** A server, and a browser that keeps its cookies. */
export interface Scene {
  readonly authx: AuthX
  readonly clock: TestClock
  readonly store: FaultyTokenStore
  readonly asked: Asked
  readonly browser: Browser
  /** The events `issued`, `revoked`, `reuse`, as `name sub`, with `replaced` for a session that a login has replaced. */
  events(): Promise<string[]>
  prepare(path: string, visit?: Visit): Pending
  /** Prepares a request and sends it at once. */
  visit(path: string, visit?: Visit): Promise<Reply>
  /** The names of the cookies that a request for `/` has. */
  names(): string[]
}

export async function scene(
  t: Parameters<typeof serve>[0],
  options: AuthXOptions = {},
  prepare: (authx: AuthX) => void = () => {},
): Promise<Scene> {
  const clock = new TestClock()
  const { store: given = new MemoryTokenStore(), ...others } = options
  const store = new FaultyTokenStore(given)
  const authx = makeAuthX({ tokenLocation: ['cookies'], cookieSecure: false, now: clock.now, ...others, store })
  prepare(authx)
  const told: string[] = []
  authx.on('issued', ({ sub }) => told.push(`issued ${sub}`))
  authx.on('reuse', ({ sub }) => told.push(`reuse ${sub}`))
  authx.on('revoked', ({ sub, replaced, unconfirmed }) =>
    told.push(`revoked ${sub}${replaced ? ' replaced' : ''}${unconfirmed ? ' unconfirmed' : ''}`),
  )
  const asked: Asked = {}
  const app = appOf(koaBody(), authx.middleware()).use(addLoginRoutes(new Router(), authx, asked).routes())
  const client = await serve(t, app)
  const browser = new Browser('127.0.0.1')
  const prepareVisit = (path: string, visit: Visit = {}): Pending => {
    const { method = 'POST', csrf = 'csrf_refresh_token', headers = [], body = '' } = visit
    const cookies = browser.headersFor(path, csrf ?? undefined)
    const send = async () => {
      const reply = await client({ method, path, headers: [...cookies, ...headers], body })
      browser.take(reply.cookies, path)
      return reply
    }
    return { send }
  }
  return {
    authx,
    clock,
    store,
    asked,
    browser,
    events: async () => {
      await setImmediate()
      return told.splice(0)
    },
    prepare: prepareVisit,
    visit: (path, visit) => prepareVisit(path, visit).send(),
    names: () => browser.names(),
  }
}

/** What the browser says about a request. */
export const from = (site: string | undefined, origin?: string): Headers => [
  ...(site === undefined ? [] : [['Sec-Fetch-Site', site] as const]),
  ...(origin === undefined ? [] : [['Origin', origin] as const]),
]

export const FORM: Headers = [['Content-Type', 'application/x-www-form-urlencoded']]
export const JSON_BODY: Headers = [['Content-Type', 'application/json']]
