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

/** A token to issue tokens from, and what the new access token changes. */
export interface TokenSource {
  readonly token: TokenPayload
  readonly changes: AccessChanges
}

/** One refresh or renewal: asks the application about the subject, and says what the new tokens contain. */
export class AskedAgain {
  readonly #internals: Internals
  readonly #ctx: AuthContext
  readonly #presented: TokenPayload
  readonly #options: AccessChanges
  readonly #reason: 'refresh' | 'implicitRefresh'
  #claims: SubjectClaims | undefined
  /** The error if the application says that the subject does not exist. */
  gone: SubjectNotFoundError | undefined

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

  /** Whether there is a getter to call. */
  get isNeeded(): boolean {
    return Boolean(this.#internals.claimsGetter ?? this.#internals.subjectGetter)
  }

  /** Call the getter. @throws SubjectNotFoundError, CallbackUnavailableError */
  async ask(record: Pick<SessionRecord, 'context'> | undefined): Promise<void> {
    const token = this.#presented
    if (!this.#internals.sessions && token.sid !== undefined) throw revokedBecause('noStore')
    const ctx = this.#ctx as Context
    const about = { reason: this.#reason, ctx, sid: idOf(token), context: record?.context }
    try {
      this.#claims = await askApplication(this.#internals, token.sub, about)
    } catch (error) {
      if (error instanceof SubjectNotFoundError) this.gone = error
      throw error
    }
  }

  /** What to issue tokens from. @throws InsufficientScopeError if `scopes` would be wider than what may be given. */
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
