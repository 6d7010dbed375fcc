import { AssertionError } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenStore } from '../../src/store.js'
import { type Backend, type CompareAndSet, PlainStore } from './wrong-stores/plain-store.js'

const SECOND = 1000

const expiring = (expiryFor: (date: number, now: number) => number) =>
  class extends PlainStore {
    override expiryFor(expiresAt: Date) {
      return expiryFor(expiresAt.getTime(), Date.now())
    }
  }

/** Looks and writes between two waits, as over a network. */
class Remote extends PlainStore {
  override async get(keys: readonly string[]) {
    return this.call(() => super.get(keys))
  }
  override async compareAndSet(...args: CompareAndSet) {
    return this.call(() => super.compareAndSet(...args))
  }
  async call<T>(work: () => Promise<T>): Promise<T> {
    this.checkOpen()
    await sleep(15 * Math.random())
    // Closed meanwhile: what is under way is done all the same.
    const answer = await (this.closed ? this.reopened(work) : work())
    await sleep(15 * Math.random())
    return answer
  }
  async reopened<T>(work: () => Promise<T>): Promise<T> {
    this.closed = false
    const answer = work()
    this.closed = true
    return answer
  }
}

type StoreClass = new (backend: Backend, prefix?: string) => TokenStore

/** Stores that keep the contract in ways of their own: the suite has to pass them. */
export const rightStores: Record<string, StoreClass> = {
  'rounds dates up to seconds': expiring(date => Math.ceil(date / SECOND) * SECOND),
  'rounds lives up to seconds': expiring((date, now) => now + Math.ceil((date - now) / SECOND) * SECOND),
  'has a clock that is ahead a little': expiring(date => date - 150),
  'has a clock that is behind a little': expiring(date => date + 150),
  'takes its time': Remote,
  'rejects dates that are not in the future': class extends PlainStore {
    override async compareAndSet(...args: CompareAndSet) {
      if (!(args[3].getTime() > Date.now())) throw new RangeError('expiresAt must be in the future')
      return super.compareAndSet(...args)
    }
  },
  'rejects with the errors of node:assert': class extends PlainStore {
    override checkOpen() {
      if (this.closed || this.backend.isDown) throw new AssertionError({ message: 'out of order' })
    }
  },
}
