import type { TestContext } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import { AuthX, type AuthXOptions, type RefreshOptions, type TokenPairOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, type Reply, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { type Asked, addLoginRoutes } from '../support/login-routes.js'
import { contentOf } from '../support/signing.js'

/** An API over real HTTP whose clock the test sets. */
export interface FlowApi {
  authx: AuthX
  send: Client
  clock: { now: number }
  login(options?: TokenPairOptions): Promise<Reply>
  /** With the refresh token in the header; `options` are those of `authx.refresh`. */
  refresh(token: unknown, options?: RefreshOptions): Promise<Reply>
  logout(token: unknown): Promise<Reply>
  protected(token: unknown): Promise<Reply>
}

export async function flowApi(
  t: TestContext,
  options: AuthXOptions = {},
  prepare = (_app: Koa) => {},
): Promise<FlowApi> {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const authx = new AuthX({ secretKey: TEST_SECRET, store, now: () => clock.now, ...options })
  const asked: Asked = {}
  const router = addLoginRoutes(new Router(), authx, asked)
  const app = appOf(authx.middleware())
  prepare(app)
  const send = await serve(t, app.use(router.routes()))
  const withToken = (method: string, path: string, token: unknown) =>
    send({ method, path, headers: [bearer(String(token))] })
  return {
    authx,
    send,
    clock,
    login(options = {}) {
      asked.login = options
      return send({ method: 'POST', path: '/login', headers: [['User-Agent', 'test browser']] })
    },
    refresh(token, options = {}) {
      asked.refresh = options
      return withToken('POST', '/refresh', token)
    },
    logout: token => withToken('POST', '/logout', token),
    protected: token => withToken('GET', '/protected', token),
  }
}

/** The claims of a token, not verified. */
export const claimsOf = (token: unknown): Record<string, unknown> => contentOf(String(token)).claims

/** What went wrong, if anything. */
export const verdict = ({ status, json }: Reply) => [status, json.error_type]
