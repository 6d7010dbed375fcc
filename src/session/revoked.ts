import { RevokedTokenError } from '../errors.js'
import type { RevokedReason } from './rotation.js'

/** What the developer is told; the client gets one constant message for all of them. */
const CAUSES: Readonly<Record<RevokedReason | 'blocklist' | 'noStore', string>> = {
  unknownSession:
    'the store does not know the session of this token: it was opened on another store (a memory store is that of one ' +
    'process), the store has lost it or dropped it after its end, or there never was a session with this sid',
  otherSubject: 'the session that the token names belongs to another subject',
  otherLoginType: 'the session that the token names belongs to another login type',
  ended: 'the token or its session has been ended: by logout, revoke or revokeSession, or by a reused refresh token',
  pastEnd: 'the session is past its absolute end (sessionExpires)',
  cutOff: 'revokeAllSessions was called for the subject after this login',
  noGeneration: 'the refresh token names a session but no generation (gen): neither login nor refresh issued it',
  aheadOfStore: 'the refresh token is more than one generation ahead of the store: the store has lost refreshes',
  blocklist: 'the blocklist of the application (setTokenBlocklist) has it',
  noStore: 'the token names a session, and this instance has no store that could know it',
}

/** The error for a token that is refused for this reason. */
export const revokedBecause = (reason: keyof typeof CAUSES): RevokedTokenError =>
  new RevokedTokenError(undefined, undefined, { cause: CAUSES[reason] })
