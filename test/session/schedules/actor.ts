import { AuthXError, type EventName, type TokenStore } from '../../../src/index.js'
import { type Call, Desk, type Fate } from './desk.js'
import type { Operation, Result } from './operations.js'
import { type Scene, Server } from './scene.js'
import type { VirtualProcess } from './virtual-process.js'

/** What has happened to one call of an operation, and what the store had to say. */
export interface Told {
  readonly number: number
  readonly fate: Fate
  readonly answer?: unknown
}

export interface Heard {
  readonly name: EventName
  readonly sid: string | undefined
}

export type Outcome = { readonly result: Result } | { readonly code: string; readonly error: unknown }

/** Where an operation stands after what it was told. */
export interface Stand {
  readonly told: readonly Told[]
  readonly waiting: readonly Call[]
  /** `undefined`: it has not answered. */
  readonly outcome: Outcome | undefined
  /** A fault hit a call that it waited for. */
  readonly wasHit: boolean
  /** It has called the store after it had answered that the store cannot be reached. */
  readonly wentOn: boolean
  readonly heard: readonly Heard[]
  /** Equal if the same follows. */
  readonly name: number
  /** What has followed. */
  readonly next: Map<string, Stand>
}

/** Puts a wrong store before the right one. */
export type WrongStore = (store: TokenStore, desk: Desk, operation: Operation) => TokenStore

/** Milliseconds. */
const LONG_TIMEOUT = 60_000
const SHORT_TIMEOUT = 20

const isFault = (fate: Fate) => fate !== 'served' && fate !== 'landed'
const isLate = ({ fate }: Told) => fate === 'answer late' || fate === 'write late'

/**
 * One operation in a process of its own. What it does depends on nothing but what the store tells it; so it is run alone,
 * once for everything that it can be told, and not again in each schedule.
 */
export class Actor {
  readonly #process: VirtualProcess
  readonly #scene: Scene
  readonly #operation: Operation
  readonly #wrong: WrongStore
  readonly #ids: string
  readonly #servers: Readonly<Record<'patient' | 'hasty', Server>>
  readonly #first = new Map<string, Stand>()
  readonly #names = new Map<string, number>()

  /** `ids`: eight hexadecimal digits with which the ids begin that it makes. */
  constructor(process: VirtualProcess, scene: Scene, operation: Operation, wrong: WrongStore, ids: string) {
    this.#process = process
    this.#scene = scene
    this.#operation = operation
    this.#wrong = wrong
    this.#ids = ids
    const { secondsAhead } = operation
    this.#servers = { patient: new Server(secondsAhead, LONG_TIMEOUT), hasty: new Server(secondsAhead, SHORT_TIMEOUT) }
  }

  /** Where it stands after one more call, or in the beginning; a promise only if it has to be run. */
  after(stand?: Stand, told?: Told): Stand | Promise<Stand> {
    const [before, one] = [stand?.told ?? [], told ? [told] : []]
    const [next, key] = [stand?.next ?? this.#first, JSON.stringify(one)]
    const known = next.get(key)
    if (known) return known
    return this.#run([...before, ...one]).then(found => {
      next.set(key, found)
      return found
    })
  }

  async #run(told: readonly Told[]): Promise<Stand> {
    const desk = new Desk()
    const server = told.some(isLate) ? this.#servers.hasty : this.#servers.patient
    const store = this.#wrong(desk.store, desk, this.#operation)
    const heard: Heard[] = []
    server.store = store
    server.hear = (name, sid) => heard.push({ name, sid })
    this.#process.countIds(this.#ids)
    let outcome: Outcome | undefined
    let mostCalls = Number.POSITIVE_INFINITY
    this.#operation.run(server.authx, this.#scene, store).then(
      result => {
        outcome = { result }
      },
      error => {
        outcome = { code: error instanceof AuthXError ? error.code : 'no AuthXError', error }
        if (outcome.code === 'ERR_STORE_UNAVAILABLE') mostCalls = desk.calls
      },
    )
    await this.#process.settle()
    let wasHit = false
    for (const each of told) {
      if (isFault(each.fate) && !outcome) wasHit = true
      await this.#tell(desk, each)
      await this.#process.settle()
    }
    const wentOn = desk.calls > mostCalls
    const stand = { told, waiting: desk.waiting.map(unanswered), outcome, wasHit, wentOn, heard: [...heard] }
    await this.#close(desk)
    const text = textOf(stand)
    const name = this.#names.get(text) ?? this.#names.size
    this.#names.set(text, name)
    return { ...stand, name, next: new Map() }
  }

  async #tell(desk: Desk, { number, fate, answer }: Told): Promise<void> {
    const call = desk.waiting.find(each => each.number === number)
    if (!call) throw new Error(`${this.#operation.name} does not always do the same`)
    if (fate === 'write late') call.floats = true
    else desk.take(call)
    if (isLate({ number, fate })) await this.#process.pass(2 * SHORT_TIMEOUT)
    if (fate === 'refused' || fate === 'answer lost') call.refuse(new Error(fate))
    else if (fate !== 'write late') call.answer(answer)
  }

  /** End what still waits, so that the server can be used again. */
  async #close(desk: Desk): Promise<void> {
    while (desk.waiting.length > 0) {
      for (const call of desk.waiting.splice(0)) call.refuse(new Error('the schedule is over'))
      await this.#process.settle()
    }
  }
}

const unanswered = ({ number, verb, keys, effect, floats }: Call): Call => ({ number, verb, keys, effect, floats })

/** Of an operation that is over it counts what it came to, and of one that is not, all that it was told. */
function textOf({ told, waiting, outcome, wasHit, wentOn, heard }: Omit<Stand, 'name' | 'next'>): string {
  if (!outcome || waiting.length > 0) return JSON.stringify(told)
  const { code, result } = { code: 'done', result: undefined, ...outcome }
  return JSON.stringify([code, result?.pair?.refresh_token, result?.list?.map(({ sid }) => sid), wasHit, wentOn, heard])
}
