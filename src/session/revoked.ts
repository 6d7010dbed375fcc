import { ReusedTokenError, RevokedTokenError } from '../errors.js'
import type { TokenPayload } from '../token/payload.js'
import type { RevokedReason } from './rotation.js'

/** The cause of each error, for the developer. The client gets one constant message for all of them. */
const CAUSES: Readonly<Record<RevokedReason | 'blocklist' | 'noStore' | 'issuerLoginEnded', string>> = {
  unknownSession:
    'the store does not know the session of this token: it was opened in another store (a memory store belongs to one ' +
    'process), it ended more than ten minutes ago, the store lost it, or no session ever had this sid',
  otherSubject: 'the session of the token (sid) belongs to another subject',
  otherLoginType: 'the session of the token (sid) belongs to another login type',
  ended: 'the token or its session has been ended by logout, revoke, revokeSession or the reuse of a token',
  cutOff: 'revokeAllSessions was called for the subject after this login',
  pastEnd: 'the session is past its absolute end (sessionExpires)',
  lastTokenExpired:
    'the session has ended, because the last token that login or refresh issued for it has expired; tokens of ' +
    'createAccessToken with this sid end with it',
  noGeneration: 'the refresh token has a session (sid) but no generation (gen), so neither login nor refresh issued it',
  aheadOfStore: 'the refresh token is more than one generation ahead of the store: the store has lost refreshes',
  blocklist: 'the blocklist of the application (setTokenBlocklist) contains the token',
  issuerLoginEnded:
    'revoke, revokeSession, revokeAllSessions, logout or a back-channel logout has ended this token of an issuer, its ' +
    'session, or all tokens that its subject had then',
  noStore: 'the token has a session (sid), but this instance has no store; set the option store',
}

/** Makes the error for a token that is refused for `reason`. */
export const revokedBecause = (reason: keyof typeof CAUSES): RevokedTokenError =>
  new RevokedTokenError(undefined, undefined, { cause: CAUSES[reason] })

const REUSED = {
  refresh:
    'the refresh token is used up, or voided: the refresh that issued it was repeated later, and issued other tokens; ' +
    'two clients have tokens of one session',
  access:
    'the access token is voided: the refresh that issued it was repeated later, and issued other tokens; two clients ' +
    'have tokens of one session',
}

/** Makes the error for a token that is reuse: it shows that two clients have tokens of its session. */
export const reusedBecause = ({ type }: Pick<TokenPayload, 'type'>): ReusedTokenError =>
  new ReusedTokenError({ cause: REUSED[type] })
