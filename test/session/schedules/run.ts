import { AuthXError, type EventName, type TokenStore } from '../../../src/index.js'
import type { Independence } from './independence.js'
import type { Operation, Result } from './operations.js'
import { claimsOf, type Scene, serverFor, worldOf } from './scene.js'
import type { VirtualTime } from './virtual-time.js'
import { type Call, type Fate, faultsOf, type World } from './world.js'

/** One step of a schedule: what happens to which call of which operation. */
export interface Step {
  readonly by: number
  readonly number: number
  readonly fate: Fate
}

export interface Heard {
  readonly name: EventName
  readonly sid?: string | undefined
}

/** What has become of an operation. */
export interface Done {
  readonly operation: Operation
  /** `undefined`: it has not answered. */
  outcome?: { readonly result: Result } | { readonly code: string; readonly error: unknown }
  /** A fault hit a call that it waited for. */
  wasHit: boolean
  /** The operations that had answered before its first call took effect. */
  after?: readonly number[]
  readonly heard: Heard[]
}

/** A store that is wrong, put between the servers and the world. */
export type WrongStore = (store: TokenStore, world: World, by: number, operation: Operation) => TokenStore

/** Operations whose calls a schedule makes late get so many milliseconds, the first such one and the second. */
const SHORT_TIMEOUTS = [20, 100]

const isLate = ({ fate }: Step) => fate === 'answer late' || fate === 'write late'

/** Operations under way at once, whose calls of the store are served one by one. */
export class Run {
  readonly world: World
  readonly done: readonly Done[]
  /** What has happened, for people. */
  readonly story: string[] = []
  readonly #time: VirtualTime
  readonly #late: readonly number[]
  #faults = 0

  constructor(
    time: VirtualTime,
    scene: Scene,
    operations: readonly Operation[],
    schedule: readonly Step[],
    wrong: WrongStore = store => store,
  ) {
    this.#time = time
    this.world = worldOf(scene)
    this.#late = [...new Set(schedule.filter(isLate).map(({ by }) => by))]
    this.done = operations.map(operation => ({ operation, wasHit: false, heard: [] }))
    for (const [by, done] of this.done.entries()) {
      const store = wrong(this.world.storeFor(by), this.world, by, done.operation)
      const server = serverFor(by, done.operation.secondsAhead, SHORT_TIMEOUTS[this.#late.indexOf(by)])
      server.store = store
      server.hear = (name, sid) => done.heard.push({ name, sid })
      const keep = (outcome: Done['outcome']) => {
        done.outcome = outcome
      }
      done.operation.run(server.authx, scene, store).then(
        result => keep({ result }),
        error => keep({ code: error instanceof AuthXError ? error.code : 'no AuthXError', error }),
      )
    }
  }

  /** Wait until every operation has answered or waits for the store. */
  settle(): Promise<void> {
    return this.#time.settle()
  }

  async take(step: Step): Promise<void> {
    const { world } = this
    const call = world.waiting.find(({ by, number }) => by === step.by && number === step.number) as Call
    const done = this.done[step.by] as Done
    this.#begin(step.by, done)
    if (step.fate !== 'served' && step.fate !== 'landed') {
      this.#faults++
      if (!done.outcome) done.wasHit = true
    }
    await this.#decide(call, step.fate)
    await this.settle()
    this.story.push(`${done.operation.name} (${step.by + 1}): ${world.histories[step.by]?.at(-1)}`)
  }

  /**
   * All that decides what can follow, and whether it is right: of an operation that is over, what it came to, and of one
   * that is not, what it was told.
   */
  get state(): string {
    const operations = this.done.map(({ outcome, after, wasHit, heard }, by) => {
      const isOver = outcome && !this.world.waiting.some(call => call.by === by)
      const told = isOver ? heard.map(({ name }) => name) : this.world.histories[by]
      return [after, wasHit, this.#comesTo(outcome), told]
    })
    return `${JSON.stringify(operations)}\n${this.world.stored}\n${this.#faults}`
  }

  #comesTo(outcome: Done['outcome']): unknown {
    if (!outcome || 'code' in outcome) return outcome?.code
    const { pair, list } = outcome.result
    return pair ? this.world.nameOf(claimsOf(pair.refresh_token)) : list?.map(({ sid }) => this.world.nameOf(sid))
  }

  /** The steps that can come next; those with a fault if there have been fewer than `mostFaults`. */
  next(mostFaults: number, independence: Independence): Step[] {
    const { done } = this
    // Of two equal operations the first begins first: the other way round is the same again.
    const mayCome = ({ by }: Call) =>
      done[by]?.after !== undefined ||
      by === 0 ||
      done[by - 1]?.operation !== done[by]?.operation ||
      !!done[by - 1]?.after
    const calls = this.world.waiting.filter(mayCome)
    const free = independence.freeCall(calls, this.world, done)
    return (free ? [free] : calls).flatMap(call => {
      const { by, number, floats } = call
      if (floats) return [{ by, number, fate: 'landed' as const }]
      const fates: Fate[] = ['served', ...(this.#faults < mostFaults ? faultsOf(call) : [])]
      return fates.map(fate => ({ by, number, fate }))
    })
  }

  /** End what still waits. */
  async close(): Promise<void> {
    while (this.world.waiting.length > 0) {
      for (const call of this.world.waiting.splice(0)) call.refuse(new Error('the schedule is over'))
      await this.settle()
    }
  }

  #begin(by: number, done: Done): void {
    if (done.after) return
    done.after = [...this.done.keys()].filter(other => other !== by && this.done[other]?.outcome)
  }

  async #decide(call: Call, fate: Fate): Promise<void> {
    const { world } = this
    if (fate === 'refused') {
      world.note(call, fate)
      world.remove(call)
      return call.refuse(new Error('refused'))
    }
    if (fate === 'write late') {
      world.note(call, fate)
      call.floats = true
      return this.#passDeadline(call)
    }
    const answer = world.perform(call, fate)
    world.remove(call)
    if (fate === 'answer lost') return call.refuse(new Error('the answer is lost'))
    if (fate === 'answer late') await this.#passDeadline(call)
    call.answer(answer)
  }

  /** End the deadline of this call's operation, and of no other. */
  async #passDeadline({ by }: Call): Promise<void> {
    const timeout = SHORT_TIMEOUTS[this.#late.indexOf(by)] ?? 0
    await this.#time.pass(timeout + 20)
  }
}
