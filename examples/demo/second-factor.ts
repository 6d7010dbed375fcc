import type Router from '@koa/router'
import { type AuthX, rateLimited } from 'koa-authx'
import { koaBody } from 'koa-body'
import { generateSecret, generateSync, verifySync } from 'otplib'
import { RateLimiterMemory } from 'rate-limiter-flexible'

/** What an authenticator app and the server know: the secret, and the time step of the last accepted code. */
export class SecondFactor {
  readonly #secret = generateSecret()
  readonly #now: () => number
  #lastStep: number | undefined
  /** Five codes in five minutes, for both modes together. It must be small, because a code has only six digits. */
  readonly guesses = new RateLimiterMemory({ points: 5, duration: 5 * 60 })

  /** @param now the time in milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now
  }

  /** The code that the authenticator app shows now. */
  code(): string {
    return generateSync({ secret: this.#secret, epoch: this.#epoch() })
  }

  /** Whether a code is right. A right code is accepted once; also that of the previous thirty seconds. */
  accepts(code: unknown): boolean {
    if (typeof code !== 'string' || !/^\d{6}$/.test(code)) return false
    const later = this.#lastStep === undefined ? {} : { afterTimeStep: this.#lastStep }
    const checked = verifySync({
      secret: this.#secret,
      token: code,
      epoch: this.#epoch(),
      epochTolerance: [30, 0],
      ...later,
    })
    if (!checked.valid || !('timeStep' in checked)) return false
    this.#lastStep = checked.timeStep
    return true
  }

  #epoch(): number {
    return Math.floor(this.#now() / 1000)
  }
}

/**
 * A payment that requires a code of an authenticator app, as in examples/second-factor.ts.
 *
 * - `GET /second-factor/code`: 200 with `{ code }`. For the demo only: a real server leaves this to the app.
 * - `POST /second-factor` with `{ code }`: 200 with a new access token, 403 with `WrongCode`, or 429.
 * - `POST /payments`: 200; 401 with FreshTokenRequiredError if no code was given in the last five minutes.
 */
export function addSecondFactor(router: Router, authx: AuthX, factor: SecondFactor): void {
  const guard = authx.accessTokenRequired()

  router.get('/second-factor/code', guard, ctx => {
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { code: factor.code() }
  })
  router.post('/second-factor', guard, rateLimited(factor.guesses, { key: 'subject' }), koaBody(), async ctx => {
    const { code } = (ctx.request.body ?? {}) as { code?: unknown }
    if (factor.accepts(code)) {
      ctx.body = await authx.reauthenticate(ctx, { amr: ['otp'] })
    } else {
      ctx.status = 403
      ctx.body = { error_type: 'WrongCode', message: 'The code is wrong, or it was used before' }
    }
  })
  router.post('/payments', authx.freshTokenRequired({ within: '5m', amr: ['otp'] }), ctx => {
    ctx.body = { paid: true }
  })
}
