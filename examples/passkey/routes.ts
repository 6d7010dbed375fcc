import Router from '@koa/router'
import { type AuthX, InvalidCredentialsError } from 'koa-authx'
import { koaBody } from 'koa-body'
import { checkPassword } from '../check-password.js'
import { Challenges } from './challenges.js'
import { Passkeys, type Site } from './passkeys.js'

/**
 * What a passkey proves, in the words of RFC 8176:
 * - `pop` (OpenID EAP ACR Values): a private key has signed the challenge. `hwk` and `swk` also say where the key is,
 *   which a server cannot know without attestation, and many passkeys are copied from device to device.
 * - `user`: a person was at the device.
 * - `mfa`: the device is one factor, its PIN or biometrics another. Which of them it was, the server does not learn.
 */
const PASSKEY = ['pop', 'user', 'mfa']

/** Only JSON: a page of another site can make a browser post a form, but not JSON. */
const json = koaBody({ jsonLimit: '64kb', urlencoded: false, text: false })

interface Parts {
  readonly authx: AuthX
  readonly passkeys: Passkeys
  readonly challenges: Challenges
}

/** All routes but the page. `now` is the clock of the challenges. */
export function passkeyRouter(authx: AuthX, site: Site, now = Date.now): Router {
  const parts = { authx, passkeys: new Passkeys(site), challenges: new Challenges(now) }
  const router = new Router()

  router.post('/login', json, async ctx => {
    ctx.body = await authx.login(ctx, checkPassword(ctx), { amr: ['pwd'] })
  })
  router.post('/logout', async ctx => {
    await authx.logout(ctx)
    ctx.status = 204
  })
  router.post('/payments', authx.freshTokenRequired({ within: '5m', amr: PASSKEY }), ctx => {
    ctx.body = { paid: true, amr: ctx.state.token.amr }
  })

  addRegistration(router, parts)
  addLogin(router, parts)
  addStepUp(router, parts)
  return router
}

/**
 * The first passkey requires a recent login. Another one requires a passkey, because otherwise someone with a stolen
 * password could add their own.
 */
function addRegistration(router: Router, { authx, passkeys, challenges }: Parts): void {
  const recent = authx.freshTokenRequired({ within: '5m' })
  const confirmed = authx.freshTokenRequired({ within: '5m', amr: PASSKEY })
  const mayRegister: typeof confirmed = (ctx, next) =>
    passkeys.of(ctx.state.token.sub).length === 0 ? next() : confirmed(ctx, next)

  router.post('/passkeys/options', recent, mayRegister, async ctx => {
    const { sub, sid } = ctx.state.token
    const options = await passkeys.registrationOptions(sub)
    challenges.keep(ctx, `register ${sid}`, options.challenge)
    ctx.body = options
  })

  router.post('/passkeys', recent, mayRegister, json, async ctx => {
    const { sub, sid } = ctx.state.token
    const challenge = challenges.take(ctx, `register ${sid}`)
    await passkeys
      .register(sub, ctx.request.body, challenge)
      .catch(cause => ctx.throw(400, 'The passkey was not accepted', { cause }))
    ctx.status = 201
  })
}

/** The passkey says which user it is. */
function addLogin(router: Router, { authx, passkeys, challenges }: Parts): void {
  router.post('/login/passkey/options', async ctx => {
    const options = await passkeys.requestOptions()
    challenges.keep(ctx, 'login', options.challenge)
    ctx.body = options
  })

  router.post('/login/passkey', json, async ctx => {
    const challenge = challenges.take(ctx, 'login')
    const sub = await passkeys.verify(ctx.request.body, challenge).catch(refuse)
    ctx.body = await authx.login(ctx, sub, { amr: PASSKEY })
  })
}

/** Answers 401, as to a wrong password. */
function refuse(cause: unknown): never {
  throw new InvalidCredentialsError({ cause })
}

/** Asks for the passkey again, in the same session. */
function addStepUp(router: Router, { authx, passkeys, challenges }: Parts): void {
  const guard = authx.accessTokenRequired()

  router.post('/confirm/options', guard, async ctx => {
    const { sub, sid } = ctx.state.token
    if (passkeys.of(sub).length === 0) ctx.throw(403, 'You have no passkey: log in and register one')
    const options = await passkeys.requestOptions(sub)
    challenges.keep(ctx, `confirm ${sid}`, options.challenge)
    ctx.body = options
  })

  router.post('/confirm', guard, json, async ctx => {
    const { sub, sid } = ctx.state.token
    const challenge = challenges.take(ctx, `confirm ${sid}`)
    await passkeys.verify(ctx.request.body, challenge, sub).catch(refuse)
    ctx.body = await authx.reauthenticate(ctx, { amr: PASSKEY })
  })
}
