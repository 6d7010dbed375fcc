import type Router from '@koa/router'
import type { Context } from 'koa'
import type { AuthX } from 'koa-authx'

/** Maximum number of stored copies. The oldest is deleted first. */
const MOST_COPIES = 100

const USER_AGENT = 'The thief of the demo'

/**
 * For the demo only. The server plays a thief with a copy of a refresh token, because no script of the page can read
 * the token. It copies the refresh token of the caller, and sends the copy to the refresh route, like a thief. The
 * response stays on the server. A real application must never store a token that it receives.
 *
 * - `POST /thief/copy`: 204; 409 if the request carries no refresh token.
 * - `POST /thief/use`: 200 with `{ outcome }`, or 409 if there is no copy. `renewed`: the thief got new tokens, and
 * used the access token. `repeated`: the copy was used up less than a grace period ago, and the thief got the same
 * tokens as the page. `refused`: with `error_type`.
 */
export function addThief(router: Router, authx: AuthX, path: string): void {
  const copies = new Map<string, string>()
  const guard = authx.accessTokenRequired()

  router.post('/thief/copy', guard, ctx => {
    const { token } = authx.getTokenFromRequest(ctx, { type: 'refresh' }) ?? ctx.throw(409, 'No refresh token to copy')
    copies.set(String(ctx.state.token.sid), token)
    const [oldest] = copies.keys()
    if (copies.size > MOST_COPIES) copies.delete(String(oldest))
    ctx.status = 204
  })

  router.post('/thief/use', guard, async ctx => {
    const sid = String(ctx.state.token.sid)
    const token = copies.get(sid) ?? ctx.throw(409, 'There is no copy')
    let repeated = false
    const note = (replayed: { sid: string }) => {
      repeated ||= replayed.sid === sid
    }
    authx.on('replayed', note)
    const { ok, error_type } = await steal(token, authx, `${originOf(ctx)}${path}`).finally(() =>
      authx.off('replayed', note),
    )
    ctx.body = ok ? { outcome: repeated ? 'repeated' : 'renewed' } : { outcome: 'refused', error_type }
  })
}

/** Sends a refresh token to the refresh route, like anyone who has the token, and uses the new access token. */
async function steal(token: string, authx: AuthX, base: string) {
  const { refreshCookieName, refreshCsrfHeaderName, accessCookieName } = authx.config
  const answer = await fetch(`${base}/refresh`, {
    method: 'POST',
    headers: {
      cookie: `${refreshCookieName}=${token}`,
      // The token contains the CSRF value, so it protects against other sites, not against a thief.
      [refreshCsrfHeaderName]: String(authx.getCsrfToken(token)),
      'user-agent': USER_AGENT,
    },
  })
  const { access_token, error_type } = (await answer.json()) as { access_token?: string; error_type?: string }
  if (answer.ok) {
    const headers = new Headers({ 'user-agent': USER_AGENT })
    const cookie = answer.headers.getSetCookie().find(line => line.startsWith(`${accessCookieName}=`))
    if (cookie) headers.set('cookie', String(cookie.split(';')[0]))
    if (access_token) headers.set('authorization', `Bearer ${access_token}`)
    await fetch(`${base}/protected`, { headers })
  }
  return { ok: answer.ok, ...(error_type && { error_type }) }
}

/** The origin on which the server received this request. */
function originOf({ socket }: Context): string {
  const { localAddress = '', localPort } = socket
  return `http://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}
