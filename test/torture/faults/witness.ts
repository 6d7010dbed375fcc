import { Broken } from '../case.js'
import type { Answer } from './target.js'

/** Milliseconds that every operation of the library has on its store. */
export const STORE_TIMEOUT = 250
/** The promise is an answer within that. What the machine is busy with besides is not the library's doing. */
const MARGIN = 5000
const MARGIN_OF_HALF = 1000
/** What succeeds without writing, or does if it has been done already. */
const READS = /^(?:guard|replay|\w+ again) /

/** What was seen while something was the matter, or nothing. */
export class Tally {
  answers = 0
  unavailable = 0
  /** Guards that let somebody pass, and whatever else needs no writing; writes that were acknowledged. */
  passed = 0
  written = 0
  /** How long each answer of 503 took, milliseconds. */
  readonly took: number[] = []

  get worst(): number {
    return Math.max(0, ...this.took)
  }

  get median(): number {
    return this.took.toSorted((a, b) => a - b)[Math.floor(this.took.length / 2)] ?? 0
  }
}

/** How things are when somebody asks. */
export type Circumstances = Pick<Witness, 'matter' | 'judgesTime'>

/** Hears every answer that clients are given, and notes what no client may be told. */
export class Witness {
  readonly broken = new Broken()
  readonly tallies = new Map<string, Tally>()
  /** What is the matter at present. */
  matter = 'nothing'
  /** How long answers take is not judged while this process keeps the machine busy itself. */
  judgesTime = true

  get answers(): number {
    return [...this.tallies.values()].reduce((sum, { answers }) => sum + answers, 0)
  }

  get tally(): Tally {
    return this.#tallyOf(this.matter)
  }

  get circumstances(): Circumstances {
    return { matter: this.matter, judgesTime: this.judgesTime }
  }

  /** `expected`: the statuses that are right besides 503. `when`: how things were when this was asked. */
  hear(asked: string, answer: Answer, expected: readonly number[], when: Circumstances): void {
    const { status } = answer
    const tally = this.#tallyOf(when.matter)
    tally.answers++
    if (status === 503) {
      tally.unavailable++
      this.#honest(asked, answer)
      if (when.judgesTime && this.judgesTime) this.#inTime(asked, answer, tally)
    } else if (!expected.includes(status)) {
      const told = `${status} ${answer.body.error_type ?? ''}`.trim()
      this.#breaks(`${asked} was answered with ${told} in place of ${expected.join(' or ')}`)
    }
    if (status !== 200 && status !== 204) return
    if (READS.test(asked)) tally.passed++
    else tally.written++
  }

  #tallyOf(matter: string): Tally {
    const tally = this.tallies.get(matter) ?? new Tally()
    this.tallies.set(matter, tally)
    return tally
  }

  #honest(asked: string, { headers, body }: Answer): void {
    const promised = body.error_type === 'StoreUnavailableError' && headers['retry-after'] === '1'
    if (!promised || headers['set-cookie'] !== undefined) this.#breaks(`${asked}: not the 503 that is promised`)
  }

  #inTime(asked: string, { took }: Answer, tally: Tally): void {
    tally.took.push(took)
    if (took > STORE_TIMEOUT + MARGIN) this.#breaks(`${asked}: 503 only after ${Math.round(took)} ms`)
  }

  /** To be called in the end. */
  judgeTime(): void {
    for (const [matter, { median }] of this.tallies) {
      const inTime = median < STORE_TIMEOUT + MARGIN_OF_HALF
      this.broken.unless(inTime, `${matter}: half of the answers of 503 took ${Math.round(median)} ms and more`)
    }
  }

  #breaks(line: string): void {
    this.broken.add(`${line} (the matter was: ${this.matter})`)
  }
}
