import { isObject } from '../config/values.js'
import { sha256 } from '../token/sha256.js'
import { isNumber, notOurs, parse, TOMBSTONE } from './record.js'

/**
 * What the store holds about tokens of issuers. Each key is made of the issuer and the id, so that no issuer can name a
 * session, a subject or a token of ours or of another issuer.
 */

/** What is ended or cut off: one token, one session of the issuer, or a subject. `logout`: a logout token was used. */
export type IssuerRecordKind = 'token' | 'session' | 'subject' | 'logout'

export const issuerKey = (kind: IssuerRecordKind, issuer: string, id: string) =>
  `issuer-${kind}:${sha256(JSON.stringify([issuer, id]))}`

/** The record of an issuer's subject. Times are milliseconds; tokens that were issued until then are refused. */
export interface IssuerSubject {
  /** For all tokens of the subject. */
  readonly cutoff: number
  /** Only for tokens without a `sid`: nobody knows which session they belong to. */
  readonly cutoffWithoutSid: number
}

const NEVER_CUT: IssuerSubject = { cutoff: 0, cutoffWithoutSid: 0 }

/** Parses the record of an issuer's subject. @throws StoreUnavailableError if koa-authx did not write the value. */
export function parseIssuerSubject(value: string | undefined): IssuerSubject {
  if (value === undefined) return NEVER_CUT
  const record = parse(value)
  if (isObject(record) && isNumber(record.cutoff) && isNumber(record.cutoffWithoutSid)) {
    return record as unknown as IssuerSubject
  }
  throw notOurs("record of an issuer's subject")
}

/** Whether a token or a session has ended. @throws StoreUnavailableError if koa-authx did not write the value. */
export function isEnded(value: string | undefined): boolean {
  if (value === undefined) return false
  if (value === TOMBSTONE) return true
  throw notOurs('record of an ended token or session of an issuer')
}

/** Whether a subject's record refuses a token. `iat` is in whole seconds, so the cut-off's second counts as before. */
export function isCutOffByIssuer(
  { iat, sid }: { iat: number; sid?: string | undefined },
  { cutoff, cutoffWithoutSid }: IssuerSubject,
): boolean {
  // A cut-off of 0 is none. A token without `iat` has the `iat` 0.
  const isBefore = (end: number) => end > 0 && iat * 1000 <= end
  return isBefore(cutoff) || (sid === undefined && isBefore(cutoffWithoutSid))
}

/** Returns the record after a cut-off. A cut-off never moves back. */
export const cutLater = (before: IssuerSubject, change: Partial<IssuerSubject>): IssuerSubject => ({
  cutoff: Math.max(before.cutoff, change.cutoff ?? 0),
  cutoffWithoutSid: Math.max(before.cutoffWithoutSid, change.cutoffWithoutSid ?? 0),
})
