import type { TokenStore } from '../../../src/index.js'
import type { WrongStore } from './actor.js'
import { OPERATIONS, type OperationName, type Operations } from './operations.js'
import type { LastResponse } from './scene.js'

/** A mistake in the store, or in what the library does with it, and what shows it. */
export interface Mistake {
  readonly mistake: string
  readonly wrong?: WrongStore
  /** Operations done otherwise. */
  readonly instead?: Partial<Operations>
  /** The promise that it breaks. */
  readonly breaks: RegExp
  /** The operations among which it is looked for; all if left out. */
  readonly among?: readonly OperationName[]
  /** The scene that shows it. Default 'used'. */
  readonly last?: LastResponse
  /** How many operations it takes. Default 2. */
  readonly count?: number
  /** How many calls a fault hits. Default 0. */
  readonly faults?: number
}

type Write = Parameters<TokenStore['compareAndSet']>

export const isSession = (key: string) => key.startsWith('session:')
export const isSubject = (key: string) => key.startsWith('subject:')
export const isList = (key: string) => key.startsWith('sessions:')
export const TOMBSTONE = '{"revoked":true}'

/** A store that writes some things otherwise. */
export const writing =
  (
    isWrong: (write: Write) => boolean,
    make: (...args: Parameters<WrongStore>) => TokenStore['compareAndSet'],
  ): WrongStore =>
  (store, ...others) => {
    const wrongly = make(store, ...others)
    return {
      get: keys => store.get(keys),
      compareAndSet: (...write) => (isWrong(write) ? wrongly(...write) : store.compareAndSet(...write)),
    }
  }

/** A write that does not look at what is held. */
export const overwriting = (isWrong: (write: Write) => boolean): WrongStore =>
  writing(
    isWrong,
    (_store, desk) => (key, _expected, value) =>
      desk.call('compareAndSet', [key], records => {
        records.set(key, value)
        return true
      }),
  )

export const until = () => new Date(Date.now() + 1e9)
export const read = async (store: TokenStore, key: string) => (await store.get([key]))[0]
export const only =
  (name: OperationName, wrong: WrongStore): WrongStore =>
  (store, desk, operation) =>
    operation.name === OPERATIONS[name].name ? wrong(store, desk, operation) : store
