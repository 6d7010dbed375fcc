import { RevokedTokenError } from '../errors.js'
import type { RevokedReason } from './rotation.js'

/** What the developer is told; the client gets one constant message for all of them. */
const CAUSES: Readonly<Record<RevokedReason | 'blocklist' | 'noStore', string>> = {
  unknownSession:
    'the store does not know the session of this token: it was opened on another store (a memory store is that of one ' +
    'process), it has ended more than ten minutes ago, the store has lost it, or there never was a session with this sid',
  otherSubject: 'the session that the token names belongs to another subject',
  otherLoginType: 'the session that the token names belongs to another login type',
  ended: 'the token or its session has been ended: by logout, revoke or revokeSession, or by a reused refresh token',
  cutOff: 'revokeAllSessions was called for the subject after this login',
  pastEnd: 'the session is past its absolute end (sessionExpires)',
  lastTokenExpired:
    'the last token that login or refresh gave to the session has expired, and the session has ended with it; a token of ' +
    'createAccessToken that names the session ends then too',
  noGeneration: 'the refresh token names a session but no generation (gen): neither login nor refresh issued it',
  aheadOfStore: 'the refresh token is more than one generation ahead of the store: the store has lost refreshes',
  blocklist: 'the blocklist of the application (setTokenBlocklist) has it',
  noStore: 'the token names a session, and this instance has no store that could know it',
}

/** The error for a token that is refused for this reason. */
export const revokedBecause = (reason: keyof typeof CAUSES): RevokedTokenError =>
  new RevokedTokenError(undefined, undefined, { cause: CAUSES[reason] })
