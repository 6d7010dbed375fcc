import type { SubjectRecord } from './record.js'
import { acceptedRecord, heldRecord, type Owner, type RotationConfig, type StoredState } from './rotation.js'

/** What the records of listed sessions say about them, as pure functions. */

/** The owner of a list. */
export type Subject = Pick<Owner, 'sub' | 'loginType'>

export interface Found {
  readonly id: string
  readonly record: StoredState['record']
}

/**
 * The ids of sessions that have ended. The clock of this server is not used: a session that ends by itself has ended
 * when the store removes its record.
 */
export function endedAmong(found: readonly Found[], owner: Subject, subject: SubjectRecord): Set<string> {
  const { sub, loginType } = owner
  const isHeld = ({ id, record }: Found) => heldRecord({ id, sub, loginType }, { record, subject }) !== undefined
  return new Set(found.filter(each => !isHeld(each)).map(({ id }) => id))
}

/** The ids of sessions whose tokens guards accept. */
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
