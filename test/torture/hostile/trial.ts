import type { Broken } from '../case.js'
import type { Random } from '../fleet/random.js'
import type { SentRequest } from '../reference/place-rules.js'
import { bytesOf, type RawAnswer, RawClient } from '../reference/raw-client.js'
import { readToken } from '../reference/token-rules.js'
import { Answers, errorOf } from './answers.js'
import { Bodies } from './bodies.js'
import { corpusOf } from './corpus.js'
import { type Expectation, expectationsOf } from './expectation.js'
import { Mutations } from './mutations.js'
import { type Deformed, Requests } from './requests.js'
import { Scene, type Stage } from './scene.js'

/** One server, to which many requests are sent. */
export class Trial {
  count = 0
  passed = 0
  unseen = 0
  readonly #scene: Scene
  readonly #client: RawClient
  readonly #random: Random
  readonly #broken: Broken
  readonly #answers = new Answers()

  private constructor(scene: Scene, random: Random, broken: Broken) {
    this.#scene = scene
    this.#client = new RawClient(scene.port)
    this.#random = random
    this.#broken = broken
  }

  static async open(stage: Stage, random: Random, broken: Broken): Promise<Trial> {
    return new Trial(await Scene.open(stage), random, broken)
  }

  async run(count: number): Promise<void> {
    const { populated, stage } = this.#scene
    const mutations = new Mutations(populated, corpusOf(populated), this.#random)
    const Source = stage.parses ? Bodies : Requests
    const requests = new Source(this.#scene, mutations, this.#random)
    while (this.count < count) {
      const next = requests.next()
      const lot = this.#random.between(1, 10)
      if (lot === 1) await this.#damaged(next)
      else if (lot === 2) await this.#inARow([next, requests.next(), requests.next()])
      else await this.#one(next)
    }
    this.#client.close()
    this.#scene.close()
  }

  async #one(deformed: Deformed): Promise<void> {
    const { request } = deformed
    const { seen, handled } = this.#scene
    const { store } = this.#scene.populated
    const [before, { calls }] = [store.dump(), store]
    const expected = this.#expected(deformed)
    const answer = await this.#client.send(request)
    this.count++
    if (isPass(answer)) this.passed++
    const fault =
      this.#scene.seen > seen ? this.#faultOf(deformed, expected, answer) : this.#faultOfNode(request, expected, answer)
    if (fault) this.#tell(fault, request)
    if (this.#scene.handled > handled && answer.status !== 200)
      this.#tell(`handled, and then ${answer.status}`, request)
    const mayAsk = expected.some(({ asks }) => asks)
    if (store.calls > calls && !mayAsk) this.#tell('the store was asked about a token that is not good', request)
    if (expected.some(({ changes }) => changes)) await this.#scene.renew()
    else if (store.dump() !== before) this.#tell('the store has changed', request)
  }

  /** A good request is the library's to answer, if it is one at all: no control characters, and not too long. */
  #faultOfNode(request: SentRequest, expected: readonly Expectation[], answer: RawAnswer): string | undefined {
    this.unseen++
    const isGood = expected.every(({ passes }) => passes === 'yes')
    if (isGood && isRequest(request)) return `a good request was answered by Node with ${answer.status}`
    return this.#answers.ofNode(answer)
  }

  /** What is wrong with an answer by every expectation that there may be. */
  #faultOf(deformed: Deformed, expected: readonly Expectation[], answer: RawAnswer): string | undefined {
    if (deformed.unparsable && errorOf(answer) === 'Unparsable')
      return this.#answers.ofRefusal(answer, false, ['Unparsable'])
    const faults = expected.map(each => this.#faultBy(each, deformed, answer))
    return faults.includes(undefined) ? undefined : faults[0]
  }

  #faultBy({ passes, sub, reasons }: Expectation, { path, request }: Deformed, answer: RawAnswer): string | undefined {
    if (!isPass(answer)) {
      if (passes === 'yes') return `was refused with ${answer.status} ${answer.body}`
      return this.#answers.ofRefusal(answer, request.method === 'HEAD', reasons)
    }
    if (passes === 'no') return `passed, and should be ${reasons}`
    if (path === '/refresh' || path === '/logout' || request.method === 'HEAD') return undefined
    const may = [sub, ...(passes === 'perhaps' ? [null] : [])].map(each => JSON.stringify({ sub: each ?? null }))
    return may.includes(answer.body) ? undefined : `passed as ${answer.body}, and should be ${may}`
  }

  /** Over one connection, without waiting: the answers come in their order, and each is its own request's. */
  async #inARow(deformed: readonly Deformed[]): Promise<void> {
    const expected = new Map(deformed.map(each => [each, this.#expected(each)]))
    // What changes something, or ends the connection, would decide what comes after it.
    const isCalm = (each: Deformed) => !expected.get(each)?.some(({ changes }) => changes)
    const fit = deformed.filter(each => isCalm(each) && isRequest(each.request) && goesOn(each))
    const answers = await this.#client.sendAll(fit.map(({ request }) => request))
    for (const [n, each] of fit.entries()) {
      this.count++
      const fault = this.#faultOf(each, expected.get(each) ?? [], answers[n] as RawAnswer)
      if (fault) this.#tell(`in a row: ${fault}`, each.request)
    }
  }

  #expected({ path, request, parsed = [{}] }: Deformed): Expectation[] {
    return parsed.flatMap(each => expectationsOf(this.#scene, path, request, each))
  }

  /** Bytes changed anywhere: whoever passes has still sent a good token, whole. */
  async #damaged({ path, request }: Deformed): Promise<void> {
    const bytes = this.#withDamage(bytesOf(request))
    const { handled } = this.#scene
    const { store, tokens, setup } = this.#scene.populated
    const before = store.dump()
    const answer = await this.#client.sendOnce(bytes, request.method)
    this.count++
    const text = unescaped(bytes)
    const signed = [tokens.access, tokens.refresh, tokens.single].map(token => token.split('.').slice(0, 2).join('.'))
    const isGood = (token: string) => readToken(token, setup.rules).good !== 'no'
    const holdsGood = signed.some(part => text.includes(part)) || possibleTokens(text).some(isGood)
    const mayPass = holdsGood || path === '/public' || path === '/optional'
    if (answer.status >= 500 && ![501, 505].includes(answer.status)) this.#tell(`damaged: ${answer.status}`, text)
    if (this.#scene.handled > handled && !mayPass) this.#tell('damaged, and reached a handler', text)
    if (store.dump() === before) return
    if (!holdsGood) this.#tell('damaged, and the store has changed', text)
    await this.#scene.renew()
  }

  #withDamage(bytes: Buffer): Buffer {
    const random = this.#random
    const copy = [...bytes]
    for (let n = random.between(1, 3); n > 0; n--) {
      copy.splice(random.between(0, copy.length - 1), random.between(0, 1), random.between(0, 255))
    }
    return Buffer.from(copy)
  }

  #tell(fault: string, request: SentRequest | string): void {
    const text = typeof request === 'string' ? request : described(request)
    this.#broken.add(`${this.#scene.stage.name}: ${fault}: ${text.slice(0, 1000)}`)
  }
}

/** The middle of a long text says nothing. */
const described = ({ method, target, lines, body }: SentRequest) =>
  [method, target, ...lines, String(body ?? '')]
    .join(' | ')
    .replaceAll(/[\w.-]{80,}/g, text => `${text.slice(0, 30)}..${text.slice(-10)}`)

const isPass = ({ status }: RawAnswer) => status === 200 || status === 204

/** All that has three parts. A regular expression would take minutes for a long text without a dot. */
function possibleTokens(text: string): string[] {
  return text.split(/[^\w.-]/).flatMap(word => {
    const parts = word.split('.')
    return parts.slice(2).map((_, n) => parts.slice(n, n + 3).join('.'))
  })
}

/** Whether Node has to take it for a request. */
function isRequest(request: SentRequest): boolean {
  const isLine = (line: string) => /^[!#$%&'*+.^_`|~\w-]+:[\t\x20-\x7e\x80-\xff]*$/.test(line)
  return request.lines.every(isLine) && /^[\x21-\x7e]+$/.test(request.target) && bytesOf(request).length < 16_000
}

/** A parser that gives up leaves the rest of the body to be thrown away, and the connection with it. */
const goesOn = ({ request, unparsable }: Deformed) =>
  !unparsable && !/^(?:Expect|Upgrade|Connection):/im.test(request.lines.join('\n'))

const unescaped = (bytes: Buffer) =>
  bytes.toString('latin1').replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number(`0x${hex}`)))
