import type { TokenPayload } from './payload.js'

/**
 * Tokens whose signature has been found good, with their frozen payloads: the same client mostly sends the same token
 * again. Found by the whole token and nothing less; another spelling of it is only a miss, and what a key has not signed
 * never gets in. It answers "did our key sign this?" and nothing else: times, issuer, audience and revocation are judged
 * on every request, and each key ring has a cache of its own, so that other keys begin with an empty one.
 */
export class VerifyCache {
  readonly #half: number
  /** Two generations in place of a list in order of use: what is found in the older one moves to the younger. */
  #young = new Map<string, TokenPayload>()
  #old = new Map<string, TokenPayload>()

  /** `size`: how many tokens are kept at most, an odd number rounded up; 0 keeps none. */
  constructor(size: number) {
    this.#half = Math.ceil(size / 2)
  }

  get(token: string): TokenPayload | undefined {
    const payload = this.#young.get(token)
    if (payload) return payload
    const old = this.#old.get(token)
    if (old) this.add(token, old)
    return old
  }

  add(token: string, payload: TokenPayload): void {
    if (this.#half === 0) return
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(token, payload)
  }
}
