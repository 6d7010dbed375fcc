// Not the global setTimeout: tests of applications replace it.
import { setTimeout } from 'node:timers'
import { type CryptoKey, type createLocalJWKSet, errors, type JWSHeaderParameters } from 'jose'
import { Deadline, withDeadline } from '../time/deadline.js'

/** A key set older than this is read again, milliseconds. */
const RENEWED_AFTER_MS = 3_600_000
/** While there is no key set, the server is asked at most this often, milliseconds. */
const PAUSE_WITHOUT_SET_MS = 5_000
/** While there is a key set, the server is asked at most this often, milliseconds: forged `kid`s must not flood it. */
const PAUSE_MS = 30_000
/** How long the server may take to answer, milliseconds. */
const ANSWER_WITHIN_MS = 5_000
/** How long a token with a known key waits while the set is read again, milliseconds. Then the old set counts. */
const WAIT_FOR_RENEWAL_MS = 1_000
/** A token without `kid` is tried with this many keys. If more would fit, it is refused. */
const MOST_KEYS = 3
/** RFC 7518 §3.3: a shorter RSA key must not be used, bits. */
const SHORTEST_RSA_KEY = 2048

/** One set of keys, as its server published it. */
export interface LoadedSet {
  readonly text: string
  readonly find: ReturnType<typeof createLocalJWKSet>
}

/** Reads the JWK Set from its server. */
export type ReadSet = (signal: AbortSignal) => Promise<LoadedSet>

/** The keys of an issuer. They are read when the first token needs them, and then kept. */
export class KeySet {
  readonly #read: ReadSet
  readonly #issuer: string
  readonly #maxAgeMs: number
  readonly #now: () => number
  #set: LoadedSet | undefined
  /** When the set was last read. */
  #readAt = 0
  /** When the last request to the server ended. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** Why the last request failed. `undefined` if it succeeded. */
  #failure: unknown
  #asking: Promise<void> | undefined
  /** Resolves when `#asking` does, or when tokens with a known key have waited long enough for it. */
  #askingBriefly: Promise<void> | undefined

  constructor(read: ReadSet, { issuer, maxAgeMs, now }: { issuer: string; maxAgeMs: number; now: () => number }) {
    this.#read = read
    this.#issuer = issuer
    this.#maxAgeMs = maxAgeMs
    this.#now = now
  }

  /** The set, if it can be used without asking the server. */
  get current(): LoadedSet | undefined {
    return this.#isDue() ? undefined : this.#usable()
  }

  /**
   * Returns the keys that may have signed a token with this header, and their set. The list is empty if a set that was
   * read a short time ago has no such key.
   * @throws Error if there is no set, or if it is too old to say that there is no such key.
   */
  async keysFor(header: JWSHeaderParameters): Promise<{ set: LoadedSet; keys: readonly CryptoKey[] }> {
    await this.#renew()
    const found = await keysIn(this.#usableOrThrow(), header)
    if (found.keys.length > 0) return found
    if (this.#pauseIsOver()) await this.#ask()
    else await this.#asking
    const renewed = await keysIn(this.#usableOrThrow(), header)
    if (renewed.keys.length === 0 && this.#failure !== undefined) throw this.#failure
    return renewed
  }

  /** Asks for the set if there is none, or if it is due. */
  async #renew(): Promise<void> {
    if (!this.#isDue()) return
    if (this.#pauseIsOver()) void this.#ask()
    await (this.#usable() ? this.#askingBriefly : this.#asking)
  }

  /** Whether there is no set, or it is old and may be read again. */
  #isDue(): boolean {
    if (!this.#usable()) return true
    return this.#age() >= RENEWED_AFTER_MS && (this.#asking !== undefined || this.#pauseIsOver())
  }

  #pauseIsOver(): boolean {
    if (this.#asking) return false
    return this.#now() - this.#askedAt >= (this.#usable() ? PAUSE_MS : PAUSE_WITHOUT_SET_MS)
  }

  #age(): number {
    return this.#now() - this.#readAt
  }

  #usable(): LoadedSet | undefined {
    return this.#age() < this.#maxAgeMs ? this.#set : undefined
  }

  #usableOrThrow(): LoadedSet {
    const set = this.#usable()
    if (set) return set
    throw this.#failure ?? new Error(`there is no key set of the issuer ${this.#issuer} yet`)
  }

  /** Reads the set from its server. Never rejects. One request at a time: everybody waits for the same. */
  #ask(): Promise<void> {
    if (this.#asking) return this.#asking
    const asking = this.#askServer().finally(() => {
      this.#askedAt = this.#now()
      this.#asking = undefined
    })
    this.#asking = asking
    this.#askingBriefly = settledWithin(asking, WAIT_FOR_RENEWAL_MS)
    return asking
  }

  async #askServer(): Promise<void> {
    try {
      const set = await readInTime(this.#read, this.#issuer)
      // An unchanged set stays the same object, so that the tokens that it has verified stay cached.
      if (this.#set?.text !== set.text) this.#set = set
      this.#readAt = this.#now()
      this.#failure = undefined
    } catch (error) {
      this.#failure = error
    }
  }
}

async function readInTime(read: ReadSet, issuer: string): Promise<LoadedSet> {
  const controller = new AbortController()
  const late = () => new Error(`the issuer ${issuer} did not answer within ${ANSWER_WITHIN_MS} ms`)
  try {
    return await withDeadline(new Deadline(ANSWER_WITHIN_MS, late), () => read(controller.signal))
  } finally {
    controller.abort()
  }
}

/**
 * Returns the keys of a set that fit a header. With `kid` it is one; without, all that fit `alg`, at most three. A key
 * that cannot be used counts as missing (RFC 7517 §5): it has no valid values, it is too short, or it is a private key.
 */
async function keysIn(
  set: LoadedSet,
  header: JWSHeaderParameters,
): Promise<{ set: LoadedSet; keys: readonly CryptoKey[] }> {
  try {
    return { set, keys: [await set.find(header)].filter(isLongEnough) }
  } catch (error) {
    return { set, keys: error instanceof errors.JWKSMultipleMatchingKeys ? await severalIn(set, header, error) : [] }
  }
}

/** The keys that fit a header, where several do, by `alg` and `kid`. */
const several = new WeakMap<LoadedSet, Map<string, Promise<readonly CryptoKey[]>>>()

/**
 * Returns the keys of a set that fit a header, if they are several. They are read once for each set: jose would try
 * keys that cannot be read for each token, and a set can have thousands of them.
 */
function severalIn(
  set: LoadedSet,
  { alg, kid }: JWSHeaderParameters,
  fitting: AsyncIterable<CryptoKey>,
): Promise<readonly CryptoKey[]> {
  const known = several.get(set) ?? new Map<string, Promise<readonly CryptoKey[]>>()
  several.set(set, known)
  // A `kid` of another type counts as none. Only a kid of the set comes here, so that the map stays small.
  const header = JSON.stringify([alg, typeof kid === 'string' ? kid : null])
  const keys = known.get(header) ?? keysOf(fitting)
  known.set(header, keys)
  return keys
}

/** Returns the keys that fit, or none if they are too many to try. */
async function keysOf(fitting: AsyncIterable<CryptoKey>): Promise<readonly CryptoKey[]> {
  const keys: CryptoKey[] = []
  for await (const key of fitting) {
    if (!isLongEnough(key)) continue
    if (keys.length === MOST_KEYS) return []
    keys.push(key)
  }
  return keys
}

function isLongEnough({ algorithm }: CryptoKey): boolean {
  const { modulusLength } = algorithm as { modulusLength?: number }
  return modulusLength === undefined || modulusLength >= SHORTEST_RSA_KEY
}

/** Resolves when `promise` resolves, or after `milliseconds`. */
function settledWithin(promise: Promise<void>, milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds)
    void promise.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
