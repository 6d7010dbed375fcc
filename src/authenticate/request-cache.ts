import { inspect } from 'node:util'
import type { Candidate } from '../request/locate.js'
import { isLate } from '../session/sessions.js'
import type { VerificationKey } from '../token/keys.js'
import type { TokenPayload } from '../token/payload.js'

/** What is known about one token of one request. */
interface CacheEntry {
  readonly location: string | undefined
  readonly token: string
  verified?: { payload: Verified } | { error: unknown }
  revocation?: { answer: Promise<unknown> | undefined }
}

/** A promise only with `getKey`. */
type Verified = TokenPayload | Promise<TokenPayload>
type FoundKey = Promise<VerificationKey | undefined>

/** What is known about one request. It holds tokens: a request that is printed does not show it. */
class RequestState {
  entries: CacheEntry[] = []
  keys?: Map<string, FoundKey>
  /** The error of a store that timed out for this request, and when (milliseconds of `performance.now()`). */
  waited?: { error: unknown; at: number };

  [inspect.custom](): string {
    return 'RequestState {}'
  }
}

/**
 * Keeps for one request what verification and store said about (location, token), so that a middleware and several guards
 * ask once. Each guard checks everything else itself.
 */
export class RequestCache {
  // On the request itself, under a symbol: a WeakMap would cost more than the rest of a guard.
  readonly #key = Symbol('koa-authx')
  readonly #storeTimeout: number

  /** `storeTimeout`: milliseconds. */
  constructor(storeTimeout: number) {
    this.#storeTimeout = storeTimeout
  }

  /** The payload; throws the same error again if the token was refused. */
  verified(request: object, located: Candidate, verify: () => Verified): Verified {
    const entry = this.#entryFor(request, located)
    entry.verified ??= attempt(verify)
    if ('error' in entry.verified) throw entry.verified.error
    return entry.verified.payload
  }

  /** One promise for all who ask in this request; `undefined` if there is neither a store nor a blocklist. */
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
   * Ask the store for a request, unless the store has just timed out for it: no request waits for two timeouts in a row.
   */
  askStore<Answer extends Promise<unknown> | undefined>(request: object, ask: () => Answer): Answer {
    const state = this.#stateOf(request)
    const { waited } = state
    if (waited && performance.now() - waited.at < this.#storeTimeout) return Promise.reject(waited.error) as Answer
    const answer = ask()
    answer?.catch(error => {
      if (isLate(error)) state.waited = { error, at: performance.now() }
    })
    return answer
  }

  /** What `getKey` answered for a token, also if it found no key. A refresh and a logout do not change it. */
  key(request: object, token: string, ask: () => FoundKey): FoundKey {
    const state = this.#stateOf(request)
    state.keys ??= new Map()
    const found = state.keys.get(token) ?? ask()
    state.keys.set(token, found)
    return found
  }

  /** Forget the tokens of a request: a refresh or a logout has changed them. */
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
