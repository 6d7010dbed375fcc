import type { LocatedToken } from '../request/locate.js'
import { isLate } from '../session/sessions.js'
import type { VerificationKey } from '../token/keys.js'
import type { TokenPayload } from '../token/payload.js'

/** What one request has learnt of one token. */
interface Learnt {
  readonly location: string
  readonly token: string
  verified?: { payload: Verified } | { error: unknown }
  revocation?: Promise<void>
}

/** With `getKey` it takes a while. */
type Verified = TokenPayload | Promise<TokenPayload>
type FoundKey = Promise<VerificationKey | undefined>

/**
 * Remembers for one request what verification and store said of (location, token), so that a middleware and several
 * guards ask once. Everything else is judged by each guard anew.
 */
export class RequestMemory {
  readonly #requests = new WeakMap<object, Learnt[]>()
  readonly #waited = new WeakMap<object, { error: unknown; at: number }>()
  readonly #keys = new WeakMap<object, Map<string, FoundKey>>()

  readonly #storeTimeout: number

  /** `storeTimeout`: milliseconds. */
  constructor(storeTimeout: number) {
    this.#storeTimeout = storeTimeout
  }

  /** The payload, or the error again that refused it. */
  verified(request: object, located: LocatedToken, verify: () => Verified): Verified {
    const learnt = this.#about(request, located)
    learnt.verified ??= attempt(verify)
    if ('error' in learnt.verified) throw learnt.verified.error
    return learnt.verified.payload
  }

  /** The same promise for everybody who asks in this request. */
  revocation(request: object, located: LocatedToken, check: () => Promise<void>): Promise<void> {
    const learnt = this.#about(request, located)
    learnt.revocation ??= this.asking(request, check)
    return learnt.revocation
  }

  /**
   * Ask the store in the name of a request, unless it has just let a deadline of this request pass: nobody waits for two
   * deadlines on end to be told that it is away.
   */
  async asking<T>(request: object, ask: () => Promise<T>): Promise<T> {
    const waited = this.#waited.get(request)
    if (waited && performance.now() - waited.at < this.#storeTimeout) throw waited.error
    try {
      return await ask()
    } catch (error) {
      if (isLate(error)) this.#waited.set(request, { error, at: performance.now() })
      throw error
    }
  }

  /** What `getKey` said of a token; that it has no answer too. A refresh and a logout do not change it. */
  key(request: object, token: string, ask: () => FoundKey): FoundKey {
    const keys = this.#keys.get(request) ?? new Map<string, FoundKey>()
    this.#keys.set(request, keys)
    const found = keys.get(token) ?? ask()
    keys.set(token, found)
    return found
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

function attempt(verify: () => Verified): { payload: Verified } | { error: unknown } {
  try {
    return { payload: verify() }
  } catch (error) {
    return { error }
  }
}
