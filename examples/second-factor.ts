/**
 * A second factor: codes of an authenticator app (TOTP, RFC 6238), with otplib. The password logs in. A payment also
 * requires a code that was given in the last five minutes.
 *
 *     npx tsx examples/second-factor.ts
 *     curl http://localhost:8000/login -d username=test -d password=test
 *     curl -X POST http://localhost:8000/second-factor/setup -H 'Authorization: Bearer <access_token>'
 *     curl http://localhost:8000/second-factor -d code=<code> -H 'Authorization: Bearer <access_token>'
 *     curl -X POST http://localhost:8000/payments -H 'Authorization: Bearer <access_token of /second-factor>'
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX, rateLimited } from 'koa-authx'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { generateSecret, generateURI, verifySync } from 'otplib'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { checkPassword } from './check-password.js'

const { HOST = '127.0.0.1', PORT = '8000', JWT_SECRET_KEY } = process.env

const authx = new AuthX({
  secretKey: JWT_SECRET_KEY ?? randomBytes(32).toString('hex'),
  store: new MemoryTokenStore(),
})

/**
 * The second factor of a user. `lastStep` is the time step of the last accepted code; missing before the first one. A
 * real application keeps both in its database.
 */
interface Factor {
  readonly secret: string
  lastStep?: number
}
const factors = new Map<string, Factor>()

/**
 * The limit of guesses: five codes in 15 minutes for each user. It must be small, because a code has only six digits.
 */
const guesses = new RateLimiterMemory({ points: 5, duration: 15 * 60 })

/** Whether a code is right. A right code is accepted only once, because somebody may have seen it (RFC 6238 §5.2). */
function isRightCode(factor: Factor | undefined, code: unknown): boolean {
  if (!factor || typeof code !== 'string' || !/^\d{6}$/.test(code)) return false
  const { secret, lastStep } = factor
  const later = lastStep === undefined ? {} : { afterTimeStep: lastStep }
  // The code of the previous thirty seconds is also accepted, because clocks differ and people type slowly.
  const checked = verifySync({ secret, token: code, epochTolerance: [30, 0], ...later })
  if (!checked.valid || !('timeStep' in checked)) return false
  factor.lastStep = checked.timeStep
  return true
}

const router = new Router()

router.post('/login', koaBody(), async ctx => {
  ctx.body = await authx.login(ctx, checkPassword(ctx), { amr: ['pwd'] })
})

// The page shows `uri` as a QR code, and the user scans it with the app. The user must have given credentials in the
// last five minutes. A factor that is in use is not replaced.
router.post('/second-factor/setup', authx.freshTokenRequired({ within: '5m' }), ctx => {
  const { sub } = ctx.state.token
  if (factors.get(sub)?.lastStep !== undefined) ctx.throw(409, 'There is already a second factor')
  const secret = generateSecret()
  factors.set(sub, { secret })
  ctx.body = { secret, uri: generateURI({ issuer: 'koa-authx example', label: sub, secret }) }
})

// The guard comes first, because `rateLimited` counts guesses by the subject of the token.
router.post(
  '/second-factor',
  authx.accessTokenRequired(),
  rateLimited(guesses, { key: 'subject' }),
  koaBody(),
  async ctx => {
    const { code } = (ctx.request.body ?? {}) as { code?: unknown }
    if (!isRightCode(factors.get(ctx.state.token.sub), code)) ctx.throw(403, 'Wrong code')
    ctx.body = await authx.reauthenticate(ctx, { amr: ['otp'] })
  },
)

router.post('/payments', authx.freshTokenRequired({ within: '5m', amr: ['otp'] }), ctx => {
  ctx.body = { paid: true, amr: ctx.state.token.amr }
})

export const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
