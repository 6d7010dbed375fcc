import type { AuthContext, AuthX } from '../../src/index.js'

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
