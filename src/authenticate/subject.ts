import type { Context } from 'koa'
import { askCallback, askInTime } from '../callback.js'
import type { Config } from '../config/table.js'
import { checkNames, isObject } from '../config/values.js'
import { SubjectNotFoundError } from '../errors.js'
import { warnOnce } from '../request/warn.js'
import { Deadline } from '../time/deadline.js'
import { checkAudience, checkData, checkScopes } from '../token/claims.js'
import { issuerOf } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import type { ClaimsRequest, SubjectClaims, SubjectGetter } from './getters.js'
import type { Internals } from './internals.js'

const CLAIMS = new Set(['data', 'scopes', 'audience'])

/**
 * Ask the application about a subject before tokens are issued: the claims getter or, without one, the subject getter.
 * @returns the claims of the claims getter; `undefined` without a claims getter.
 * @throws SubjectNotFoundError, CallbackUnavailableError
 */
export async function askApplication(
  internals: Internals,
  sub: string,
  about: ClaimsRequest,
): Promise<SubjectClaims | undefined> {
  const { claimsGetter, subjectGetter, config } = internals
  if (!claimsGetter) {
    if (subjectGetter)
      found(await askCallback('subjectGetter', deadline(config), () => subjectGetter(sub, about.ctx, undefined)))
    return undefined
  }
  const claims = await askCallback('claimsGetter', deadline(config), async () => {
    const found = await claimsGetter(sub, about)
    checkClaims(found, config)
    return found
  })
  return found(claims)
}

/**
 * Call the subject getter for the guard `subjectRequired`.
 * @returns the subject.
 * @throws SubjectNotFoundError; CallbackUnavailableError if the getter takes longer than `callbackTimeout`; every error
 * of the getter itself.
 */
export async function findSubject(internals: Internals, payload: TokenPayload, ctx: Context): Promise<unknown> {
  const { subjectGetter, config } = internals
  const ask = () => subjectGetter?.(payload.sub, ctx, issuerOf(payload))
  return found(await askInTime('subjectGetter', config.callbackTimeout * 1000, ask))
}

/**
 * Warns about a subject getter that does not read the issuer, if tokens of several parties are accepted: the same `sub`
 * of an issuer and of our own users would be one person. A getter whose source names the issuer, or that takes all
 * arguments, is correct.
 */
export function warnAboutIssuer<Subject>(getter: SubjectGetter<Subject>, { issuers, ring }: Internals): void {
  if (typeof getter !== 'function' || getter.length > 2) return
  const parties = (issuers?.all.length ?? 0) + (ring.verification.length > 0 ? 1 : 0)
  if (!issuers || parties < 2 || /issuer|\.\.\.|\barguments\b/i.test(Function.prototype.toString.call(getter))) return
  warnOnce(
    'AUTHX_SUBJECT_ISSUER',
    'setSubjectGetter: tokens of more than one party are accepted here (option issuers), but the subject getter does not ' +
      'read its third parameter, the issuer. Two parties can give the same sub to different persons, and the getter ' +
      'takes them for one. Find the user by both: (sub, ctx, issuer) => ..., where issuer is undefined for your own tokens.',
  )
}

const deadline = ({ callbackTimeout }: Config) => new Deadline(callbackTimeout * 1000)

function found<T>(value: T): NonNullable<T> {
  if (value === undefined || value === null) throw new SubjectNotFoundError()
  return value
}

/**
 * Checks the result of the claims getter.
 * @throws TypeError unless it is `undefined`, `null` or valid SubjectClaims.
 */
function checkClaims(claims: unknown, config: Config): void {
  if (claims === undefined || claims === null) return
  if (!isObject(claims)) throw new TypeError('the claims getter must return an object such as { scopes }, or undefined')
  checkNames(claims, CLAIMS, 'the claims getter')
  checkData(claims.data, config)
  checkScopes(claims.scopes)
  checkAudience(claims.audience)
}
