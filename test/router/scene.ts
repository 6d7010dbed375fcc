import type { TestContext } from 'node:test'
import Koa from 'koa'
import { type AuthRouterOptions, authRouter, type Login } from 'koa-authx/router'
import { HttpMethodEnum, koaBody } from 'koa-body'
import type { AuthX, AuthXOptions, TokenLocation, TokenStore, TokenType } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { type Client, cookie, makeAuthX, type Reply, type Sent, serve } from '../support/app.js'

export const JSON_TYPE = ['Content-Type', 'application/json'] as const
export const FORM_TYPE = ['Content-Type', 'application/x-www-form-urlencoded'] as const

/** Anybody whose password is `test` gets in. */
export const login: Login = ({ username, password }) => {
  return typeof username === 'string' && password === 'test' ? username : undefined
}

export interface Scene {
  readonly authx: AuthX
  readonly client: Client
  readonly store: TokenStore
  /** What Koa reported: errors that clients are not told of. */
  readonly reported: unknown[]
}

/** An application with the routes of `authRouter`, and a page that wants an access token. */
export async function scene(
  t: TestContext,
  options: AuthXOptions = {},
  routes: AuthRouterOptions = { login },
  before: readonly Koa.Middleware[] = [],
): Promise<Scene> {
  const { store = new MemoryTokenStore() } = options
  const authx = makeAuthX({ cookieSecure: false, ...options, store })
  const app = new Koa()
  app.silent = true
  const reported: unknown[] = []
  app.on('error', error => reported.push(error))
  for (const each of before) app.use(each)
  app.use(authx.middleware())
  app.use(authRouter(authx, routes).routes())
  app.use(koaBody({ parsedMethods: [HttpMethodEnum.GET] }))
  app.use(authx.accessTokenRequired()).use(ctx => {
    ctx.body = 'in'
  })
  return { authx, client: await serve(t, app), store, reported }
}

/** Somebody who keeps what a login gives, and sends it as the locations want it. */
export class Person {
  readonly #client: Client
  readonly #config: AuthX['config']
  readonly #tokens: Partial<Record<TokenType, string>> = {}
  readonly #jar = new Map<string, string>()
  #csrf: string | undefined

  constructor({ client, authx }: Scene) {
    this.#client = client
    this.#config = authx.config
  }

  get cookies(): readonly string[] {
    return [...this.#jar.keys()]
  }

  token(type: TokenType): string {
    const { accessCookieName, refreshCookieName } = this.#config
    const kept = this.#tokens[type] ?? this.#jar.get(type === 'access' ? accessCookieName : refreshCookieName)
    return kept ?? 'none'
  }

  async login(username = 'test', headers: Sent['headers'] = []): Promise<Reply> {
    const body = JSON.stringify({ username, password: 'test' })
    return this.#keep(await this.#client({ method: 'POST', path: '/login', headers: [JSON_TYPE, ...headers], body }))
  }

  async refresh(): Promise<Reply> {
    return this.#keep(await this.send('POST', '/refresh', 'refresh'))
  }

  logout = () => this.send('POST', '/logout')
  sessions = () => this.send('GET', '/sessions')
  delete = (path: string) => this.send('DELETE', path)

  /** `200`, or what keeps this person out of the protected page. */
  async access(): Promise<string> {
    const { status, json } = await this.send('GET', '/')
    return status === 200 ? '200' : `${status} ${json.error_type}`
  }

  /** A request with a token of this type, in the first location that is configured. */
  async send(method: string, path: string, type: TokenType = 'access'): Promise<Reply> {
    const reply = await this.#client(this.#request(method, path, type, this.#config.tokenLocation[type][0]))
    for (const line of reply.cookies) this.#keepCookie(line)
    return reply
  }

  #request(method: string, path: string, type: TokenType, location: TokenLocation | undefined): Sent {
    const token = this.token(type)
    if (location === 'headers') return { method, path, headers: [['Authorization', `Bearer ${token}`]] }
    if (location === 'query') return { method, path: `${path}?token=${token}` }
    if (location === 'json')
      return { method, path, headers: [JSON_TYPE], body: JSON.stringify({ [`${type}_token`]: token }) }
    const csrf = this.#jar.get(`csrf_${type}_token`) ?? this.#csrf
    return {
      method,
      path,
      headers: [cookie(Object.fromEntries(this.#jar)), ...(csrf ? [['X-CSRF-TOKEN', csrf] as const] : [])],
    }
  }

  #keep(reply: Reply): Reply {
    const { access_token, refresh_token, csrf_token } = reply.json as Record<string, string | undefined>
    if (access_token) this.#tokens.access = access_token
    if (refresh_token) this.#tokens.refresh = refresh_token
    if (csrf_token) this.#csrf = csrf_token
    for (const line of reply.cookies) this.#keepCookie(line)
    return reply
  }

  #keepCookie(line: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (/; Max-Age=0(;|$)/.test(line)) this.#jar.delete(name)
    else this.#jar.set(name, value)
  }
}

export async function person(scene: Scene, username?: string): Promise<Person> {
  const one = new Person(scene)
  await one.login(username)
  return one
}
