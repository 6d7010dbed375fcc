import type { Context, Middleware } from 'koa'
import type { Internals } from '../authenticate/internals.js'
import { askCallback } from '../callback.js'
import { checkNames, isObject } from '../config/values.js'
import { AuthXError, BadConfigurationError, JWTDecodeError } from '../errors.js'
import type { Issuers } from '../issuers/issuers.js'
import { type LogoutToken, verifyLogoutToken } from '../issuers/logout-token.js'
import { canReadBody, mediaTypeOf, parsedBody } from '../request/body.js'
import { BodyError, readBody } from '../request/read-body.js'
import type { IssuerSessions } from '../session/issuer-sessions.js'
import { Deadline } from '../time/deadline.js'

/** What an issuer has announced: the logout of a session (`sid`), of all sessions of a subject (`sub`), or both ids. */
export interface IssuerLogoutNotice {
  /** The issuer: the claim `iss`. */
  readonly issuer: string
  /** The subject. Missing if only the session is named. */
  readonly sub?: string
  /** The session of the issuer. Missing if all sessions of the subject have ended. */
  readonly sid?: string
}

/** Options of `backchannelLogout`. */
export interface BackchannelLogoutOptions {
  /**
   * Called after the issuer's session has ended, before the answer: to end your own sessions of the same user, for
   * example. It may run again for the same logout. If it throws or takes longer than `callbackTimeout`, the answer is
   * 503, so that the issuer sends the logout token again. Default: none.
   */
  onLogout?: ((notice: IssuerLogoutNotice, ctx: Context) => unknown) | undefined
}

const OPTIONS = new Set(['onLogout'])

const FORM = 'application/x-www-form-urlencoded'

/** Maximum size of the form, bytes. A logout token has about one thousand. */
const MAX_BYTES = 32 * 1024

/** Makes the handler for back-channel logouts. @throws BadConfigurationError, TypeError. */
export function backchannelLogout(internals: Internals, options: BackchannelLogoutOptions): Middleware {
  checkNames(options, OPTIONS, 'backchannelLogout')
  const { onLogout } = options
  if (onLogout !== undefined && typeof onLogout !== 'function')
    throw new TypeError('backchannelLogout: onLogout must be a function')
  const { issuers, issuerSessions } = neededParts(internals, options)
  return async function backchannelLogout(ctx) {
    ctx.set('Cache-Control', 'no-store')
    if (ctx.method !== 'POST') return refuseMethod(ctx)
    try {
      const logout = await verifyLogoutToken(await logoutTokenIn(ctx), issuers, internals.config)
      await end(internals, issuerSessions, logout, onLogout, ctx)
      ctx.status = 200
      ctx.body = ''
    } catch (error) {
      refuse(internals, ctx, error)
    }
  }
}

/** @throws BadConfigurationError if a logout would end nothing. */
function neededParts(
  { config, issuers, issuerSessions }: Internals,
  { onLogout }: BackchannelLogoutOptions,
): { issuers: Issuers; issuerSessions: IssuerSessions } {
  const hasClientId = issuers?.all.some(({ issuer }) => issuer.clientId.length > 0)
  const problems = [
    ...(hasClientId ? [] : [NEEDS_CLIENT_ID]),
    ...(issuerSessions ? [] : [NEEDS_STORE]),
    ...(config.accessTokenRevocation || onLogout ? [] : [NEEDS_REVOCATION]),
  ]
  if (issuers && issuerSessions && problems.length === 0) return { issuers, issuerSessions }
  throw new BadConfigurationError(problems)
}

const NEEDS_CLIENT_ID =
  'backchannelLogout needs an issuer with clientId; set issuers: [remoteIssuer({ clientId, ... })]'
const NEEDS_STORE = 'backchannelLogout needs a store, or a logout would end nothing; set the option store'
const NEEDS_REVOCATION =
  'backchannelLogout ends nothing with accessTokenRevocation: false, because guards do not ask the store about access ' +
  'tokens; remove this option, or set onLogout'

/** Returns the parameter `logout_token` of the form; it is not checked. @throws JWTDecodeError if there is not one. */
async function logoutTokenIn(ctx: Context): Promise<unknown> {
  // OpenID Connect Back-Channel Logout 1.0 §2.5 defines no other content type.
  if (mediaTypeOf(ctx) !== FORM) throw noToken(`the Content-Type is not ${FORM}`)
  const form = canReadBody(ctx) ? await readForm(ctx) : parsedBody(ctx)
  const token = isObject(form) ? form.logout_token : undefined
  if (typeof token === 'string') return token
  throw noToken('the form has no logout_token, or more than one')
}

async function readForm(ctx: Context): Promise<Record<string, unknown>> {
  const form = new URLSearchParams((await readBody(ctx.req, MAX_BYTES).catch(refuseBody)).toString('utf8'))
  const tokens = form.getAll('logout_token')
  return { logout_token: tokens.length === 1 ? tokens[0] : tokens }
}

function refuseBody(error: unknown): never {
  if (!(error instanceof BodyError)) throw error
  throw noToken(error.status === 413 ? `the form has more than ${MAX_BYTES} bytes` : error.message)
}

const noToken = (cause: string) => new JWTDecodeError(undefined, undefined, { cause })

async function end(
  { config }: Internals,
  sessions: IssuerSessions,
  logout: LogoutToken,
  onLogout: BackchannelLogoutOptions['onLogout'],
  ctx: Context,
): Promise<void> {
  const { issuer, sub, sid } = logout
  if (await sessions.isUsed(issuer, logout)) throw noToken('the logout token was used before')
  await sessions.logout(issuer, logout)
  if (onLogout) {
    const notice = { issuer, ...(sub !== undefined && { sub }), ...(sid !== undefined && { sid }) }
    await askCallback('onLogout', new Deadline(config.callbackTimeout * 1000), async () => onLogout(notice, ctx))
  }
  await sessions.markUsed(issuer, logout)
}

/** Answers an invalid request with 400 (OpenID Connect Back-Channel Logout 1.0 §2.8). @throws every other error. */
function refuse({ events }: Internals, ctx: Context, error: unknown): void {
  if (error instanceof AuthXError && error.status !== 500) events.emit('refused', { reason: error.code })
  if (!(error instanceof AuthXError) || error.status >= 500) throw error
  ctx.status = 400
  ctx.body = invalidRequest(typeof error.cause === 'string' ? error.cause : error.message)
}

/** Answers a request with another method (RFC 9110 §15.5.6): a person who opens the address, for example. */
function refuseMethod(ctx: Context): void {
  ctx.status = 405
  ctx.set('Allow', 'POST')
  ctx.body = invalidRequest('the issuer has to send the logout token with POST')
}

const invalidRequest = (error_description: string) => ({ error: 'invalid_request', error_description })
