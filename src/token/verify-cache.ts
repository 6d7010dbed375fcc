import type { TokenPayload } from './payload.js'

const MOST_ONCE = 1024

/**
 * Tokens whose signature has been found good, with their frozen payloads: the same client mostly sends the same token
 * again. Found by the whole token and nothing less; another spelling of it is only a miss, and what a key has not signed
 * never gets in. It answers "did our key sign this?" and nothing else: times, issuer, audience and revocation are judged
 * on every request, and each key ring has a cache of its own, so that other keys begin with an empty one.
 */
export class VerifyCache {
  readonly #half: number
  /** Tokens that have come once, each where its end says: the next one there takes its place. */
  readonly #once: (string | undefined)[]
  /** Two generations in place of a list in order of use: what is found in the older one moves to the younger. */
  #young = new Map<string, TokenPayload>()
  #old = new Map<string, TokenPayload>()

  /** `size`: how many tokens are kept at most, an odd number rounded up; 0 keeps none. */
  constructor(size: number) {
    this.#half = Math.ceil(size / 2)
    this.#once = new Array(Math.min(size, MOST_ONCE))
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
    const place = placeOf(token, this.#once.length)
    if (this.#once[place] === token) this.#keep(token, payload)
    else this.#once[place] = token
  }

  #keep(token: string, payload: TokenPayload): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(token, payload)
  }
}

/** The end of a token is that of its signature, and so as good as chance. */
function placeOf(token: string, places: number): number {
  let number = 0
  for (let n = token.length - 5; n < token.length - 1; n++) number = number * 31 + token.charCodeAt(n)
  return number % places
}
