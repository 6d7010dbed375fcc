import type { Context } from 'koa'
import type { SubjectClaims } from '../authenticate/getters.js'
import type { AuthContext, Internals } from '../authenticate/internals.js'
import { askApplication } from '../authenticate/subject.js'
import { InsufficientScopeError, SubjectNotFoundError } from '../errors.js'
import type { SessionRecord } from '../session/record.js'
import { revokedBecause } from '../session/revoked.js'
import { idOf } from '../session/rotation.js'
import type { AccessChanges } from '../session/tokens.js'
import { withoutApplicationClaims } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import { coversAll } from '../token/scopes.js'

/** The token whose claims the new tokens get, and what is different in the new access token. */
export interface TokenSource {
  readonly token: TokenPayload
  readonly changes: AccessChanges
}

/**
 * Asks the application, during one refresh or renewal, whether the subject still exists and which claims it has now.
 * Then `source` returns what the new tokens contain.
 */
export class AskedAgain {
  readonly #internals: Internals
  readonly #ctx: AuthContext
  readonly #presented: TokenPayload
  readonly #options: AccessChanges
  readonly #reason: 'refresh' | 'implicitRefresh'
  #claims: SubjectClaims | undefined

  constructor(
    internals: Internals,
    ctx: AuthContext,
    presented: TokenPayload,
    options: AccessChanges,
    reason: 'refresh' | 'implicitRefresh' = 'refresh',
  ) {
    this.#internals = internals
    this.#ctx = ctx
    this.#presented = presented
    this.#options = options
    this.#reason = reason
  }

  /** Whether there is a claims getter or a subject getter to call. */
  get isNeeded(): boolean {
    return Boolean(this.#internals.claimsGetter ?? this.#internals.subjectGetter)
  }

  /**
   * Call the claims getter or, without one, the subject getter. If the subject does not exist, revoke the session of the
   * token.
   * @throws SubjectNotFoundError, CallbackUnavailableError, StoreUnavailableError; RevokedTokenError if the token has a session and there is
   * no store.
   */
  async ask(record: Pick<SessionRecord, 'context'> | undefined): Promise<void> {
    const token = this.#presented
    const { sessions } = this.#internals
    if (!sessions && token.sid !== undefined) throw revokedBecause('noStore')
    const ctx = this.#ctx as Context
    const about = { reason: this.#reason, ctx, sid: idOf(token), context: record?.context }
    try {
      this.#claims = await askApplication(this.#internals, token.sub, about)
    } catch (error) {
      if (error instanceof SubjectNotFoundError) await sessions?.revoke(token)
      throw error
    }
  }

  /**
   * Returns the token and the changes from which the new tokens are made. Call `ask` first if `isNeeded` is true.
   * @throws InsufficientScopeError if the option `scopes` is wider than the scopes of the claims getter or, without
   * one, of the presented token.
   */
  source(): TokenSource {
    const { expiry, data, scopes } = this.#options
    const claims = this.#claims
    const widest = claims ? claims.scopes : this.#presented.scopes
    if (scopes && !coversAll(widest ?? [], scopes)) throw new InsufficientScopeError(scopes)
    if (!claims) return { token: this.#presented, changes: { expiry, data, scopes } }
    const token = withoutApplicationClaims(this.#presented, this.#internals.config)
    return {
      token,
      changes: { expiry, data: claims.data ?? {}, scopes: scopes ?? claims.scopes, audience: claims.audience },
    }
  }
}
