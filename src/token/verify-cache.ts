import type { TokenPayload } from './payload.js'

/** Marks for each token that may be kept: so many may come before the same one again. */
const MARKS = 4

/**
 * Tokens whose signature has been found good, with their frozen payloads: the same client mostly sends the same token
 * again. Found by the whole token and nothing less; another spelling of it is only a miss, and what a key has not signed
 * never gets in. It answers "did our key sign this?" and nothing else: times, issuer, audience and revocation are judged
 * on every request, and each key ring has a cache of its own, so that other keys begin with an empty one.
 */
export class VerifyCache {
  readonly #half: number
  /** Marks of tokens that have come once, each where it says itself: the next one there takes its place. */
  readonly #once: Uint32Array
  /** Two generations in place of a list in order of use: what is found in the older one moves to the younger. */
  #young = new Map<string, TokenPayload>()
  #old = new Map<string, TokenPayload>()

  /** `size`: how many tokens are kept at most, an odd number rounded up; 0 keeps none. */
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

  /** From its second time on a token is kept: one that comes once would only push out those that come again. */
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
 * 32 bits of a token's end, which is that of its signature and so as good as chance. Two tokens with the same mark are
 * no harm: the second is kept one visit too early.
 */
function markOf(token: string): number {
  let mark = 0
  for (let n = Math.max(0, token.length - 8); n < token.length; n++) mark = Math.imul(mark, 33) ^ token.charCodeAt(n)
  return mark >>> 0
}
