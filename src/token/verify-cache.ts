import type { TokenPayload } from './payload.js'

/**
 * How many marks are kept for each token that fits into the cache. A mark is a hash of a token that was used once. If
 * more than about `MARKS * size` other tokens are used between the first and the second use of a token, its mark is
 * lost, and the second use counts as the first.
 */
const MARKS = 4

/**
 * Caches tokens whose signature is valid, with their frozen payloads, because a client sends the same token many times.
 * The cache key is the whole token. Tokens that no key has signed are never added. The cache only answers whether the
 * signature is valid: times, issuer, audience and revocation are checked on every request. Each key ring has its own
 * cache, so that new keys start with an empty one.
 */
export class VerifyCache {
  readonly #half: number
  /**
   * Marks (see `markOf`) of tokens that were used once. A mark's index depends on its value. A later mark with the same
   * index replaces it.
   */
  readonly #once: Uint32Array
  /** Two generations instead of an ordered list: a token found in the older one moves to the younger one. */
  #young = new Map<string, TokenPayload>()
  #old = new Map<string, TokenPayload>()

  /** `size`: the maximum number of tokens. An odd number is rounded up; 0 turns the cache off. */
  constructor(size: number) {
    this.#half = Math.ceil(size / 2)
    this.#once = new Uint32Array(MARKS * size)
  }

  get(token: string): TokenPayload | undefined {
    const payload = this.#young.get(token)
    if (payload) return payload
    const old = this.#old.get(token)
    if (old) this.#keep(token, old)
    return old
  }

  /**
   * Adds a token when it is used for the second time. Otherwise tokens that are used once would push out other tokens.
   */
  add(token: string, payload: TokenPayload): void {
    if (this.#half === 0) return
    const mark = markOf(token)
    const place = mark % this.#once.length
    if (this.#once[place] === mark) this.#keep(token, payload)
    else this.#once[place] = mark
  }

  #keep(token: string, payload: TokenPayload): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(token, payload)
  }
}

/**
 * A 32-bit hash of the last 8 characters of a token. They are part of the signature and therefore look random. If two
 * tokens have the same mark, the second is only added one request too early.
 */
function markOf(token: string): number {
  let mark = 0
  for (let n = Math.max(0, token.length - 8); n < token.length; n++) mark = Math.imul(mark, 33) ^ token.charCodeAt(n)
  return mark >>> 0
}
