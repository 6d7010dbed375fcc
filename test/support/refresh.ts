import type { AuthContext, AuthX } from '../../src/index.js'
import { appOf, bearer, type Reply, serve } from './app.js'

/** Refresh with a token in its header, without a server: for tests of sessions that have many instances. */
export async function refreshWith(
  authx: AuthX,
  token: string,
): Promise<{ access_token: string; refresh_token: string }> {
  const headers = { authorization: `Bearer ${token}` }
  const req = { headers, rawHeaders: Object.entries(headers).flat(), method: 'POST', url: '/' }
  const ctx = { req, request: { req }, response: { set() {} }, method: 'POST', querystring: '' }
  const { access_token = '', refresh_token = '' } = await authx.refresh(ctx as unknown as AuthContext)
  return { access_token, refresh_token }
}

/** Sends refresh tokens in headers to a server of `authx`, which does nothing else. */
export async function refreshing(
  t: Parameters<typeof serve>[0],
  authx: AuthX,
): Promise<(token: string) => Promise<Reply>> {
  const app = appOf(authx.middleware()).use(async ctx => {
    ctx.body = await authx.refresh(ctx)
  })
  const send = await serve(t, app)
  return token => send({ method: 'POST', headers: [bearer(token)] })
}
