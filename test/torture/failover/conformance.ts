import { AssertionError } from 'node:assert'
import { testTokenStore } from '../../../src/testing/index.js'
import { until } from '../../support/until.js'
import { Broken, type Outcome, type Pass } from '../case.js'
import { STRIKES, Strikes } from './strikes.js'
import type { Topology } from './topology.js'

type Test = readonly [name: string, run: () => Promise<void>]

const AT_ONCE = 6
/** Milliseconds that a test is repeated for when calls reject, from the latest strike on. */
const RECOVERS_WITHIN = 20_000

/** Run the conformance suite, over and over while masters are replaced, and once when that is over. */
export async function conform(start: () => Promise<Topology>, pass: Pass): Promise<Outcome> {
  const topology = await start()
  const { open, close } = await topology.connect()
  try {
    const suite: Test[] = []
    const createStore = (options?: { prefix?: string }) => open({ ...options, timeout: 1000 })
    testTokenStore({ test: (name, run) => suite.push([name, run]), createStore })
    const probe = open({ prefix: '', timeout: 1000 })
    return await new Conformance(topology, suite, key => until(() => probe.get([key]), RECOVERS_WITHIN)).run(pass)
  } finally {
    await close()
    await topology.stop()
  }
}

class Conformance {
  readonly #suite: readonly Test[]
  readonly #strikes: Strikes
  readonly #broken = new Broken()
  #passed = 0
  #rejected = 0
  #lost = 0

  constructor(topology: Topology, suite: readonly Test[], served: (key: string) => Promise<unknown>) {
    this.#suite = suite
    this.#strikes = new Strikes(topology, served)
  }

  async run(pass: Pass): Promise<Outcome> {
    let over = false
    const striking = this.#strikes.all(STRIKES[pass]).finally(() => {
      over = true
    })
    do await this.#runSuite()
    while (!over)
    await striking
    await this.#runSuite()
    const seen = `${this.#rejected} tests met a rejected call and passed when repeated; ${this.#lost} met a lost write`
    return { count: this.#passed, seen: `${this.#strikes.seen}; ${seen}`, broken: this.#broken.lines }
  }

  async #runSuite(): Promise<void> {
    const left = [...this.#suite]
    const work = async () => {
      for (let test = left.shift(); test; test = left.shift()) await this.#runTest(test)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  /** A call may reject at any time: then nothing is known, and the test begins again. What resolves must be true. */
  async #runTest([name, run]: Test): Promise<void> {
    const first = performance.now()
    for (;;) {
      const began = performance.now()
      const error = await run().catch((thrown: unknown) => thrown)
      if (error === undefined) return void this.#passed++
      if (error instanceof AssertionError) {
        if (!this.#strikes.endedSince(began)) return this.#broken.add(`${name}: ${error.message}`)
        this.#lost++
      } else this.#rejected++
      if (performance.now() - Math.max(first, this.#strikes.latest) > RECOVERS_WITHIN)
        return this.#broken.add(`${name}: no recovery, ${error}`)
    }
  }
}
