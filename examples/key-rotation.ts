/**
 * Key pairs that are replaced while their tokens stay valid, and a route with the public keys for other services.
 *
 *     npx tsx examples/key-rotation.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl http://localhost:8000/.well-known/jwks.json
 *     curl -X POST http://localhost:8000/rotate -H 'Authorization: Bearer <access_token>'
 *     curl http://localhost:8000/protected -H 'Authorization: Bearer <access_token>'
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000' } = process.env

// Real keys are stored where all processes read them and where they survive a restart. The keys here are in memory
// only.
const newKey = () => ({ kid: randomUUID(), ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) })

let current = newKey()
const authx = new AuthX({ algorithm: 'ES256', keys: [current], store: new MemoryTokenStore() })

/**
 * A new key signs from now on. Tokens of the previous key stay valid until the next call: wait until they have expired.
 */
function rotate(): void {
  const { kid, publicKey } = current
  current = newKey()
  authx.setKeys({ keys: [current, { kid, publicKey }] })
}

const router = new Router()

router.get('/.well-known/jwks.json', authx.jwks())

router.post('/login', koaBody(), async ctx => {
  ctx.body = await authx.login(ctx, checkPassword(ctx), { scopes: ['keys:rotate'] })
})

router.post('/refresh', async ctx => {
  ctx.body = await authx.refresh(ctx)
})

router.post('/rotate', authx.scopesRequired('keys:rotate'), ctx => {
  rotate()
  ctx.status = 204
})

router.get('/protected', authx.accessTokenRequired(), ctx => {
  ctx.body = { message: 'You have access', sub: ctx.state.token.sub }
})

const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
