import { Independence } from './independence.js'
import { OPERATIONS, type Operation, type OperationName } from './operations.js'
import { type Answers, brokenIn } from './promises.js'
import { Run, type Step, type WrongStore } from './run.js'
import type { Scene } from './scene.js'
import type { VirtualTime } from './virtual-time.js'

/** What is explored. */
export interface Question {
  readonly operations: readonly Operation[]
  /** How many calls a fault may hit in one schedule. */
  readonly faults: number
  readonly wrong?: WrongStore | undefined
}

/** A promise that a schedule breaks. */
export interface Violation {
  readonly promise: string
  readonly schedule: readonly string[]
}

export interface Explored {
  /** Schedules that differ in the order of the calls or in the fault. */
  schedules: number
  /** States that differ in what is stored or in what an operation has been told. */
  states: number
  /** Ends that were judged. */
  ends: number
  violation?: Violation
}

/** Sums over several questions. */
export type Totals = Readonly<Record<'choices' | 'schedules' | 'states' | 'ends', number>>

interface End {
  readonly run: Run
  readonly broken: readonly string[]
}

interface Path {
  readonly steps: readonly Step[]
  /** The state before the last step. */
  readonly from: string
}

/**
 * Run the operations in every order of their calls. A state that another order has led to already is not gone on from
 * again: what can follow is the same. The runs are made anew from the beginning for each branch.
 */
export class Explorer {
  readonly #time: VirtualTime
  readonly #scene: Scene
  #answers: Answers = new Map()
  readonly #independence = new Independence()
  /** For each state of a question, the states that its steps lead to. */
  #following = new Map<string, string[]>()

  constructor(time: VirtualTime, scene: Scene) {
    this.#time = time
    this.#scene = scene
  }

  /**
   * Explore these choices of operations.
   * @throws Error with the schedule that breaks a promise.
   */
  async exploreAll(choices: readonly OperationName[][], faults: number): Promise<Totals> {
    const totals = { choices: 0, schedules: 0, states: 0, ends: 0 }
    for (const choice of choices) {
      const explored = await this.explore({ operations: choice.map(name => OPERATIONS[name]), faults })
      if (explored.violation) throw new Error(printed(explored.violation))
      totals.choices++
      totals.schedules += explored.schedules
      totals.states += explored.states
      totals.ends += explored.ends
    }
    return totals
  }

  /** Stops at the first violation that `counts`. */
  async explore(question: Question, counts: (promise: string) => boolean = () => true): Promise<Explored> {
    let explored: Explored
    do explored = await this.#exploreOnce(question, counts)
    while (this.#independence.hasLearnt && !explored.violation)
    explored.states = this.#following.size - 1
    explored.schedules = schedulesFrom('', this.#following, new Map())
    return explored
  }

  async #exploreOnce(question: Question, counts: (promise: string) => boolean): Promise<Explored> {
    this.#independence.hasLearnt = false
    this.#answers = new Map()
    this.#following = new Map([['', []]])
    const explored: Explored = { schedules: 0, states: 0, ends: 0 }
    const open: Path[] = [{ steps: [], from: '' }]
    for (let path = open.pop(); path && !explored.violation; path = open.pop()) {
      const end = await this.#follow(path, question, open)
      if (end) explored.ends++
      const promise = end?.broken.find(counts)
      if (end && promise) explored.violation = { promise, schedule: end.run.story }
    }
    return explored
  }

  /** Go along a path, then on to a state that is known (`undefined`) or to an end. What branches off is added to `open`. */
  async #follow({ steps, from }: Path, question: Question, open: Path[]): Promise<End | undefined> {
    const run = new Run(this.#time, this.#scene, question.operations, steps, question.wrong)
    await run.settle()
    for (const step of steps) await run.take(step)
    const taken = [...steps]
    let before = from
    for (;;) {
      const { state } = run
      this.#independence.learn(run.world, question.operations)
      this.#following.get(before)?.push(state)
      if (this.#following.has(state)) {
        await run.close()
        return undefined
      }
      this.#following.set(state, [])
      const [first, ...others] = run.next(question.faults, this.#independence)
      if (!first) break
      // A late answer needs a server with a short time, from the beginning.
      for (const other of others) open.push({ steps: [...taken, other], from: state })
      await run.take(first)
      taken.push(first)
      before = state
    }
    return { run, broken: await brokenIn(run, this.#scene, this.#answers) }
  }
}

/** A violation with the schedule that leads to it. */
export const printed = ({ promise, schedule }: Violation) => [promise, ...schedule].join('\n  ')

/** How many ways lead from a state to an end. */
function schedulesFrom(state: string, following: Map<string, string[]>, known: Map<string, number>): number {
  const before = known.get(state)
  if (before !== undefined) return before
  const next = following.get(state) ?? []
  const count = next.length === 0 ? 1 : next.reduce((sum, each) => sum + schedulesFrom(each, following, known), 0)
  known.set(state, count)
  return count
}
