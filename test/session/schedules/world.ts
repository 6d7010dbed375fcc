import type { TokenStore } from '../../../src/store.js'

/** What the backend or the network does to one call of the store. */
export type Fault = 'refused' | 'answer lost' | 'answer late' | 'write late'

/** What can happen to a call: it is served, a fault hits it, or a late write takes effect at last. */
export type Fate = 'served' | Fault | 'landed'

const FAULTS: Readonly<Record<'get' | 'compareAndSet', readonly Fault[]>> = {
  get: ['refused', 'answer late'],
  compareAndSet: ['refused', 'answer lost', 'answer late', 'write late'],
}

/** A call of the store that waits for its fate. */
export interface Call {
  /** Which of the operations made it. */
  readonly by: number
  /** The how manieth call of the operation it is. */
  readonly number: number
  readonly verb: 'get' | 'compareAndSet'
  /** The verb, and the keys of the records that it touches; the sessions of logins all count as one. */
  readonly access: readonly string[]
  readonly text: string
  readonly effect: () => unknown
  readonly answer: (answer: unknown) => void
  readonly refuse: (error: Error) => void
  /** Its operation has been told that its time is over, and it has not taken effect yet. */
  floats: boolean
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** The backend of one run. Nothing is read or written before somebody decides the fate of the call. */
export class World {
  readonly records: Map<string, string>
  /** Calls that wait, in the order in which they were made. */
  readonly waiting: Call[] = []
  /** All calls that each operation has made. */
  readonly calls: Call[][] = []
  /** For each operation, what it asked and was told: together with the operations it determines the state of the world. */
  readonly histories: string[][] = []
  readonly #knownIds: ReadonlySet<string>
  readonly #names = new Map<string, string>()
  readonly #ids = new Map<string, string>()
  #writer = ''

  /** `knownIds`: the random ids of the beginning, which are the same in all runs. */
  constructor(records: ReadonlyMap<string, string>, knownIds: ReadonlySet<string>) {
    this.records = new Map(records)
    this.#knownIds = knownIds
  }

  /** The store as the server of one operation sees it. */
  storeFor(by: number): TokenStore {
    return {
      get: keys => this.call(by, 'get', keys, () => keys.map(key => this.records.get(key))),
      compareAndSet: (key, expected, value) =>
        this.call(by, 'compareAndSet', [key], () => {
          if (this.records.get(key) !== expected) return false
          this.put(key, value)
          return true
        }),
    }
  }

  /** A call that comes to `effect` when it takes effect. */
  call<T>(by: number, verb: Call['verb'], keys: readonly string[], effect: () => T): Promise<T> {
    const made = this.calls[by] ?? []
    this.calls[by] = made
    const number = made.length
    const names = keys.map(key => this.nameOf(key, `${by}.${number}`))
    const access = [verb, ...names.map(name => (name.includes('<') ? 'new' : name))]
    return new Promise<T>((resolve, refuse) => {
      const answer = resolve as (answer: unknown) => void
      const text = `${verb} ${names.join(' and ')}`
      const call: Call = { by, number, verb, access, text, effect, answer, refuse, floats: false }
      this.waiting.push(call)
      made.push(call)
    })
  }

  put(key: string, value: string): void {
    this.records.set(key, value)
    this.nameOf(value, this.#writer)
  }

  /** Let a call take effect, and note what it comes to. */
  perform(call: Call, fate: Fate): unknown {
    this.#writer = `${call.by}.${call.number}`
    const answer = call.effect()
    this.note(call, `${fate} ${this.#describe(answer)}`)
    return answer
  }

  note({ by, number, text }: Call, what: string): void {
    const history = this.histories[by] ?? []
    history.push(`${number} ${text}: ${what}`)
    this.histories[by] = history
  }

  remove(call: Call): void {
    this.waiting.splice(this.waiting.indexOf(call), 1)
  }

  /** What is stored, and the writes that are still to come. Equal if the same, whatever random ids are in it. */
  get stored(): string {
    const records = [...this.records].map(([key, value]) => `${this.nameOf(key)}=${this.nameOf(value)}`)
    const floating = this.waiting.filter(({ floats }) => floats).map(({ by, number }) => `${by}.${number}`)
    return [...records.sort(), ...floating].join('\n')
  }

  #describe(answer: unknown): string {
    return Array.isArray(answer)
      ? answer.map(value => (value === undefined ? 'nothing' : this.nameOf(value))).join(' and ')
      : String(answer)
  }

  /** A text with names in the place of ids that are new in this run: the call that first held them, and a number. */
  nameOf(text: string, maker = '?'): string {
    const known = this.#names.get(text)
    if (known !== undefined) return known
    let count = 0
    const name = text.replace(UUID, id => {
      if (this.#knownIds.has(id)) return id
      const idName = this.#ids.get(id) ?? `<${maker}.${count++}>`
      this.#ids.set(id, idName)
      return idName
    })
    this.#names.set(text, name)
    return name
  }
}

export const faultsOf = ({ verb }: Call): readonly Fault[] => FAULTS[verb]

/** All random ids in these texts. */
export const idsIn = (texts: Iterable<string>): Set<string> =>
  new Set([...texts].flatMap(text => [...text.matchAll(UUID)].map(([id]) => id)))
