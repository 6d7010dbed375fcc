import type { SubjectRecord } from './record.js'
import { acceptedRecord, heldRecord, type Owner, type RotationConfig, type StoredState } from './rotation.js'

/** Which sessions of a list have ended, and which are accepted, by their records. Pure functions. */

/** The subject and the login type that a list of sessions belongs to. */
export type Subject = Pick<Owner, 'sub' | 'loginType'>

export interface Found {
  readonly id: string
  readonly record: StoredState['record']
}

/**
 * Returns the ids of sessions that have ended. It uses no clock, because the clock of this server may be fast: a
 * session that expires counts as ended only when the store has removed its record.
 */
export function endedAmong(found: readonly Found[], owner: Subject, subject: SubjectRecord): Set<string> {
  const { sub, loginType } = owner
  const isHeld = ({ id, record }: Found) => heldRecord({ id, sub, loginType }, { record, subject }) !== undefined
  return new Set(found.filter(each => !isHeld(each)).map(({ id }) => id))
}

/** Returns the ids of sessions whose access tokens guards accept at `now` (milliseconds). */
export function acceptedAmong(
  found: readonly Found[],
  owner: Subject,
  subject: SubjectRecord,
  now: number,
  config: RotationConfig,
): ReadonlySet<string> {
  const { sub, loginType } = owner
  const isAccepted = ({ id, record }: Found) =>
    acceptedRecord({ id, sub, loginType }, { record, subject }, now, config) !== undefined
  return new Set(found.filter(isAccepted).map(({ id }) => id))
}
