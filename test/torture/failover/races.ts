import { setTimeout as sleep } from 'node:timers/promises'
import { Broken, type Outcome, type Pass } from '../case.js'
import { type Answer, Target } from '../faults/target.js'
import { type Random, randomOf, SEED } from '../fleet/random.js'
import { type Said, STRIKES, Strikes } from './strikes.js'
import type { Topology } from './topology.js'

const PROCESSES = 2
const AT_ONCE = 6
const STORE_TIMEOUT = 250
/** Milliseconds for which a client goes on trying when it is told 503. */
const PATIENCE = 20_000

/** An answer, and when the call that got it began. */
type Told = Answer & Said

/** What a client was told of a session, and when. */
interface Log {
  readonly access: string[]
  readonly refresh: string[]
  readonly told: Said[]
  dead: boolean
}

/** Two processes refresh and log out the same sessions at the same moment while masters are replaced. */
export async function raceThrough(start: () => Promise<Topology>, pass: Pass): Promise<Outcome> {
  const topology = await start()
  const targets: Target[] = []
  try {
    const options = { storeTimeout: STORE_TIMEOUT, refreshGracePeriod: 60 }
    for (let n = 0; n < PROCESSES; n++) targets.push(await Target.start({ backend: topology.backend, options }))
    return await new Races(topology, targets).run(pass)
  } finally {
    for (const target of targets) await target.stop()
    await topology.stop()
  }
}

class Races {
  readonly #targets: readonly Target[]
  readonly #strikes: Strikes
  readonly #broken = new Broken()
  readonly #logs: Log[] = []
  #unavailable = 0
  #excused = 0
  /** The longest that a client was told 503 for, milliseconds. */
  #longest = 0
  #over = false

  constructor(topology: Topology, targets: readonly Target[]) {
    this.#targets = targets
    this.#strikes = new Strikes(topology, () => this.#served())
  }

  async run(pass: Pass): Promise<Outcome> {
    const striking = this.#strikes.all(STRIKES[pass]).finally(() => {
      this.#over = true
    })
    let next = 0
    const work = async () => {
      while (!this.#over) await this.#round(next, randomOf(next++))
    }
    await Promise.all([striking, ...Array.from({ length: AT_ONCE }, work)])
    const logs = [...this.#logs]
    const look = async () => {
      for (let log = logs.pop(); log; log = logs.pop()) await this.#holds(log)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, look))
    for (const target of this.#targets) for (const line of (await target.order()).unhandled) this.#broken.add(line)
    const seen = [
      this.#strikes.seen,
      `${this.#unavailable} × 503, to one client for ${(this.#longest / 1000).toFixed(1)} s`,
      `${this.#excused} lost with a master`,
    ]
    const broken = this.#broken.lines.map(line => `${line}, seed ${SEED}`)
    return { count: next, seen: seen.join('; '), broken }
  }

  /** Logins, whose records are all over the shards, succeed at every process. */
  async #served(): Promise<void> {
    for (const target of this.#targets) {
      for (let times = 0; times < 10; ) {
        const { status } = await target.call('POST', `/login/served-${times}`)
        times = status === 200 ? times + 1 : 0
        await sleep(5)
      }
    }
  }

  async #round(n: number, random: Random): Promise<void> {
    const log: Log = { access: [], refresh: [], told: [], dead: false }
    const login = await this.#call(random, `/login/sub-${n}`)
    if (!this.#is(login, 200, 'login', log)) return
    this.#keep(log, login)
    this.#logs.push(log)
    if (random.chance(0.5)) await this.#refreshTwice(log, random)
    else await this.#refreshAndLogout(log, random)
    await sleep(random.between(0, 60))
  }

  /** Both get the same successor. */
  async #refreshTwice(log: Log, random: Random): Promise<void> {
    const token = log.refresh.at(-1)
    const answers = await Promise.all([this.#call(random, '/refresh', token), this.#call(random, '/refresh', token)])
    const sound = answers.every(answer => this.#is(answer, 200, 'refresh', log))
    const successors = new Set(answers.map(({ body }) => body.refresh_token))
    if (sound) this.#unless(successors.size === 1, 'a token has two successors', log)
    for (const answer of answers) if (answer.status === 200) this.#keep(log, answer)
  }

  /** Nothing of it lives when the logout has been acknowledged, and not what the refresh was given either. */
  async #refreshAndLogout(log: Log, random: Random): Promise<void> {
    const refreshing = this.#call(random, '/refresh', log.refresh[0])
    await sleep(random.fraction() * 6)
    const logout = await this.#call(random, '/logout', log.access[0])
    if (!this.#is(logout, 204, 'logout', log)) return
    log.told.push(logout)
    const refresh = await refreshing
    this.#unless([200, 401].includes(refresh.status), `refresh was answered with ${refresh.status}`, log)
    if (refresh.status === 200) this.#keep(log, refresh)
    log.dead = true
    await this.#holds(log)
  }

  async #holds(log: Log): Promise<void> {
    const expected = log.dead ? 401 : 200
    const random = randomOf(log.access.length)
    for (const token of log.access) {
      const answer = await this.#call(random, '/protected', token)
      this.#is(answer, expected, log.dead ? 'guard of what is dead' : 'guard', log)
    }
    const newest = await this.#call(random, '/refresh', log.refresh.at(-1))
    this.#is(newest, expected, log.dead ? 'refresh of what is dead' : 'refresh', log)
    if (newest.status === 200) this.#keep(log, newest)
  }

  #keep(log: Log, answer: Told): void {
    const { body } = answer
    log.access.push(String(body.access_token))
    if (log.refresh.at(-1) !== body.refresh_token) log.refresh.push(String(body.refresh_token))
    log.told.push(answer)
  }

  #is({ status, body }: Answer, expected: number, what: string, log: Log): boolean {
    this.#unless(status === expected, `${what} was answered with ${status} ${body.error_type ?? ''}`, log)
    return status === expected
  }

  #unless(holds: boolean, line: string, { told }: Log): void {
    if (holds) return
    if (told.some(said => this.#strikes.mayHaveTaken(said))) this.#excused++
    else this.#broken.add(line)
  }

  /** At any process; again, there or elsewhere, while the answer is 503. */
  async #call(random: Random, path: string, token?: string): Promise<Told> {
    const began = performance.now()
    for (;;) {
      const asked = performance.now()
      const answer = await random.pick(this.#targets).call(path === '/protected' ? 'GET' : 'POST', path, token)
      const told = performance.now()
      if (answer.status !== 503) return { ...answer, asked, told }
      const took = told - began
      this.#unavailable++
      this.#longest = Math.max(this.#longest, took)
      if (took > PATIENCE) return { ...answer, asked, told }
      await sleep(20)
    }
  }
}
