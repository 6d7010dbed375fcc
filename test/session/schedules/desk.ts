import type { TokenStore } from '../../../src/index.js'

/** What the backend or the network does to one call of the store. */
export type Fault = 'refused' | 'answer lost' | 'answer late' | 'write late'

/** What can happen to a call: it is served, a fault hits it, or a late write takes effect at last. */
export type Fate = 'served' | Fault | 'landed'

type Verb = 'get' | 'compareAndSet'

const FAULTS: Readonly<Record<Verb, readonly Fault[]>> = {
  get: ['refused', 'answer late'],
  compareAndSet: ['refused', 'answer lost', 'answer late', 'write late'],
}

export type Records = ReadonlyMap<string, string>

/** A call of the store that waits for its fate. */
export interface Call {
  /** The how manieth call of its operation it is. */
  readonly number: number
  readonly verb: Verb
  readonly keys: readonly string[]
  /** Does to the records what it should, and returns what it comes to. */
  readonly effect: (records: Map<string, string>) => unknown
  /** Its operation has been told that its time is over, and it has not taken effect yet. */
  floats: boolean
}

/** A call that can be answered. */
export interface OpenCall extends Call {
  readonly answer: (answer: unknown) => void
  readonly refuse: (error: Error) => void
}

/** Where the calls of one operation wait. */
export class Desk {
  readonly waiting: OpenCall[] = []
  /** How many there have been. */
  calls = 0

  /** The store, right in all it does. */
  readonly store: TokenStore = {
    get: keys => this.call('get', keys, records => keys.map(key => records.get(key))),
    compareAndSet: (key, expected, value) =>
      this.call('compareAndSet', [key], records => {
        if (records.get(key) !== expected) return false
        records.set(key, value)
        return true
      }),
  }

  call<T>(verb: Verb, keys: readonly string[], effect: (records: Map<string, string>) => T): Promise<T> {
    const number = this.calls++
    return new Promise<T>((resolve, refuse) => {
      const answer = resolve as (answer: unknown) => void
      this.waiting.push({ number, verb, keys, effect, floats: false, answer, refuse })
    })
  }

  take(call: OpenCall): void {
    this.waiting.splice(this.waiting.indexOf(call), 1)
  }
}

/** All that can happen to a call next. */
export const fatesOf = ({ verb, floats }: Call, mayFail: boolean): readonly Fate[] => {
  if (floats) return ['landed']
  return mayFail ? ['served', ...FAULTS[verb]] : ['served']
}

/** Whether the call takes effect now. */
export const takesEffect = (fate: Fate) => fate !== 'refused' && fate !== 'write late'
