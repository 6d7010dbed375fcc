import { Actor, type Stand, type Told, type WrongStore } from './actor.js'
import { type Call, type Fate, fatesOf, type Records, takesEffect } from './desk.js'
import type { Done, Left } from './end.js'
import { OPERATIONS, type Operation, type OperationName } from './operations.js'
import { Judge } from './promises.js'
import type { Scene } from './scene.js'
import type { VirtualProcess } from './virtual-process.js'

/** What has happened and what is stored, at one moment of a schedule. */
interface State {
  readonly stands: readonly Stand[]
  /** For each operation, the operations that had answered before its first call; `undefined` before that. */
  readonly after: readonly (readonly number[] | undefined)[]
  readonly left: Left
  readonly faults: number
  /** How it came about. */
  readonly before?: State
  readonly step?: Step
}

/** One call and its fate, for people. */
interface Step {
  readonly by: number
  readonly call: Call
  readonly told: Told
}

/** What was explored. */
export interface Explored {
  /** Schedules that differ in the order of the calls, or in which call a fault hits and how. */
  schedules: number
  /** States that differ in what is stored, or in what an operation was told or came to. */
  states: number
  /** Ends that were judged. */
  ends: number
  /** The promise that a schedule breaks, and the schedule. */
  violation?: string
}

export type Totals = Readonly<Record<'choices' | 'schedules' | 'states' | 'ends', number>>

/**
 * Lets operations run in every order of their calls of the store. A state to which another order has led already is not
 * gone on from again: what can follow it is the same.
 */
export class Explorer {
  readonly #process: VirtualProcess
  readonly #scene: Scene
  readonly #wrong: WrongStore
  readonly #judge: Judge
  readonly #actors = new Map<Operation, Actor[]>()
  /** Records by what is in them. */
  readonly #names = new Map<string, number>()
  #made = 0

  constructor(process: VirtualProcess, scene: Scene, wrong: WrongStore = store => store) {
    this.#process = process
    this.#scene = scene
    this.#wrong = wrong
    this.#judge = new Judge(scene)
  }

  /**
   * @param faults how many calls a fault may hit in one schedule.
   * @throws Error with the schedule that breaks a promise.
   */
  async exploreAll(choices: readonly (readonly OperationName[])[], faults: number): Promise<Totals> {
    const totals = { choices: 0, schedules: 0, states: 0, ends: 0 }
    for (const choice of choices) {
      const explored = await this.explore(
        choice.map(name => OPERATIONS[name]),
        faults,
      )
      if (explored.violation) throw new Error(explored.violation)
      totals.choices++
      totals.schedules += explored.schedules
      totals.states += explored.states
      totals.ends += explored.ends
    }
    return totals
  }

  /** Equal operations stand side by side. It stops at the first violation that `counts`. */
  async explore(
    operations: readonly Operation[],
    faults: number,
    counts: (promise: string) => boolean = () => true,
  ): Promise<Explored> {
    const actors = operations.map((operation, by) => this.#actor(operation, by - operations.indexOf(operation)))
    const first = await this.#first(actors)
    /** For each state, those that follow it. */
    const following = new Map<string, string[]>()
    const explored: Explored = { schedules: 0, states: 0, ends: 0 }
    const open = [first]
    for (let state = open.pop(); state && !explored.violation; state = open.pop()) {
      const key = keyOf(state)
      if (following.has(key)) continue
      const next: State[] = []
      for (const [by, call] of callsIn(state, operations)) {
        for (const fate of fatesOf(call, state.faults < faults)) {
          next.push(await this.#step(state, actors, by, call, fate))
        }
      }
      following.set(key, next.map(keyOf))
      open.push(...next)
      if (next.length > 0) continue
      explored.ends++
      const broken = (await this.#judge.broken(doneIn(state, operations), state.left)).find(counts)
      if (broken) explored.violation = [broken, ...storyOf(state, operations, this.#scene)].join('\n  ')
    }
    explored.states = following.size
    explored.schedules = explored.violation ? 0 : waysFrom(keyOf(first), following, new Map())
    return explored
  }

  /** The actor of the first, second or third of several equal operations: they make different ids. */
  #actor(operation: Operation, copy: number): Actor {
    const actors = this.#actors.get(operation) ?? []
    this.#actors.set(operation, actors)
    actors[copy] ??= new Actor(this.#process, this.#scene, operation, this.#wrong, idsOf(++this.#made))
    return actors[copy]
  }

  async #first(actors: readonly Actor[]): Promise<State> {
    const stands: Stand[] = []
    for (const actor of actors) stands.push(await actor.after())
    return { stands, after: actors.map(() => undefined), left: this.#leave(this.#scene.records), faults: 0 }
  }

  async #step(state: State, actors: readonly Actor[], by: number, call: Call, fate: Fate): Promise<State> {
    const { number, verb, effect } = call
    const records = new Map(state.left.records)
    const told: Told = takesEffect(fate) ? { number, fate, answer: effect(records) } : { number, fate }
    const writes = takesEffect(fate) && verb === 'compareAndSet'
    const next = (actors[by] as Actor).after(state.stands[by], told)
    const stand = next instanceof Promise ? await next : next
    const answered = [...state.stands.keys()].filter(other => other !== by && state.stands[other]?.outcome)
    return {
      stands: state.stands.with(by, stand),
      after: state.after.with(by, state.after[by] ?? answered),
      left: writes ? this.#leave(records) : state.left,
      faults: state.faults + (fate === 'served' || fate === 'landed' ? 0 : 1),
      before: state,
      step: { by, call, told },
    }
  }

  #leave(records: Records): Left {
    const stored = [...records]
      .map(entry => entry.join('='))
      .sort()
      .join('\n')
    const name = this.#names.get(stored) ?? this.#names.size
    this.#names.set(stored, name)
    return { records, name }
  }
}

const idsOf = (actor: number) => actor.toString(16).padStart(8, '0')

/** The calls that can come next. Of two equal operations the first begins first: the other way round is the same again. */
function callsIn({ stands, after }: State, operations: readonly Operation[]): [by: number, Call][] {
  return stands.flatMap(({ waiting }, by) => {
    const waitsForTwin = operations[by - 1] === operations[by] && !after[by - 1]
    return waitsForTwin ? [] : waiting.map((call): [number, Call] => [by, call])
  })
}

/** Equal for states from which the same follows. */
const keyOf = ({ stands, after, left, faults }: State) =>
  JSON.stringify([stands.map(({ name }) => name), after, left.name, faults])

const doneIn = ({ stands, after }: State, operations: readonly Operation[]): Done[] =>
  stands.map((stand, by) => ({ ...stand, operation: operations[by] as Operation, after: after[by] ?? [] }))

/** The steps that led to a state, a line each. */
function storyOf({ before, step }: State, operations: readonly Operation[], scene: Scene): string[] {
  if (!before || !step) return []
  const { by, call, told } = step
  const keys = call.keys.map(key => named(key, scene)).join(' and ')
  const answer = (JSON.stringify(told.answer) ?? '').slice(0, 200)
  const line = `${operations[by]?.name} (${by + 1}): ${call.verb} ${keys}: ${told.fate} ${answer}`
  return [...storyOf(before, operations, scene), line]
}

/** A key with a name in the place of the id of a session. */
const named = (key: string, { phone, laptop, imported }: Scene) =>
  key.replace(phone.sid, 'phone').replace(laptop.sid, 'laptop').replace(imported.sid, 'imported')

/** How many ways lead from a state to an end. */
function waysFrom(
  state: string,
  following: ReadonlyMap<string, readonly string[]>,
  known: Map<string, number>,
): number {
  const before = known.get(state)
  if (before !== undefined) return before
  const next = following.get(state) ?? []
  const count = next.length === 0 ? 1 : next.reduce((sum, each) => sum + waysFrom(each, following, known), 0)
  known.set(state, count)
  return count
}
