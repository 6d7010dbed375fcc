import fc from 'fast-check'
import { type Random, SEED } from '../fleet/random.js'
import { encode, headerOf, type Signer, signParts } from '../reference/signing.js'
import type { Json } from '../reference/token-rules.js'
import { goodClaims, type Hostile, type Populated } from './populated.js'
import { CLAIM_NAMES, HOSTILE_TEXTS, HOSTILE_TIMES, HOSTILE_VALUES } from './values.js'

/** Makes tokens of other tokens, without end. */
export class Mutations {
  readonly #random: Random
  readonly #populated: Populated
  readonly #tokens: readonly string[]

  /** `corpus`: tokens that parts are taken from, besides the good ones. */
  constructor(populated: Populated, corpus: readonly Hostile[], random: Random) {
    this.#populated = populated
    this.#random = random
    const texts = Array.from({ length: 200 }, () => random.pick(corpus)[1]()).filter(token => typeof token === 'string')
    this.#tokens = [...Object.values(populated.tokens), ...texts.filter(({ length }) => length < 8192)]
  }

  next(): Hostile {
    const kinds = [
      this.#letters,
      this.#letters,
      this.#spliced,
      this.#bytes,
      this.#resigned,
      this.#reclaimed,
      this.#noise,
    ]
    return this.#random.pick(kinds).call(this)
  }

  /** A good token with a few letters changed. */
  #letters(): Hostile {
    let token = this.#good()
    for (let n = this.#random.between(1, 3); n > 0; n--) token = this.#changed(token)
    return ['letters changed', () => token]
  }

  #changed(text: string): string {
    const random = this.#random
    const at = random.between(0, text.length)
    const end = random.chance(0.9) ? Math.min(text.length, at + random.between(0, 2)) : random.between(at, text.length)
    const put = random.pick(['', random.pick(LETTERS), random.pick(LETTERS), random.pick(HOSTILE_TEXTS)])
    return text.slice(0, at) + put + text.slice(end)
  }

  /** Parts of several tokens. */
  #spliced(): Hostile {
    const random = this.#random
    const parts = [0, 1, 2].map(
      n => random.pick(this.#tokens).split('.')[random.chance(0.9) ? n : random.between(0, 2)],
    )
    return ['spliced', () => parts.join('.')]
  }

  /** Bytes of a part changed under the old signature. */
  #bytes(): Hostile {
    const parts = this.#good().split('.')
    const at = this.#random.between(0, 2)
    parts[at] = this.#damaged(Buffer.from(parts[at] ?? '', 'base64url')).toString('base64url')
    return ['bytes changed', () => parts.join('.')]
  }

  /** Bytes of a part changed and signed: what the key's owner has written is still not believed in every form. */
  #resigned(): Hostile {
    const parts = this.#good().split('.')
    const [head, body] = [0, 1].map(n => Buffer.from(parts[n] ?? '', 'base64url')) as [Buffer, Buffer]
    const inHeader = this.#random.chance(0.3)
    const [header, payload] = inHeader ? [this.#damaged(head), body] : [head, this.#damaged(body)]
    const signer = this.#signer()
    return ['bytes changed and signed', () => signParts(header, payload, signer)]
  }

  #damaged(bytes: Buffer): Buffer {
    const random = this.#random
    const copy = [...bytes]
    for (let n = random.between(1, 3); n > 0; n--) {
      const at = random.between(0, copy.length)
      const put = random.chance(0.5) ? [...Buffer.from(random.pick(JSON_TEXTS))] : [random.between(0, 255)]
      copy.splice(at, random.between(0, 2), ...put)
    }
    return Buffer.from(copy)
  }

  /** Claims and members of the header of any JSON, signed by a key of the instance or, now and then, said to be. */
  #reclaimed(): Hostile {
    const random = this.#random
    const { setup } = this.#populated
    const signer = this.#signer()
    const claims: Record<string, unknown> = { ...goodClaims(setup), ...this.#membership() }
    for (let n = random.between(0, 3); n > 0; n--) claims[random.pick(CLAIM_NAMES)] = this.#value()
    const header: Record<string, unknown> = { ...headerOf(random.chance(0.1) ? random.pick(setup.signers) : signer) }
    if (random.chance(0.3)) header[random.pick(HEADER_NAMES)] = this.#value()
    return [`claims ${JSON.stringify(claims).slice(0, 200)}`, () => signParts(header, claims, signer)]
  }

  /** Of a session that there is, or was. */
  #membership(): Json {
    const random = this.#random
    const { sessions, revoked } = this.#populated.world
    if (random.chance(0.5)) return {}
    const type = random.pick(['access', 'access', 'refresh'])
    return { type, sid: random.pick([...sessions.keys(), ...revoked, 'TEST-nowhere']), gen: random.between(0, 2) }
  }

  #value(): unknown {
    return this.#random.pick(this.#random.pick([HOSTILE_VALUES, HOSTILE_TEXTS, HOSTILE_TIMES, JSON_VALUES]))
  }

  #noise(): Hostile {
    const random = this.#random
    const part = () => encode(random.pick(random.pick([JSON_TEXTS, HOSTILE_TEXTS])))
    const text = () => Array.from({ length: random.between(0, 300) }, () => random.pick(LETTERS)).join('')
    return ['noise', random.pick([text, () => [part(), part(), part()].join('.'), () => `${part()}.${text()}`])]
  }

  #good(): string {
    return this.#random.pick(Object.values(this.#populated.tokens))
  }

  #signer(): Signer {
    return this.#random.pick(this.#populated.setup.signers)
  }
}

const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_..=+/ \n\0é']
/** Members of a header that mean something, here or elsewhere. */
const HEADER_NAMES = 'alg typ kid crit b64 jwk jku x5u x5c zip cty __proto__ constructor'.split(' ')

/** Any JSON, by fast-check. */
const JSON_VALUES = fc.sample(fc.jsonValue(), { seed: SEED, numRuns: 2000 })
const JSON_TEXTS = [...JSON_VALUES.slice(0, 500).map(value => JSON.stringify(value)), ...'{}[]",:\\ntf0e-+'.split('')]
