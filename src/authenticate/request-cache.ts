import { inspect } from 'node:util'
import type { Candidate, LocatedToken } from '../request/locate.js'
import { isLate } from '../session/operations.js'
import type { VerificationKey } from '../token/keys.js'
import type { TokenPayload } from '../token/payload.js'

/** The cached results for one token of one request. */
interface CacheEntry {
  readonly location: string | undefined
  readonly token: string
  verified?: { payload: Verified } | { error: unknown }
  revocation?: { answer: Promise<unknown> | undefined }
}

/** The payload. It is a promise only with `getKey`, or for a token of an issuer. */
type Verified = TokenPayload | Promise<TokenPayload>
type FoundKey = Promise<VerificationKey | undefined>

/** The cached results of one request. It contains tokens, so they are hidden when the request is printed. */
class RequestState {
  entries: CacheEntry[] = []
  keys?: Map<string, FoundKey>
  /** The access token that `autoRefresh` has issued for this request. */
  renewed?: LocatedToken
  /** The timeout error of the store for this request, and its time (`performance.now()`). */
  waited?: { error: unknown; at: number };

  [inspect.custom](): string {
    return 'RequestState {}'
  }
}

/**
 * Caches verification and revocation for each request, by location and token, so that a middleware and several guards
 * check a token once. Each guard runs all other checks itself.
 */
export class RequestCache {
  // The state is on the request, under a symbol: a WeakMap would take longer than the rest of a guard.
  readonly #key = Symbol('koa-authx')
  readonly #storeTimeoutMs: number

  /** @param storeTimeoutMs the option `storeTimeout`. */
  constructor(storeTimeoutMs: number) {
    this.#storeTimeoutMs = storeTimeoutMs
  }

  /**
   * Returns the payload of a token, cached or from `verify`. Throws the cached error if the token was rejected before.
   */
  verified(request: object, located: Candidate, verify: () => Verified): Verified {
    const entry = this.#entryFor(request, located)
    entry.verified ??= attempt(verify)
    if ('error' in entry.verified) throw entry.verified.error
    return entry.verified.payload
  }

  /**
   * Returns the result of the revocation check, cached or from `check`: the same promise for all guards of a request.
   * `undefined` if there is neither a store nor a blocklist.
   */
  revocation(
    request: object,
    located: Candidate,
    check: () => Promise<unknown> | undefined,
  ): Promise<unknown> | undefined {
    const entry = this.#entryFor(request, located)
    entry.revocation ??= { answer: this.askStore(request, check) }
    return entry.revocation.answer
  }

  /**
   * Call the store for a request. If the store has just timed out for this request, the promise rejects at once. So a
   * request never waits for two timeouts in a row.
   */
  askStore<Answer extends Promise<unknown> | undefined>(request: object, ask: () => Answer): Answer {
    const state = this.#stateOf(request)
    const { waited } = state
    if (waited && performance.now() - waited.at < this.#storeTimeoutMs) return Promise.reject(waited.error) as Answer
    const answer = ask()
    answer?.catch(error => {
      if (isLate(error)) state.waited = { error, at: performance.now() }
    })
    return answer
  }

  /**
   * Returns the result of `getKey` for a token, cached or from `ask`. A missing key is cached too. `forget` does not
   * clear these results.
   */
  key(request: object, token: string, ask: () => FoundKey): FoundKey {
    const state = this.#stateOf(request)
    state.keys ??= new Map()
    const found = state.keys.get(token) ?? ask()
    state.keys.set(token, found)
    return found
  }

  /**
   * Make the guards of a request use a new access token instead of the token in the request's cookie. The guards do not
   * ask the store about the new token. Its session was read and written a moment ago. A question would also record in
   * the store that the client has received the new token, but the response has not been sent yet.
   */
  renew(request: object, renewed: LocatedToken, payload: TokenPayload): void {
    this.#stateOf(request).renewed = renewed
    this.verified(request, renewed, () => payload)
    this.revocation(request, renewed, () => Promise.resolve())
  }

  /** The access token that was issued for this request. `undefined` if there is none. */
  renewed(request: object): LocatedToken | undefined {
    return (request as { [key: symbol]: RequestState | undefined })[this.#key]?.renewed
  }

  /** Clear the results for the tokens of a request, after a refresh or a logout. */
  forget(request: object): void {
    this.#stateOf(request).entries = []
  }

  #stateOf(request: object): RequestState {
    const carrier = request as { [key: symbol]: RequestState }
    const known = carrier[this.#key]
    if (known) return known
    const state = new RequestState()
    Object.defineProperty(request, this.#key, { value: state })
    return state
  }

  #entryFor(request: object, { location, token }: Candidate): CacheEntry {
    const { entries } = this.#stateOf(request)
    const known = entries.find(entry => entry.location === location && entry.token === token)
    if (known) return known
    const entry: CacheEntry = { location, token }
    entries.push(entry)
    return entry
  }
}

function attempt(verify: () => Verified): { payload: Verified } | { error: unknown } {
  try {
    return { payload: verify() }
  } catch (error) {
    return { error }
  }
}
