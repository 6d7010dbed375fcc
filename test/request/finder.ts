import { koaBody } from 'koa-body'
import type { AuthXOptions, TokenType } from '../../src/index.js'
import { appOf, type Client, makeAuthX, type Sent, serve } from '../support/app.js'

export const ALL = ['headers', 'cookies', 'json', 'query'] as const
export const JSON_TYPE = ['Content-Type', 'application/json'] as const
export const json = (value: unknown, type: string = JSON_TYPE[1]): Sent => ({
  method: 'POST',
  headers: [['Content-Type', type]],
  body: typeof value === 'string' ? value : JSON.stringify(value),
})

/** An app that answers with what it finds, unverified; `nothing` where there is none. */
export async function finderOf(
  t: Parameters<typeof serve>[0],
  options: AuthXOptions = {},
  type: TokenType = 'access',
): Promise<Client> {
  const authx = makeAuthX({ tokenLocation: { access: ALL, refresh: ALL }, ...options })
  const find = appOf(koaBody({ onError() {} }), ctx => {
    const located = authx.getTokenFromRequest(ctx, { type })
    ctx.body = located ? `${located.location}:${located.token}:${located.type}` : 'nothing'
  })
  return serve(t, find)
}

/** `location:token`, `nothing`, or the status of a request that is malformed. */
export async function found(client: Client, sent: Sent): Promise<string | number> {
  const { status, text } = await client(sent)
  return status === 200 ? text.replace(/:(?:access|refresh)$/, '') : status
}
