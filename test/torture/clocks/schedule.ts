import type { Random } from '../fleet/random.js'
import { contentOf } from '../reference/signing.js'
import type { Group } from './group.js'
import type { Machine } from './machine.js'
import type { Ask, Settings } from './model.js'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** By how much clocks are apart, or step: milliseconds, ahead or behind. */
const APART = [
  0,
  1,
  999,
  SECOND,
  5 * SECOND,
  9999,
  10 * SECOND,
  29 * SECOND,
  61 * SECOND,
  5 * MINUTE,
  11 * MINUTE,
  2 * HOUR,
  3 * DAY,
]

/** By how much time goes on. */
const ELAPSED = [0, 1, 500, SECOND, 9 * SECOND, 10 * SECOND, MINUTE, 14 * MINUTE, HOUR, DAY]

const NEAR = [-1001, -1000, -999, -1, 0, 1, 999, 1000]

export function randomSettings(random: Random): Settings {
  return {
    leeway: random.pick([0, 0, 5, 30, 300]),
    grace: random.pick([0, 1, 10, 10, 60]),
    recovery: random.pick([0, 5, 60, 3600, 86_400, 86_400]),
    accessLife: random.pick([1, 60, 900]),
    refreshLife: random.pick([10, 3600, 20 * 86_400]),
    sessionLife: random.pick([60, 7200, 90 * 86_400]),
  }
}

/** One history: clients do what they like while clocks do what they like. */
export class Schedule {
  #time: number
  readonly #group: Group
  readonly #random: Random
  readonly #subs: readonly string[]
  #tokens: string[] = []

  /** `name`: of this history, in the names of its users too. */
  constructor(group: Group, random: Random, name: string, start: number) {
    this.#group = group
    this.#random = random
    this.#time = start
    this.#subs = ['a', 'b'].map(each => `${name}${each}`)
    group.begin(name, randomSettings(random), () => this.#time)
    for (const machine of group.machines) this.#step(machine)
  }

  async run(steps: number): Promise<void> {
    for (let n = 0; n < steps; n++) {
      const lot = this.#random.between(1, 20)
      if (lot <= 4) this.#time += this.#random.pick(ELAPSED)
      else if (lot <= 6) this.#step(this.#machine())
      else if (lot <= 10) await this.#aim()
      else if (lot <= 13) await this.#together()
      else await this.#keep(this.#group.ask(this.#machine(), this.#anything()))
    }
  }

  /** A clock is set. */
  #step(machine: Machine): void {
    machine.offset = this.#random.pick(APART) * this.#random.pick([-1, 1])
  }

  /** Ask when the clock of the server is where something ends, or beside it. */
  async #aim(): Promise<void> {
    const token = this.#token()
    if (token === undefined) return this.#keep(this.#group.ask(this.#machine(), this.#login()))
    const machine = this.#machine()
    const moment = this.#random.pick(this.#momentsOf(token)) + this.#random.pick(NEAR)
    machine.offset = moment - this.#time
    await this.#keep(this.#group.ask(machine, this.#withToken(token)))
  }

  #momentsOf(token: string): number[] {
    const { leeway, grace, recovery } = this.#group.settings
    const { iat, exp } = contentOf(token)
    const session = this.#group.model.sessionOf(token)
    const ofToken = [Number(exp) + leeway, Number(exp), Number(iat) - Math.max(60, leeway)].map(each => each * SECOND)
    if (!session) return ofToken
    const { rotatedAt, exchangedAt = rotatedAt, expiresAt } = session
    const ofGrace = [grace, grace / 2, 0, -grace].map(each => rotatedAt + each * SECOND)
    return [...ofToken, ...ofGrace, exchangedAt + recovery * SECOND, expiresAt]
  }

  /** Two or three servers at the same moment, mostly about the same token. */
  async #together(): Promise<void> {
    const token = this.#token()
    if (token === undefined) return
    const count = this.#random.between(2, 3)
    const asks = Array.from(
      { length: count },
      () => [this.#machine(), this.#random.chance(0.8) ? this.#withToken(token) : this.#anything()] as const,
    )
    await this.#keep(this.#group.askAll(asks))
  }

  #anything(): Ask {
    const token = this.#token()
    if (token === undefined || this.#random.chance(0.15)) return this.#login()
    if (this.#random.chance(0.05)) return { what: 'everywhere', about: this.#random.pick(this.#subs) }
    return this.#withToken(token)
  }

  #login(): Ask {
    return { what: this.#random.chance(0.2) ? 'single' : 'login', about: this.#random.pick(this.#subs) }
  }

  #withToken(token: string): Ask {
    const isAccess = contentOf(token).type === 'access'
    const uses = isAccess
      ? (['guard', 'guard', 'guard'] as const)
      : (['refresh', 'refresh', 'refresh', 'refreshable'] as const)
    return { what: this.#random.chance(0.08) ? 'logout' : this.#random.pick(uses), about: token }
  }

  async #keep(tokens: Promise<string[]>): Promise<void> {
    this.#tokens.push(...(await tokens))
  }

  /** Mostly one of the last. */
  #token(): string | undefined {
    const { length } = this.#tokens
    if (length === 0) return undefined
    return this.#tokens[this.#random.between(this.#random.chance(0.8) ? Math.max(0, length - 4) : 0, length - 1)]
  }

  #machine(): Machine {
    return this.#random.pick(this.#group.machines)
  }
}
