import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome, Pass } from '../case.js'
import { randomOf, SEED } from '../fleet/random.js'
import { Client } from './client.js'
import type { Backend } from './server.js'
import { Target } from './target.js'
import { STORE_TIMEOUT, Tally, Witness } from './witness.js'

/** Something that happens to a store, and goes away again. */
export interface Fault {
  readonly name: string
  begin(target: Target): unknown
  end(target: Target): unknown
  /** The store is empty after it: sessions from before are over. */
  readonly forgets?: boolean
  /** Only writing fails, so that guards go on. */
  readonly readsGoOn?: boolean
  /** Now and then something succeeds. */
  readonly partial?: boolean
  /** Nobody is to notice. */
  readonly harmless?: boolean
  /** What was answered with 503 may be done when the fault ends, and is done or not when `end` resolves. */
  readonly lingers?: boolean
}

/** A store under a running server, and what happens to it, one after the other. */
export interface Stage {
  readonly backend: Backend
  readonly faults: readonly Fault[]
  /** The first fault is there before the server has asked for anything. */
  readonly fromTheStart?: boolean
  cleanUp(): unknown
}

interface Course {
  readonly rounds: number
  /** Milliseconds before and after a fault, and of it. */
  readonly well: number
  readonly faulty: number
  /** Requests at once during a fault. */
  readonly flood: number
}

const COURSES: Readonly<Record<Pass, Course>> = {
  full: { rounds: 3, well: 600, faulty: 2000, flood: 1000 },
  short: { rounds: 1, well: 300, faulty: 600, flood: 300 },
}
const CLIENTS = 6
const RECOVERS_WITHIN = 15_000
const SHOWS_WITHIN = 15_000
/** Bytes by which the heap may have grown while the store is away, flood and all, and after it is back. */
const HEAP_DURING = 16e6
const HEAP_AFTER = 8e6
/** Seconds, longer than a run: whoever was told 503 gets the successor later, if there is one already. */
const GRACE = 60

/** Lets several clients go on while faults come and go, and then holds the library to all that they were told. */
export async function endure(prepare: () => Promise<Stage>, pass: Pass): Promise<Outcome> {
  const course = COURSES[pass]
  const stage = await prepare()
  if (!stage.fromTheStart) return undergo(stage, course)
  const outcomes = [await undergo(stage, { ...course, rounds: 1 })]
  // A fault that is there when the server starts needs another start to come again.
  while (outcomes.length < course.rounds) outcomes.push(await undergo(await prepare(), { ...course, rounds: 1 }))
  return {
    count: outcomes.reduce((sum, { count }) => sum + count, 0),
    seen: outcomes.at(-1)?.seen ?? '',
    broken: outcomes.flatMap(({ broken }) => broken),
  }
}

/** The same for each of these stages, one after the other. */
export async function endureEach(stages: Readonly<Record<string, () => Promise<Stage>>>, pass: Pass): Promise<Outcome> {
  const outcomes: Outcome[] = []
  for (const [name, prepare] of Object.entries(stages)) {
    const { count, seen, broken } = await endure(prepare, pass)
    outcomes.push({ count, seen: `${name}: ${seen}`, broken: broken.map(line => `${name}: ${line}`) })
  }
  return {
    count: outcomes.reduce((sum, { count }) => sum + count, 0),
    seen: outcomes.map(({ seen }) => seen).join('; '),
    broken: outcomes.flatMap(({ broken }) => broken),
  }
}

async function undergo(stage: Stage, course: Course): Promise<Outcome> {
  let target: Target | undefined
  try {
    const options = { storeTimeout: STORE_TIMEOUT, refreshGracePeriod: GRACE }
    target = await Target.start({ backend: stage.backend, options })
    return await new Ordeal(stage, target, course).run()
  } finally {
    await target?.stop()
    await stage.cleanUp()
  }
}

class Ordeal {
  readonly #stage: Stage
  readonly #target: Target
  readonly #course: Course
  readonly #witness = new Witness()
  readonly #clients: readonly Client[]
  /** Has a session whose guards need no writing when a fault comes. */
  readonly #reader: Client
  /** By the name of the fault: milliseconds until all was well again. */
  readonly #recovery = new Map<string, number>()
  /** What had been told of the fault when it came: it may have come before. */
  #earlier = { unavailable: 0, passed: 0, written: 0 }
  #over = false
  #before = 0
  #largest = 0

  constructor(stage: Stage, target: Target, course: Course) {
    this.#stage = stage
    this.#target = target
    this.#course = course
    const person = (n: number, name = `client-${n}`) => new Client(target, this.#witness, randomOf(n), name)
    this.#clients = Array.from({ length: CLIENTS }, (_, n) => person(n))
    this.#reader = person(CLIENTS, 'reader')
  }

  async run(): Promise<Outcome> {
    const { faults, fromTheStart } = this.#stage
    const [first] = faults
    if (fromTheStart && first) await this.#befall(first)
    const lives = this.#clients.map(client => client.live(() => this.#over))
    if (!fromTheStart) await sleep(this.#course.well)
    this.#before = (await this.#target.order()).heap
    const { rounds } = this.#course
    const all = Array.from({ length: rounds }, () => faults).flat()
    for (const [n, fault] of all.entries()) {
      if (n > 0 || !fromTheStart) {
        await this.#reader.settles()
        await this.#befall(fault)
      }
      await this.#suffer(fault)
    }
    this.#over = true
    await Promise.all(lives)
    await Promise.all(this.#clients.map(client => client.holds()))
    const seen = await this.#fares()
    const lines = this.#witness.broken.lines.map(line => `${line}, seed ${SEED}`)
    return { count: this.#witness.answers, seen, broken: lines }
  }

  async #befall({ name, forgets, lingers, begin }: Fault): Promise<void> {
    for (const client of this.#clients) client.linger(lingers === true)
    this.#witness.matter = `${name}, coming`
    if (forgets) {
      for (const client of this.#clients) client.forget()
      // What was sent before is answered by what the store still holds.
      await sleep(STORE_TIMEOUT)
    }
    const before = this.#witness.tally.unavailable
    await begin(this.#target)
    // What was under way may come to its end, on a busy machine too.
    await sleep(4 * STORE_TIMEOUT)
    // A store that replaces its connections may have noticed the fault already, and be well again.
    const noticed = this.#witness.tally.unavailable - before
    this.#witness.matter = name
    const { unavailable, passed, written } = this.#witness.tally
    this.#earlier = { unavailable: unavailable - noticed, passed, written }
  }

  /** A fault is endured, and goes. */
  async #suffer(fault: Fault): Promise<void> {
    const witness = this.#witness
    await sleep(this.#course.faulty)
    await this.#shows(fault)
    await this.#flood()
    const { heap } = await this.#target.order()
    this.#largest = Math.max(this.#largest, heap - this.#before)
    this.#bites(fault)
    witness.matter = `${fault.name}, over`
    await fault.end(this.#target)
    for (const client of this.#clients) client.linger(false)
    await this.#recovers(fault)
    if (fault.forgets) for (const client of this.#clients) client.remember()
    witness.matter = 'nothing'
    await sleep(this.#course.well)
  }

  /** On a busy machine it takes longer until a fault has shown what it is to show. */
  async #shows(fault: Fault): Promise<void> {
    const deadline = performance.now() + SHOWS_WITHIN
    while (!this.#hasShown(fault) && performance.now() < deadline) {
      if (fault.readsGoOn) await this.#reader.reads()
      await sleep(10)
    }
  }

  #hasShown({ harmless, readsGoOn }: Fault): boolean {
    const { unavailable, passed, written } = this.#since
    if (harmless) return written > 0
    return unavailable > 0 && (!readsGoOn || passed > 0)
  }

  /** What was told since the fault came. */
  get #since(): Pick<Tally, 'unavailable' | 'passed' | 'written'> {
    const { tally } = this.#witness
    return {
      unavailable: tally.unavailable - this.#earlier.unavailable,
      passed: tally.passed - this.#earlier.passed,
      written: tally.written - this.#earlier.written,
    }
  }

  /** A fault that nobody notices shows nothing, and one that lets something through is a lie of the library's. */
  #bites({ name, harmless, readsGoOn, partial }: Fault): void {
    const { broken } = this.#witness
    const { unavailable, passed, written } = this.#since
    if (harmless) broken.unless(written > 0, `${name}: was to be harmless, and nothing was written`)
    if (harmless) return
    broken.unless(unavailable > 0, `${name}: nobody noticed, there was no answer of 503`)
    broken.unless(partial || written === 0, `${name}: ${written} writes were acknowledged`)
    if (readsGoOn) broken.unless(passed > 0, `${name}: guards were to go on, and none let anybody pass`)
    else broken.unless(partial || passed === 0, `${name}: ${passed} guards let somebody pass`)
  }

  async #flood(): Promise<void> {
    const token = this.#clients.map(({ access }) => access).find(access => access !== undefined)
    const calls = Array.from({ length: this.#course.flood }, () => this.#target.call('GET', '/protected', token))
    this.#witness.judgesTime = false
    const statuses = (await Promise.all(calls)).map(({ status }) => status)
    this.#witness.judgesTime = true
    const odd = statuses.filter(status => ![200, 401, 503].includes(status))
    this.#witness.broken.unless(odd.length === 0, `of many requests at once ${odd.length} were answered with ${odd[0]}`)
  }

  /** Resolves when every operation succeeds again. */
  async #recovers({ name }: Fault): Promise<void> {
    const began = performance.now()
    const probe = new Client(this.#target, this.#witness, randomOf(-1), 'probe')
    let back = 0
    while (!(await probe.succeeds()) && back < RECOVERS_WITHIN) {
      await sleep(10)
      back = performance.now() - began
    }
    this.#witness.broken.unless(back < RECOVERS_WITHIN, `${name}: no recovery within ${RECOVERS_WITHIN} ms`)
    this.#recovery.set(name, Math.max(back, this.#recovery.get(name) ?? 0))
  }

  /** How the process is in the end, and what was seen in all. */
  async #fares(): Promise<string> {
    const { broken, tallies } = this.#witness
    const { heap, unhandled } = await this.#target.order()
    const left = heap - this.#before
    this.#witness.judgeTime()
    broken.unless(this.#target.running, 'the server process has ended')
    broken.unless(this.#largest < HEAP_DURING, `the heap had grown by ${mega(this.#largest)}`)
    broken.unless(left < HEAP_AFTER, `the heap is larger than before by ${mega(left)}`)
    for (const line of unhandled) broken.add(line)
    const faults = this.#stage.faults.map(({ name }) => describe(name, tallies.get(name), this.#recovery.get(name)))
    const idle = tallies.get('nothing')?.unavailable ?? 0
    return [
      ...faults,
      `heap ${mega(this.#largest)} at most, ${mega(left)} in the end`,
      ...(idle > 0 ? [`${idle} × 503 when nothing was the matter`] : []),
    ].join('; ')
  }
}

function describe(name: string, tally: Tally | undefined, recovery = 0): string {
  const { unavailable, passed, written, median, worst } = tally ?? new Tally()
  const went = passed + written > 0 ? [`${passed} guards let pass, ${written} writes acknowledged`] : []
  const late =
    unavailable > 0 ? [`${unavailable} × 503 in ${Math.round(median)} ms, ${Math.round(worst)} ms at most`] : []
  return `${name}: ${[...late, ...went, `back after ${Math.round(recovery)} ms`].join(', ')}`
}

const mega = (bytes: number) => `${bytes < 0 ? '-' : '+'}${Math.abs(bytes / 1e6).toFixed(1)} MB`
