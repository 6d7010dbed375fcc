/**
 * A clock over server-sent events, for authenticated clients. The stream ends when its login ends: by a logout, by a
 * revocation in any process, or because the token expires.
 *
 *     npx tsx examples/server-sent-events.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl -N http://localhost:8000/clock -H 'Authorization: Bearer <access_token>'
 *     curl -X POST http://localhost:8000/logout -H 'Authorization: Bearer <access_token>'
 */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { setInterval } from 'node:timers/promises'
import Router from '@koa/router'
import { AuthX, AuthXError } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { createApp } from './app.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

const event = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`

/** The time once a second, and at the end the reason: the name of the error. */
async function* clock(signal: AbortSignal): AsyncGenerator<string> {
  yield event('time', new Date().toISOString())
  try {
    for await (const _ of setInterval(1000, undefined, { signal })) yield event('time', new Date().toISOString())
  } catch (error) {
    if (!signal.aborted) throw error
    // After TokenExpiredError a client refreshes and connects again. After RevokedTokenError the user has to log in.
    yield event('over', signal.reason instanceof AuthXError ? signal.reason.name : 'closed')
  }
}

const router = new Router()

// The signal stops watching by itself when the client disconnects.
router.get('/clock', authx.accessTokenRequired(), ctx => {
  ctx.type = 'text/event-stream'
  ctx.set('Cache-Control', 'no-store')
  ctx.body = Readable.from(clock(authx.abortWhenOver(ctx)))
})

// Login, refresh and logout are in app.ts.
export const server = createApp(authx).use(router.routes()).listen(Number(PORT), HOST)
