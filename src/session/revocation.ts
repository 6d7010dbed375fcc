import { askCallback } from '../callback.js'
import type { Config } from '../config/table.js'
import { CallbackUnavailableError, RevokedTokenError } from '../errors.js'
import type { Issuers } from '../issuers/issuers.js'
import { Deadline } from '../time/deadline.js'
import type { TokenPayload } from '../token/payload.js'
import { isExpired } from '../token/verify.js'
import { type BlocklistCallback, watchBlocklist } from './blocklist.js'
import type { IssuerSessions } from './issuer-sessions.js'
import { revokedBecause } from './revoked.js'
import type { LoginEnd } from './rotation.js'
import type { Sessions } from './sessions.js'

/** Where tokens are ended, and whose tokens they can be. */
export interface RevocationParts {
  /** Our own sessions. `undefined` without a store. */
  readonly sessions: Sessions | undefined
  /** What has ended of issuers. `undefined` without a store. */
  readonly issuerSessions: IssuerSessions | undefined
  readonly issuers: Issuers | undefined
}

/**
 * Checks whether a token is revoked, and revokes it: in the store and in the application's blocklist. Here it is decided
 * whose token it is: our own, or an issuer's. An issuer's token never reaches `Sessions`.
 */
export class Revocation {
  #blocklist: BlocklistCallback | undefined
  readonly #parts: RevocationParts
  readonly #config: Config

  constructor(parts: RevocationParts, config: Config) {
    this.#parts = parts
    this.#config = config
  }

  /** Set the application's blocklist. */
  setBlocklist(blocklist: BlocklistCallback): void {
    this.#blocklist = watchBlocklist(blocklist)
  }

  /**
   * Check that a token is not revoked.
   * @param operation `'watch'` for repeated checks that belong to no request, as of a WebSocket. Default `'check'`.
   * @returns `undefined` if there is nothing to check. Rejects with RevokedTokenError, ReusedTokenError,
   * UnavailableError.
   */
  check(token: TokenPayload, operation: 'check' | 'watch' = 'check'): Promise<unknown> | undefined {
    const asksStore = token.type === 'refresh' || this.#config.accessTokenRevocation
    const answer = asksStore ? this.#askStore(token, operation) : undefined
    return this.#blocklist ? Promise.all([answer, this.checkBlocklist(token)]) : answer
  }

  /**
   * Resolves to when the login of a token ends. Always asks the store, whatever `accessTokenRevocation` says.
   * @throws RevokedTokenError, also for a token with a session if there is no store; ReusedTokenError,
   * UnavailableError.
   */
  async endOf(token: TokenPayload): Promise<LoginEnd> {
    if (!this.#parts.sessions && token.sid !== undefined) throw revokedBecause('noStore')
    const [end] = await Promise.all([this.#askStore(token, 'check'), this.checkBlocklist(token)])
    return end ?? { endsAt: (token.iat + this.#config.sessionExpires) * 1000 }
  }

  /** Whether a token is revoked. Always asks the store, whatever `accessTokenRevocation` says. @throws UnavailableError */
  async isRevoked(token: TokenPayload): Promise<boolean> {
    return (await this.endOf(token).catch(undefinedIfRevoked)) === undefined
  }

  /**
   * Whether the login of a token is still valid. A session stays valid if only the token has expired or is used up.
   * @throws UnavailableError
   */
  async isLive(token: TokenPayload): Promise<boolean> {
    const answers = Promise.all([this.#isLiveInStore(token), this.checkBlocklist(token)])
    const [isLive] = (await answers.catch(undefinedIfRevoked)) ?? [false]
    return isLive
  }

  /**
   * Revoke a token: its session, or only the token if it has no session or is an issuer's. Does nothing without a store.
   * @throws TokenInvalidSignatureError if a session would end, but only a key from `getKey` has signed the token;
   * StoreUnavailableError.
   */
  async revoke(token: TokenPayload): Promise<void> {
    const { sessions, issuerSessions } = this.#parts
    const issuer = this.issuerOf(token)
    await (issuer === undefined ? sessions?.revoke(token) : issuerSessions?.revoke(issuer, token))
  }

  /** The issuer of a token: an entry of the option `issuers`. `undefined`: it is our own. */
  issuerOf(token: TokenPayload): string | undefined {
    return this.#parts.issuers?.nameOf(token)
  }

  /** Returns a new deadline (`storeTimeout`) for all checks of one token to share. */
  deadline(): Deadline {
    return new Deadline(this.#config.storeTimeout)
  }

  /** Checks only the application's blocklist. @throws RevokedTokenError, CallbackUnavailableError */
  async checkBlocklist(token: TokenPayload, deadline = this.deadline()): Promise<void> {
    const blocklist = this.#blocklist
    if (!blocklist) return
    const revoked: unknown = await askCallback('tokenBlocklist', deadline, () => blocklist(token))
    if (revoked === true) throw revokedBecause('blocklist')
    if (revoked === false) return
    // A callback without a `return` resolves to undefined. Revoked tokens must not pass then.
    const cause = new TypeError('the token blocklist must resolve to true or false')
    throw new CallbackUnavailableError('tokenBlocklist', { cause })
  }

  #askStore(token: TokenPayload, operation: 'check' | 'watch'): Promise<LoginEnd> | undefined {
    const { sessions, issuerSessions } = this.#parts
    const issuer = this.issuerOf(token)
    return issuer === undefined ? sessions?.check(token, operation) : issuerSessions?.check(issuer, token, operation)
  }

  async #isLiveInStore(token: TokenPayload): Promise<boolean> {
    const { sessions, issuerSessions } = this.#parts
    const issuer = this.issuerOf(token)
    const isUnexpired = !isExpired(token, this.#config)
    if (issuer !== undefined) return issuerSessions?.isLive(issuer, token) ?? isUnexpired
    return sessions?.isLive(token) ?? (token.sid === undefined && isUnexpired)
  }
}

function undefinedIfRevoked(error: unknown): undefined {
  if (!(error instanceof RevokedTokenError)) throw error
}
