import type Router from '@koa/router'
import type { Context } from 'koa'
import type { AuthX } from 'koa-authx'

/** As many copies as are kept; beyond them the oldest is forgotten. */
const MOST_COPIES = 100

/**
 * For the demo and nothing else: the server plays somebody who has a copy of a refresh token, since no script of the page
 * could read it. It copies the caller's own, and sends it to the refresh route from outside, as a thief would. What comes
 * back stays here. An application must never keep a token that it was sent.
 *
 * - `POST /thief/copy`: 204; 409 if the request carries no refresh token.
 * - `POST /thief/use`: 200 with `{ outcome }`, or 409 if there is no copy. `renewed`: the thief got new tokens. `repeated`:
 *   the copy was the direct predecessor, in the grace period, and got the successor that the page has too. `refused`, with
 *   `error_type`.
 */
export function addThief(router: Router, authx: AuthX, refreshPath: string): void {
  const copies = new Map<string, string>()
  const guard = authx.accessTokenRequired()

  router.post('/thief/copy', guard, ctx => {
    const { token } = authx.getTokenFromRequest(ctx, { type: 'refresh' }) ?? ctx.throw(409, 'There is nothing to copy')
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
    const { ok, error_type } = await present(token, authx, `${originOf(ctx)}${refreshPath}`).finally(() =>
      authx.off('replayed', note),
    )
    ctx.body = ok ? { outcome: repeated ? 'repeated' : 'renewed' } : { outcome: 'refused', error_type }
  })
}

/** Send a refresh token to the refresh route, as anybody could who has it. */
async function present(token: string, authx: AuthX, url: string): Promise<{ ok: boolean; error_type?: string }> {
  const { refreshCookieName, refreshCsrfHeaderName } = authx.config
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      cookie: `${refreshCookieName}=${token}`,
      // Whoever can read the token finds the value in it: it holds off other sites, not thieves.
      [refreshCsrfHeaderName]: String(authx.getCsrfToken(token)),
      'user-agent': 'The thief of the demo',
    },
  })
  const { error_type } = (await answer.json()) as { error_type?: string }
  return { ok: answer.ok, ...(error_type && { error_type }) }
}

/** Where this request has arrived. */
function originOf({ socket }: Context): string {
  const { localAddress = '', localPort } = socket
  return `http://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}
