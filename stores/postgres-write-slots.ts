import type { Deadline } from '../src/time/deadline.js'
import { maxOf, type PostgresPool } from './postgres-client.js'

/** Writes use at most this share of the connections of a pool. */
const SHARE_OF_WRITES = 0.75

const slotsOfPools = new WeakMap<PostgresPool, WriteSlots>()

/** Returns the slots of a pool, which all stores at this pool share. */
export function writeSlotsOf(pool: PostgresPool): WriteSlots {
  const slots = slotsOfPools.get(pool) ?? new WriteSlots(maxOf(pool))
  slotsOfPools.set(pool, slots)
  return slots
}

/**
 * Lets only some of the connections of a pool be used by writes at the same time. A commit can wait for a synchronous
 * standby that is away, and reads need a connection then.
 */
export class WriteSlots {
  /** How many writes can use a connection at the same time. */
  readonly count: number
  #free: number
  readonly #waiting = new Set<() => void>()

  /** @param max the number of connections of the pool. With only one, reads and writes share it. */
  constructor(max: number) {
    this.count = Math.max(1, Math.floor(max * SHARE_OF_WRITES))
    this.#free = this.count
  }

  /** Whether no write waits for a slot. */
  get hasRoom(): boolean {
    return this.#waiting.size === 0
  }

  /**
   * Waits for a slot. Call `giveBack` once afterwards.
   * @throws what `tooLate` returns, if the deadline passes: then there is no slot to give back.
   */
  take(deadline: Deadline, tooLate: () => Error): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const receive = () => {
        wait.end()
        resolve()
      }
      const wait = deadline.wait(() => {
        this.#waiting.delete(receive)
        reject(tooLate())
      })
      this.#waiting.add(receive)
    })
  }

  /** Hands the slot to the call that has waited longest. */
  giveBack(): void {
    const [next] = this.#waiting
    if (!next) {
      this.#free++
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
