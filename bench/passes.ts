import type { Backends } from './backends.js'
import type { Case, Group } from './case.js'
import { aims } from './cases/aims.js'
import { confirmations } from './cases/confirmations.js'
import { flows } from './cases/flows.js'
import { growth, lists, liveSessions } from './cases/growth.js'
import { guards } from './cases/guards.js'
import { issuers } from './cases/issuers.js'
import { LATENCY_NAME, type LatencyRound, latency, measureLatency } from './cases/latency.js'
import { logins } from './cases/logins.js'
import { requests } from './cases/requests.js'
import { importTimes, installedSizes, sessionBytes } from './footprint.js'
import { type Measured, measure, type Pace } from './measure.js'

/** How much is measured. Paces are those of what is aimed at, of the other cases, and of stores with live sessions. */
export interface Plan {
  readonly aims: Pace
  readonly others: Pace
  readonly live: Pace
  /** How often what is aimed at is measured, from the start of the servers on. */
  readonly runs: number
  readonly sizes: readonly number[]
  readonly logins: number
  readonly imports: number
}

export const FULL: Plan = {
  aims: { warmUp: 2, seconds: 2, rounds: 11 },
  others: { warmUp: 1, seconds: 1, rounds: 3 },
  live: { warmUp: 1, seconds: 1, rounds: 3 },
  runs: 2,
  sizes: [1, 100_000, 1_000_000],
  logins: 20_000,
  imports: 15,
}

const BRIEF: Pace = { warmUp: 1, seconds: 1, rounds: 2 }

export const QUICK: Plan = {
  aims: BRIEF,
  others: { ...BRIEF, rounds: 1 },
  live: { ...BRIEF, rounds: 1 },
  runs: 1,
  sizes: [1, 1000],
  logins: 2000,
  imports: 3,
}

/** Measures what a word selects; an empty one selects everything. `say` is told what comes next. */
export class Passes {
  readonly #plan: Plan
  readonly #word: string
  readonly #backends: Backends
  readonly #say: (line: string) => void

  constructor(plan: Plan, word: string, backends: Backends, say: (line: string) => void) {
    this.#plan = plan
    this.#word = word
    this.#backends = backends
    this.#say = say
  }

  /** What is aimed at, once for each run. */
  async aims(): Promise<{ runs: Measured[][]; latencies: LatencyRound[][] }> {
    const runs: Measured[][] = []
    const latencies: LatencyRound[][] = []
    for (let run = 1; run <= this.#plan.runs; run++) {
      runs.push(await this.#measure(aims, this.#plan.aims, ` (run ${run})`))
      if (!this.selects(`${aims.title} ${LATENCY_NAME}`)) continue
      this.#say(`${LATENCY_NAME} (run ${run})`)
      latencies.push(await measureLatency(this.#plan.aims, this.#backends))
    }
    return { runs, latencies }
  }

  /** Everything else that is sent requests, under its title. */
  async others(): Promise<Map<string, Measured[]>> {
    const { others, live, sizes } = this.#plan
    const all = new Map<string, Measured[]>()
    for (const group of [guards, issuers, requests, flows, logins, confirmations, growth, lists])
      all.set(group.title, await this.#measure(group, others))
    for (const group of liveSessions(sizes)) {
      all.set(group.title, [...(all.get(group.title) ?? []), ...(await this.#measure(group, live))])
    }
    return all
  }

  async footprint() {
    const { logins, imports } = this.#plan
    return {
      stored: await this.#ifSelected('Bytes for each live session', () => sessionBytes(logins, this.#backends)),
      imported: await this.#ifSelected('Import time', () => importTimes(imports)),
      installed: await this.#ifSelected('Installed size', () => installedSizes()),
    }
  }

  selects(name: string): boolean {
    return name.toLowerCase().includes(this.#word.toLowerCase())
  }

  async #measure(group: Group, pace: Pace, run = ''): Promise<Measured[]> {
    const cases = selectedCases(group, name => this.selects(name))
    if (cases.length === 0) return []
    this.#say(`${group.title}${run}: ${cases.map(({ name }) => name).join('; ')}`)
    return measure({ ...group, cases }, pace, this.#backends)
  }

  async #ifSelected<T>(title: string, run: () => readonly T[] | Promise<readonly T[]>): Promise<readonly T[]> {
    if (!this.selects(title)) return []
    this.#say(title)
    return run()
  }
}

/** Every group there is, with stores of that many live sessions. */
export const allGroups = (sizes: readonly number[]): Group[] => [
  aims,
  latency,
  guards,
  issuers,
  requests,
  flows,
  logins,
  confirmations,
  growth,
  lists,
  ...liveSessions(sizes),
]

export const selectedCases = ({ title, cases }: Group, selects: (name: string) => boolean): Case[] =>
  cases.filter(({ name }) => selects(`${title} ${name}`))
