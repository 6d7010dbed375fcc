import type { LocatedToken } from '../request/locate.js'
import type { TokenPayload } from '../token/payload.js'

/** What one request has learnt of one token. */
interface Learnt {
  readonly location: string
  readonly token: string
  verified?: { payload: TokenPayload } | { error: unknown }
  revocation?: Promise<void>
}

/**
 * Remembers for one request what verification and store said of (location, token), so that a middleware and several
 * guards ask once. Everything else is judged by each guard anew.
 */
export class RequestMemory {
  readonly #requests = new WeakMap<object, Learnt[]>()

  /** The payload, or the error again that refused it. */
  verified(request: object, located: LocatedToken, verify: () => TokenPayload): TokenPayload {
    const learnt = this.#about(request, located)
    learnt.verified ??= attempt(verify)
    if ('error' in learnt.verified) throw learnt.verified.error
    return learnt.verified.payload
  }

  /** The same promise for everybody who asks in this request. */
  revocation(request: object, located: LocatedToken, check: () => Promise<void>): Promise<void> {
    const learnt = this.#about(request, located)
    learnt.revocation ??= check()
    return learnt.revocation
  }

  /** After a refresh or a logout the tokens of the request are not what they were. */
  forget(request: object): void {
    this.#requests.delete(request)
  }

  #about(request: object, { location, token }: LocatedToken): Learnt {
    const all = this.#requests.get(request)
    const known = all?.find(learnt => learnt.location === location && learnt.token === token)
    if (known) return known
    const learnt: Learnt = { location, token }
    if (all) all.push(learnt)
    else this.#requests.set(request, [learnt])
    return learnt
  }
}

function attempt(verify: () => TokenPayload): { payload: TokenPayload } | { error: unknown } {
  try {
    return { payload: verify() }
  } catch (error) {
    return { error }
  }
}
