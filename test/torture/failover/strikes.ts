import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '../../support/redis.js'
import { upToDate } from '../../support/replication.js'
import type { Pass } from '../case.js'
import type { Strike, Topology } from './topology.js'

export const STRIKES: Readonly<Record<Pass, readonly Strike[]>> = {
  full: ['killed', 'frozen', 'handed over', 'killed', 'frozen', 'handed over'],
  short: ['killed', 'handed over'],
}

/** Redis acknowledges first and replicates next: what it acknowledged so shortly before its end may be lost. */
const MAY_BE_LOST = 300
/** For so long an acknowledgement may have been under way to the client. */
const UNDER_WAY = 300

/** Lets one master after the other be replaced, and knows when that was. */
export class Strikes {
  readonly #topology: Topology
  /** Resolves when whoever uses the servers is served again. */
  readonly #served: (key: string) => Promise<unknown>
  /** Moments (`performance.now()`) at which a master ended without having been asked. */
  readonly #ends: number[] = []
  /** The moment of the latest strike. */
  latest = 0
  /** Milliseconds from each strike until another node had taken over, and until everybody was served again. */
  readonly #took: { replaced: number; served: number }[] = []

  constructor(topology: Topology, served: (key: string) => Promise<unknown>) {
    this.#topology = topology
    this.#served = served
  }

  get seen(): string {
    const seconds = (times: readonly number[]) => times.map(time => (time / 1000).toFixed(1)).join(', ')
    const replaced = seconds(this.#took.map(({ replaced }) => replaced))
    const served = seconds(this.#took.map(({ served }) => served))
    return `${this.#topology.name}: ${this.#took.length} masters replaced after ${replaced} s, service back after ${served} s`
  }

  /** Whether what somebody was told at `told` may be lost by `now`, as Redis documents it. */
  mayHaveTaken(told: number, now = performance.now()): boolean {
    return this.#ends.some(end => end <= now && end - MAY_BE_LOST < told && told < end + UNDER_WAY)
  }

  /** Whether a master ended after `began`: any of what was acknowledged shortly before may have been lost. */
  endedSince(began: number): boolean {
    return this.#ends.some(end => end >= began)
  }

  async all(strikes: readonly Strike[]): Promise<void> {
    for (const [n, strike] of strikes.entries()) {
      await sleep(300)
      await this.#one(strike, n)
    }
  }

  async #one(strike: Strike, n: number): Promise<void> {
    const topology = this.#topology
    // Keys of different shards, so that it is not always the same one.
    const key = `key-${n}`
    const master = await topology.masterOf(key)
    // A replica that has just come back counts as connected, and is told nothing yet for up to a second.
    await upToDate(master, await topology.replicasOf(master))
    const began = performance.now()
    this.latest = began
    await this.#hit(strike, master)
    const successor = await topology.replaced(key, master)
    const replaced = performance.now() - began
    await this.#served(key)
    this.#took.push({ replaced, served: performance.now() - began })
    // The old one comes back when everybody has found the new one.
    await topology.restore(master, successor, strike === 'killed')
  }

  async #hit(strike: Strike, master: RedisServer): Promise<void> {
    if (strike === 'handed over') return void (await this.#topology.handOver(master))
    if (strike === 'killed') await master.kill()
    else master.pause()
    this.#ends.push(performance.now())
  }
}
