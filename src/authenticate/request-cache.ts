import { inspect } from 'node:util'
import type { Candidate } from '../request/locate.js'
import { isLate } from '../session/sessions.js'
import type { VerificationKey } from '../token/keys.js'
import type { TokenPayload } from '../token/payload.js'

/** What one request has learnt of one token. */
interface Learnt {
  readonly location: string | undefined
  readonly token: string
  verified?: { payload: Verified } | { error: unknown }
  revocation?: { answer: Promise<unknown> | undefined }
}

/** With `getKey` it takes a while. */
type Verified = TokenPayload | Promise<TokenPayload>
type FoundKey = Promise<VerificationKey | undefined>

/** What one request knows. It holds tokens: a request that is printed does not show it. */
class Notes {
  learnt: Learnt[] = []
  keys?: Map<string, FoundKey>
  /** When it has waited for the store in vain, and what came of it. */
  waited?: { error: unknown; at: number };

  [inspect.custom](): string {
    return 'Notes {}'
  }
}

/**
 * Remembers for one request what verification and store said of (location, token), so that a middleware and several
 * guards ask once. Everything else is judged by each guard anew.
 */
export class RequestMemory {
  // On the request itself, under a name that nobody else has: a WeakMap would cost more than all the rest of a guard.
  readonly #key = Symbol('koa-authx')
  readonly #storeTimeout: number

  /** `storeTimeout`: milliseconds. */
  constructor(storeTimeout: number) {
    this.#storeTimeout = storeTimeout
  }

  /** The payload, or the error again that refused it. */
  verified(request: object, located: Candidate, verify: () => Verified): Verified {
    const learnt = this.#about(request, located)
    learnt.verified ??= attempt(verify)
    if ('error' in learnt.verified) throw learnt.verified.error
    return learnt.verified.payload
  }

  /** The same promise for everybody who asks in this request; `undefined` if there is nobody to be asked. */
  revocation(
    request: object,
    located: Candidate,
    check: () => Promise<unknown> | undefined,
  ): Promise<unknown> | undefined {
    const learnt = this.#about(request, located)
    learnt.revocation ??= { answer: this.asking(request, check) }
    return learnt.revocation.answer
  }

  /**
   * Ask the store in the name of a request, unless it has just let a deadline of this request pass: nobody waits for two
   * deadlines on end to be told that it is away.
   */
  asking<Answer extends Promise<unknown> | undefined>(request: object, ask: () => Answer): Answer {
    const notes = this.#notes(request)
    const { waited } = notes
    if (waited && performance.now() - waited.at < this.#storeTimeout) return Promise.reject(waited.error) as Answer
    const answer = ask()
    answer?.catch(error => {
      if (isLate(error)) notes.waited = { error, at: performance.now() }
    })
    return answer
  }

  /** What `getKey` said of a token; that it has no answer too. A refresh and a logout do not change it. */
  key(request: object, token: string, ask: () => FoundKey): FoundKey {
    const notes = this.#notes(request)
    notes.keys ??= new Map()
    const found = notes.keys.get(token) ?? ask()
    notes.keys.set(token, found)
    return found
  }

  /** After a refresh or a logout the tokens of the request are not what they were. */
  forget(request: object): void {
    this.#notes(request).learnt = []
  }

  #notes(request: object): Notes {
    const noted = request as { [key: symbol]: Notes }
    const known = noted[this.#key]
    if (known) return known
    const notes = new Notes()
    Object.defineProperty(request, this.#key, { value: notes })
    return notes
  }

  #about(request: object, { location, token }: Candidate): Learnt {
    const { learnt: all } = this.#notes(request)
    const known = all.find(learnt => learnt.location === location && learnt.token === token)
    if (known) return known
    const learnt: Learnt = { location, token }
    all.push(learnt)
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
