import { askCallback } from '../callback.js'
import type { Config } from '../config/table.js'
import { CallbackUnavailableError, RevokedTokenError } from '../errors.js'
import { Deadline } from '../time/deadline.js'
import type { TokenPayload } from '../token/payload.js'
import { isExpired } from '../token/verify.js'
import { revokedBecause } from './revoked.js'
import type { Sessions } from './sessions.js'

/** The application's own blocklist: resolves to whether a token, whose signature has been verified, is revoked. */
export type BlocklistCallback = (payload: TokenPayload) => boolean | Promise<boolean>

/** Asks everybody who may have revoked a token: the store, and the application's own blocklist besides. */
export class Revocation {
  blocklist: BlocklistCallback | undefined
  readonly #sessions: Sessions | undefined
  readonly #config: Config

  constructor(sessions: Sessions | undefined, config: Config) {
    this.#sessions = sessions
    this.#config = config
  }

  /**
   * @param operation `'watch'` for repeated checks without a request, as of a WebSocket.
   * @returns `undefined` if there is nobody to be asked. Rejects with RevokedTokenError, ReusedTokenError,
   * UnavailableError.
   */
  check(token: TokenPayload, operation: 'check' | 'watch' = 'check'): Promise<unknown> | undefined {
    const asksStore = token.type === 'refresh' || this.#config.accessTokenRevocation
    const answer = asksStore ? this.#sessions?.check(token, operation) : undefined
    return this.blocklist ? Promise.all([answer, this.checkBlocklist(token)]) : answer
  }

  /**
   * When what the token belongs to ends. Always asks the store, whatever `accessTokenRevocation` says.
   * @returns the end (milliseconds) of what the token belongs to.
   * @throws RevokedTokenError, also for a token of a session that no store can judge; ReusedTokenError, UnavailableError.
   */
  async endOf(token: TokenPayload): Promise<number> {
    if (!this.#sessions && token.sid !== undefined) throw revokedBecause('noStore')
    const [end] = await Promise.all([this.#sessions?.check(token), this.checkBlocklist(token)])
    return end ?? (token.iat + this.#config.sessionExpires) * 1000
  }

  /** Whether a token is revoked; asked of the store in any case, for who asks wants to know. @throws UnavailableError. */
  async isRevoked(token: TokenPayload): Promise<boolean> {
    try {
      await this.endOf(token)
      return false
    } catch (error) {
      if (error instanceof RevokedTokenError) return true
      throw error
    }
  }

  /**
   * Whether the login that a token belongs to goes on. A session does though the token has expired or been used up.
   * @throws StoreUnavailableError
   */
  async isLive(token: TokenPayload): Promise<boolean> {
    try {
      const alone = token.sid === undefined && !isExpired(token, this.#config)
      const [live] = await Promise.all([this.#sessions?.isLive(token) ?? alone, this.checkBlocklist(token)])
      return live
    } catch (error) {
      if (error instanceof RevokedTokenError) return false
      throw error
    }
  }

  /** The time that everybody who is asked about a token has together. */
  deadline(): Deadline {
    return new Deadline(this.#config.storeTimeout)
  }

  /** Only the application's blocklist. @throws RevokedTokenError, CallbackUnavailableError. */
  async checkBlocklist(token: TokenPayload, deadline = this.deadline()): Promise<void> {
    const { blocklist } = this
    if (!blocklist) return
    const revoked: unknown = await askCallback('tokenBlocklist', deadline, () => blocklist(token))
    if (revoked === true) throw revokedBecause('blocklist')
    if (revoked === false) return
    // A forgotten `return` must not let everyone in.
    const cause = new TypeError('the token blocklist must resolve to true or false')
    throw new CallbackUnavailableError('tokenBlocklist', { cause })
  }
}
